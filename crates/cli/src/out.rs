//! Writing: lines for people, JSON for programs, sizes and times as people read them. Must not know any command.

use std::io::{self, BufRead, IsTerminal, Write};

use serde::Serialize;

use crate::{
    fail::{Exit, Failure},
    lang::{t, tf},
    text::Text,
};

/// Where the answer of a command goes.
#[derive(Clone, Copy, Debug)]
pub struct Out {
    /// JSON instead of text.
    pub json: bool,
}

impl Out {
    /// A line for people; nothing with `--json`.
    pub fn line(self, text: impl AsRef<str>) -> Result<(), Failure> {
        if !self.json {
            writeln!(io::stdout().lock(), "{}", text.as_ref())?;
        }
        Ok(())
    }

    /// One answer for programs; nothing without `--json`.
    pub fn json(self, value: &impl Serialize) -> Result<(), Failure> {
        if self.json {
            let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
            writeln!(io::stdout().lock(), "{text}")?;
        }
        Ok(())
    }

    /// One of many answers for programs, on a line of its own, at once; nothing without `--json`.
    pub fn json_line(self, value: &impl Serialize) -> Result<(), Failure> {
        if self.json {
            let text = serde_json::to_string(value).map_err(io::Error::from)?;
            writeln!(io::stdout().lock(), "{text}")?;
        }
        Ok(())
    }

    /// A remark beside the answer, on standard error; nothing with `--json`.
    pub fn remark(self, text: impl AsRef<str>) {
        if !self.json {
            // If even that cannot be written there is nobody to tell.
            let _ignored = writeln!(io::stderr().lock(), "{}", text.as_ref());
        }
    }

    /// A failure, on standard error.
    pub fn failure(self, failure: &Failure) {
        let text = if self.json {
            failure.json().to_string()
        } else {
            format!("pantry: {}", failure.line())
        };
        let _ignored = writeln!(io::stderr().lock(), "{text}");
    }

    /// A list of any length, one item at a time.
    pub fn list(self) -> List {
        List {
            out: self,
            writer: io::BufWriter::new(io::stdout()),
            items: 0,
        }
    }
}

/// A list that is being written: lines, or the items of a JSON array.
#[derive(Debug)]
pub struct List {
    out: Out,
    writer: io::BufWriter<io::Stdout>,
    items: usize,
}

impl List {
    /// One item, for people and for programs.
    pub fn item(&mut self, line: impl FnOnce() -> String, value: &impl Serialize) -> Result<(), Failure> {
        if self.out.json {
            let value = serde_json::to_string(value).map_err(io::Error::from)?;
            let before = if self.items == 0 { "[\n" } else { ",\n" };
            write!(self.writer, "{before}  {value}")?;
        } else {
            writeln!(self.writer, "{}", line())?;
        }
        self.items += 1;
        Ok(())
    }

    /// Ends the list; gives its length.
    pub fn end(mut self) -> Result<usize, Failure> {
        if self.out.json {
            let text = if self.items == 0 { "[]" } else { "\n]" };
            writeln!(self.writer, "{text}")?;
        }
        self.writer.flush()?;
        Ok(self.items)
    }
}

/// Asks a question that `y` or `yes` agrees to.
pub fn ask(question: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::said(Exit::Usage, "nobody_to_ask", t(Text::ErrAsk).to_owned()));
    }
    let mut screen = io::stderr().lock();
    write!(screen, "{question}{}", t(Text::YesNo))?;
    screen.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    let answer = answer.trim().to_lowercase();
    Ok(matches!(answer.as_str(), "y" | "yes" | "是" | "好"))
}

/// A number of bytes as people read it: `1.5 MiB`.
pub fn size(bytes: i64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes.unsigned_abs() < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value.abs() >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A time as people read it: `2026-01-31 09:05`, in UTC.
pub fn time(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 1 March of year 0, in eras of 400 years, so that the leap day is the last of its year.
    let z = days + 719_468;
    let (era, day) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (rest / 3600, rest % 3600 / 60);
    format!("{year:04}-{month:02}-{day_of_month:02} {hour:02}:{minute:02}")
}

/// A name as a terminal may get it: control characters are shown, not obeyed.
pub fn plain(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

/// `n` of what a text counts.
pub fn counted(text: Text, n: impl std::fmt::Display) -> String {
    tf(text, &[&n])
}

#[cfg(test)]
mod tests {
    //! Sizes and times.
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1_048_575, "1.0 MiB"),
            (5_242_880, "5.0 MiB"),
            (1_610_612_736_000, "1.5 TiB"),
            (i64::MAX, "8.0 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn times_follow_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00"),
            (-1, "1969-12-31 23:59"),
            (951_782_400, "2000-02-29 00:00"),
            (1_709_251_199, "2024-02-29 23:59"),
            (1_709_251_200, "2024-03-01 00:00"),
            (1_779_051_234, "2026-05-17 20:53"),
        ] {
            assert_eq!(time(seconds), text);
        }
    }
}
