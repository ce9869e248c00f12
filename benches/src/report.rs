//! What was measured, and how it is told: a table for people, JSON for programs.
//! Must not measure.

use std::{fmt::Write, fs, thread};

use serde::Serialize;

use crate::{Bench, house::Engine};

/// A figure's promise.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Not less.
    AtLeast(f64),
    /// Not more.
    AtMost(f64),
}

impl Target {
    fn met(self, value: f64) -> bool {
        match self {
            Target::AtLeast(least) => value >= least,
            Target::AtMost(most) => value <= most,
        }
    }

    fn text(self) -> String {
        match self {
            Target::AtLeast(least) => format!("≥ {least}"),
            Target::AtMost(most) => format!("≤ {most}"),
        }
    }
}

/// The middle of several values, with the least and the greatest.
#[derive(Clone, Debug, Serialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The least.
    pub low: f64,
    /// The greatest.
    pub high: f64,
    /// All of them, in the order of the rounds: what drifts shows only here.
    pub values: Vec<f64>,
}

impl Spread {
    /// Of at least one value; not a number where there is none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        };
        Self {
            median,
            low: sorted.first().copied().unwrap_or(f64::NAN),
            high: sorted.last().copied().unwrap_or(f64::NAN),
            values,
        }
    }
}

/// An absolute number behind a figure.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// What it is.
    pub what: String,
    /// In what.
    pub unit: &'static str,
    /// Its values over the rounds.
    #[serde(flatten)]
    pub spread: Spread,
}

/// One figure: a ratio, or an amount of memory.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// By which it is asked for.
    pub name: &'static str,
    /// Where the rows were, if it matters.
    pub engine: Option<Engine>,
    /// What is divided by what.
    pub what: String,
    /// Empty for a ratio.
    pub unit: &'static str,
    /// What is promised.
    pub target: Target,
    /// Its values over the rounds.
    #[serde(flatten)]
    pub spread: Spread,
    /// Whether the median keeps the promise.
    pub met: bool,
    /// Number of rounds.
    pub rounds: usize,
    /// What it was made of.
    pub parts: Vec<Part>,
    /// Load average (one minute) when the figure was told.
    pub load: f64,
}

impl Figure {
    /// From one value for each round.
    pub fn new(name: &'static str, what: impl Into<String>, target: Target, values: &[f64]) -> Self {
        let spread = Spread::of(values.iter().copied());
        Self {
            name,
            engine: None,
            what: what.into(),
            unit: "",
            target,
            met: target.met(spread.median),
            spread,
            rounds: values.len(),
            parts: Vec::new(),
            load: load_average(),
        }
    }

    /// It depends on where the rows are.
    pub fn on(mut self, engine: Engine) -> Self {
        self.engine = Some(engine);
        self
    }

    /// It is an amount.
    pub fn in_unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// An absolute number behind it.
    pub fn part(mut self, what: impl Into<String>, unit: &'static str, values: impl IntoIterator<Item = f64>) -> Self {
        self.parts.push(Part {
            what: what.into(),
            unit,
            spread: Spread::of(values),
        });
        self
    }
}

/// All that a run measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Processors.
    pub cores: usize,
    /// Memory in GiB.
    pub memory_gib: f64,
    /// Load average (one minute) before the first measurement: work that is not ours.
    pub load_before: f64,
    /// Entries of the large folder.
    pub entries: usize,
    /// The figures.
    pub figures: Vec<Figure>,
}

impl Report {
    /// An empty one.
    pub fn new(bench: &Bench) -> Self {
        Self {
            cores: thread::available_parallelism().map_or(0, usize::from),
            memory_gib: memory_gib(),
            load_before: load_average(),
            entries: bench.entries,
            figures: Vec::new(),
        }
    }

    /// Tells a figure at once, and keeps it.
    pub fn add(&mut self, figure: Figure) {
        eprintln!("{}", line(&figure));
        self.figures.push(figure);
    }

    /// The table, in Markdown.
    pub fn table(&self) -> String {
        let mut out = format!(
            "{} cores, {:.0} GiB; load average before the run {:.2}\n\n\
             | figure | rows | what | target | median | spread | | measured | load |\n\
             |---|---|---|---|---|---|---|---|---|\n",
            self.cores, self.memory_gib, self.load_before
        );
        for figure in &self.figures {
            let _ = writeln!(out, "{}", line(figure));
        }
        out
    }
}

fn line(figure: &Figure) -> String {
    let unit = if figure.unit.is_empty() {
        String::new()
    } else {
        format!(" {}", figure.unit)
    };
    let parts: Vec<String> = figure
        .parts
        .iter()
        .map(|part| {
            let s = &part.spread;
            let (middle, low, high) = (number(s.median), number(s.low), number(s.high));
            format!("{} {middle} {} ({low}–{high})", part.what, part.unit)
        })
        .collect();
    format!(
        "| {} | {} | {} | {}{} | **{}**{unit} | {}–{} of {} | {} | {} | {:.1} |",
        figure.name,
        figure.engine.map_or("", Engine::name),
        figure.what,
        figure.target.text(),
        unit,
        number(figure.spread.median),
        number(figure.spread.low),
        number(figure.spread.high),
        figure.rounds,
        if figure.met { "met" } else { "MISSED" },
        parts.join("; "),
        figure.load,
    )
}

/// Three digits or so.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Processes that wanted to run in the last minute.
fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split_whitespace().next();
    first.and_then(|first| first.parse().ok()).unwrap_or(f64::NAN)
}

fn memory_gib() -> f64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0 / 1024.0)
}
