//! The progress line on a terminal: what, how far, how fast. Must not write anything when nobody looks.

use std::{
    collections::HashMap,
    io::{IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
};

use pantry_client::{Progress, Step};
use pantry_types::{SharedClock, SystemClock};

use crate::{
    lang::t,
    out::{Out, size},
    text::Text,
};

/// Milliseconds between two drawings.
const EVERY: i64 = 100;
/// Columns for the name.
const NAME: usize = 28;
/// Columns of the bar.
const BAR: u64 = 20;

/// One line for all that is on its way.
#[derive(Clone)]
pub struct Bar(Option<Arc<Mutex<State>>>);

struct State {
    clock: SharedClock,
    /// Bytes of all that is to be moved.
    total: u64,
    /// Bytes of what is finished.
    finished: u64,
    /// Bytes done of what is on its way, by its number.
    open: HashMap<u64, u64>,
    next: u64,
    hashing: Option<(u64, u64)>,
    name: String,
    drawn_at: i64,
    /// When the first byte moved, and how many were there by then: what was there already is no speed.
    started: Option<(i64, u64)>,
    shown: bool,
}

/// One transfer within the line; dropping it unfinished takes its bytes back.
pub struct Transfer {
    bar: Bar,
    number: u64,
    size: u64,
}

impl Bar {
    /// A line for `total` bytes; silent with `--json` and when standard error is no terminal.
    pub fn new(out: Out, total: u64) -> Self {
        if out.json || !std::io::stderr().is_terminal() {
            return Self(None);
        }
        Self(Some(Arc::new(Mutex::new(State {
            clock: Arc::new(SystemClock),
            total,
            finished: 0,
            open: HashMap::new(),
            next: 0,
            hashing: None,
            name: String::new(),
            drawn_at: 0,
            started: None,
            shown: false,
        }))))
    }

    fn with<T: Default>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        match &self.0 {
            Some(state) => work(&mut state.lock().unwrap_or_else(PoisonError::into_inner)),
            None => T::default(),
        }
    }

    /// Begins a transfer of `size` bytes.
    pub fn begin(&self, name: &str, size: u64) -> Transfer {
        let number = self.with(|state| {
            name.clone_into(&mut state.name);
            state.next += 1;
            state.next
        });
        Transfer {
            bar: self.clone(),
            number,
            size,
        }
    }

    /// Wipes the line, so that something else can be written.
    pub fn clear(&self) {
        self.with(State::clear);
    }
}

impl Transfer {
    /// What the client calls.
    pub fn progress(&self) -> Option<Progress> {
        let state = self.bar.0.clone()?;
        let number = self.number;
        Some(Arc::new(move |step| {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            match step {
                Step::Hashing { done, total } => state.hashing = (done < total).then_some((done, total)),
                Step::Transferring { done, .. } => {
                    state.hashing = None;
                    state.open.insert(number, done);
                }
            }
            state.draw();
        }))
    }

    /// All of it is there.
    pub fn finish(self) {
        let size = self.size;
        self.bar.with(|state| state.finished += size);
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        let number = self.number;
        self.bar.with(|state| state.open.remove(&number));
    }
}

impl State {
    fn clear(&mut self) {
        if self.shown {
            self.shown = false;
            let _ignored = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }

    fn draw(&mut self) {
        let now = self.clock.now_ms();
        let done = self.finished + self.open.values().sum::<u64>();
        let (since, there) = *self.started.get_or_insert((now, done));
        if now - self.drawn_at < EVERY {
            return;
        }
        self.drawn_at = now;
        self.shown = true;
        let name = cut(&self.name, NAME);
        let line = match self.hashing {
            Some((done, total)) => format!("{name} {} {}", bar(done, total), t(Text::Hashing)),
            None => {
                let passed = u64::try_from(now - since).unwrap_or(0).max(1);
                let speed = done.saturating_sub(there).saturating_mul(1000) / passed;
                let left = self.total.saturating_sub(done).checked_div(speed);
                let left = left.map_or_else(String::new, |seconds| format!(" {}", clock(seconds)));
                format!("{name} {} {}/s{left}", bar(done, self.total), bytes(speed))
            }
        };
        let mut screen = std::io::stderr().lock();
        let _ignored = write!(screen, "\r{line}\x1b[K").and_then(|()| screen.flush());
    }
}

fn bytes(n: u64) -> String {
    size(i64::try_from(n).unwrap_or(i64::MAX))
}

fn bar(done: u64, total: u64) -> String {
    let share = |of: u64| (u128::from(done.min(total)) * u128::from(of)).checked_div(u128::from(total));
    let filled = usize::try_from(share(BAR).unwrap_or(u128::from(BAR))).unwrap_or(0);
    let rest = (BAR as usize).saturating_sub(filled);
    format!(
        "[{}{}] {:>3}%",
        "#".repeat(filled),
        "-".repeat(rest),
        share(100).unwrap_or(100)
    )
}

fn clock(seconds: u64) -> String {
    match seconds {
        0..3600 => format!("{:02}:{:02}", seconds / 60, seconds % 60),
        3600..360_000 => format!("{}:{:02}:{:02}", seconds / 3600, seconds % 3600 / 60, seconds % 60),
        _ => "--:--".to_owned(),
    }
}

/// Cut or filled up to a width; Chinese, Japanese and Korean characters take two columns.
fn cut(name: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for c in name.chars() {
        let c = if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        let columns = if matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}')
        {
            2
        } else {
            1
        };
        if used + columns > width {
            break;
        }
        used += columns;
        out.push(c);
    }
    out.extend(std::iter::repeat_n(' ', width - used));
    out
}

#[cfg(test)]
mod tests {
    //! The line's pieces.
    use super::*;

    #[test]
    fn bars_fill_from_nothing_to_all() {
        assert_eq!(bar(0, 10), "[--------------------]   0%");
        assert_eq!(bar(5, 10), "[##########----------]  50%");
        assert_eq!(bar(11, 10), "[####################] 100%");
        assert_eq!(bar(0, 0), "[####################] 100%");
    }

    #[test]
    fn names_keep_their_columns() {
        assert_eq!(cut("abc", 5), "abc  ");
        assert_eq!(cut("abcdef", 5), "abcde");
        assert_eq!(cut("电影电影", 5), "电影 ");
        assert_eq!(clock(61), "01:01");
        assert_eq!(clock(3_661), "1:01:01");
    }
}
