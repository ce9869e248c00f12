//! The log on standard error: its form, its filter, and what a panic becomes.
//! Must not decide what is logged.

use std::{io::IsTerminal, panic};

use anyhow::Context;
use pantry_core::Settings;
use tracing_subscriber::EnvFilter;

/// Begins to log. Panics are logged as well, within the span of their request.
///
/// # Errors
/// The filter is malformed.
pub fn start(settings: &Settings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.log.filter)
        .with_context(|| format!("log.filter is malformed: {:?}", settings.log.filter))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second start, as in tests, changes nothing.
    let _ = match settings.log.format.as_str() {
        "json" => log.json().flatten_event(true).try_init(),
        _ => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let text = info.payload_as_str().unwrap_or("(no text)");
        tracing::error!(place, text, "panic");
    }));
    Ok(())
}
