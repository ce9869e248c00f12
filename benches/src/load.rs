//! Load from many connections at once, each asking again as soon as it was answered: by `wrk` for a request that stays
//! the same, by our own client for requests that differ.
//! Must not know what is asked for.

use std::{
    net::SocketAddr,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};

use crate::{client::Connection, report::Spread};

/// What a load got.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Answers per second.
    pub rate: f64,
    /// Half of the answers came within so many ms.
    pub middle_ms: f64,
    /// All but one in a hundred came within so many ms.
    pub slow_ms: f64,
}

/// Runs `wrk`: one request, again and again.
pub fn wrk(address: SocketAddr, target: &str, token: &str, connections: usize, seconds: u64) -> anyhow::Result<Load> {
    let done = Command::new("wrk")
        .args(["--threads", "1", "--latency", "--connections", &connections.to_string()])
        .args(["--duration", &format!("{seconds}s"), "--timeout", "10s"])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .arg(format!("http://{address}{target}"))
        .output()
        .context("wrk cannot be started; Debian: apt install wrk")?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    ensure!(
        done.status.success() && !said.contains("Non-2xx") && !said.contains("Socket errors"),
        "wrk failed: {said}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let field = |name: &str| {
        let mut lines = said.lines().map(str::trim);
        let rest = lines.find_map(|line| line.strip_prefix(name)).map(str::trim);
        rest.with_context(|| format!("wrk says no {name}: {said}"))
    };
    Ok(Load {
        rate: field("Requests/sec:")?.parse()?,
        middle_ms: milliseconds(field("50%")?)?,
        slow_ms: milliseconds(field("99%")?)?,
    })
}

/// `1.25ms`, `812.00us`, `1.10s`
fn milliseconds(text: &str) -> anyhow::Result<f64> {
    let scales = [("us", 0.001), ("ms", 1.0), ("s", 1_000.0)];
    let (number, scale) = scales
        .iter()
        .find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale)))
        .with_context(|| format!("{text:?} is no time"))?;
    Ok(number.parse::<f64>()? * scale)
}

/// Sends requests that `make` makes from a number that never repeats.
pub async fn own(
    address: SocketAddr,
    connections: usize,
    time: Duration,
    counter: &Arc<AtomicU64>,
    make: impl Fn(u64) -> Vec<u8> + Clone + Send + 'static,
) -> anyhow::Result<Load> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Connection::open(address).await?);
    }
    let started = Instant::now();
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            let (make, counter) = (make.clone(), Arc::clone(counter));
            tokio::spawn(async move {
                let mut times = Vec::new();
                while started.elapsed() < time {
                    let request = make(counter.fetch_add(1, Ordering::Relaxed));
                    let asked = Instant::now();
                    let status = client.ask(&request).await?;
                    times.push(asked.elapsed().as_secs_f64() * 1e3);
                    ensure!(
                        status == 200,
                        "status {status}: {}",
                        String::from_utf8_lossy(client.last())
                    );
                }
                Ok(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    let took = started.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    Ok(Load {
        rate: times.len() as f64 / took,
        middle_ms: Spread::of(times.iter().copied()).median,
        slow_ms: times.get(times.len() * 99 / 100).copied().unwrap_or(f64::NAN),
    })
}
