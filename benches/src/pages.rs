//! Pages of a very large folder beside those of a small one.
//! Must not know how a page is found.

use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::{
    Bench,
    client::Connection,
    house::{House, Server},
    report::{Figure, Spread, Target},
    seed::{BIG, SMALL, SMALL_ENTRIES},
};

/// Entries of a page; the small folder has just as many.
const LIMIT: usize = SMALL_ENTRIES;

/// Requests of each kind in a round.
const REQUESTS: usize = 300;

/// Measures first and last page.
pub async fn measure(bench: &Bench, house: &House) -> anyhow::Result<Vec<Figure>> {
    let server = house.serve()?;
    let mut connection = Connection::open(server.address).await?;
    let target = |folder: &str, rest: &str| format!("/v1/files?path=/{folder}/list&limit={LIMIT}{rest}");
    // By number only here: it costs what it skips.
    let before = bench.entries.div_ceil(LIMIT) - 1;
    let page = page(
        house,
        &server,
        &mut connection,
        &target(BIG, &format!("&page={before}")),
    )
    .await?;
    let cursor = page["next_cursor"].as_str().context("no cursor to the last page")?;
    let targets = [
        target(SMALL, ""),
        target(BIG, ""),
        target(BIG, &format!("&cursor={}", cursor.replace('+', "%2B"))),
    ];
    for (n, target) in targets.iter().enumerate() {
        let page = self::page(house, &server, &mut connection, target).await?;
        let entries = page["files"].as_array().map_or(0, Vec::len);
        let wanted = if n == 2 { bench.entries - before * LIMIT } else { LIMIT };
        ensure!(entries == wanted, "a page has {entries} entries instead of {wanted}");
    }
    let requests = targets.map(|target| house.request(&server, "GET", &target, None));
    let rounds = bench
        .rounds("pages", async |_| {
            let mut times = [const { Vec::new() }; 3];
            for _ in 0..REQUESTS {
                for (times, request) in times.iter_mut().zip(&requests) {
                    let asked = Instant::now();
                    ensure!(connection.ask(request).await? == 200, "a page was refused");
                    times.push(asked.elapsed().as_secs_f64() * 1e3);
                }
            }
            Ok(times.map(|times| Spread::of(times).median))
        })
        .await?;
    server.stop()?;
    let figure = |name, which: usize, page: &str| {
        let ratios: Vec<f64> = rounds.iter().map(|times| times[which] / times[0]).collect();
        let what = format!(
            "{page} page ({LIMIT} entries) of a folder with {} ÷ the page of a folder with {SMALL_ENTRIES}",
            bench.entries
        );
        Figure::new(name, what, Target::AtMost(1.5), &ratios)
            .on(house.engine)
            .part("large", "ms", rounds.iter().map(|times| times[which]))
            .part("small", "ms", rounds.iter().map(|times| times[0]))
    };
    Ok(vec![
        figure("pages", 1, "first"),
        figure("pages", 2, "last (by cursor)"),
    ])
}

async fn page(house: &House, server: &Server, connection: &mut Connection, target: &str) -> anyhow::Result<Value> {
    connection.data(&house.request(server, "GET", target, None)).await
}
