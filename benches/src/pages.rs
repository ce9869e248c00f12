//! Pages of a very large folder beside those of a small one, in a small drive.
//! Must not know how a page is found.

use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::{
    Bench,
    client::Connection,
    house::{House, Server},
    report::{Figure, Spread, Target},
    seed::{Houses, LISTED, SMALL_ENTRIES},
};

/// Entries of a page; the small folder has just as many.
const LIMIT: usize = SMALL_ENTRIES;

/// Requests of each kind in a round.
const REQUESTS: usize = 100;

/// Measures first and last page.
pub async fn measure(bench: &Bench, houses: &Houses) -> anyhow::Result<Vec<Figure>> {
    let (large, small) = (houses.large.serve()?, houses.small.serve()?);
    let mut connections = [
        Connection::open(small.address).await?,
        Connection::open(large.address).await?,
    ];
    let target = |rest: &str| format!("/v1/files?path=/{LISTED}/list&limit={LIMIT}{rest}");
    // By number only here: it costs what it skips.
    let before = bench.entries.div_ceil(LIMIT) - 1;
    let page = page(
        &houses.large,
        &large,
        &mut connections[1],
        &target(&format!("&page={before}")),
    )
    .await?;
    let cursor = page["next_cursor"].as_str().context("no cursor to the last page")?;
    let last = target(&format!("&cursor={}", cursor.replace('+', "%2B")));
    // In turns: the small drive, and the large one's first and last page.
    let sides = [(&houses.small, &small), (&houses.large, &large)];
    let asked = [
        (0, target(""), LIMIT),
        (1, target(""), LIMIT),
        (1, last, bench.entries - before * LIMIT),
    ];
    let mut requests = Vec::new();
    for (which, target, wanted) in asked {
        let (house, server) = sides[which];
        let page = self::page(house, server, &mut connections[which], &target).await?;
        let entries = page["files"].as_array().map_or(0, Vec::len);
        ensure!(entries == wanted, "a page has {entries} entries instead of {wanted}");
        requests.push((which, house.request(server, "GET", &target, None)));
    }
    let rounds = bench
        .rounds("pages", async |_| {
            let mut times = [const { Vec::new() }; 3];
            for _ in 0..REQUESTS {
                for (times, (which, request)) in times.iter_mut().zip(&requests) {
                    let asked = Instant::now();
                    ensure!(connections[*which].ask(request).await? == 200, "a page was refused");
                    times.push(asked.elapsed().as_secs_f64() * 1e3);
                }
            }
            Ok(times.map(|times| Spread::of(times).median))
        })
        .await?;
    large.stop()?;
    small.stop()?;
    let figure = |name, which: usize, page: &str| {
        let ratios: Vec<f64> = rounds.iter().map(|times| times[which] / times[0]).collect();
        let what = format!(
            "{page} page ({LIMIT} entries) of a folder with {} ÷ the page of a folder with {SMALL_ENTRIES} in a drive of its own",
            bench.entries
        );
        Figure::new(name, what, Target::AtMost(1.5), &ratios)
            .on(houses.large.engine)
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
