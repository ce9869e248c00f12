//! What others feel while a folder with very many nodes is freed in the background: the slowest percent of their requests
//! with it, beside the same without, window by window. Must not know how nodes are freed.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::{
    Bench,
    house::{Engine, House, Server},
    load::{self, Load},
    report::{Figure, Target},
    seed,
};

const WINDOW: Duration = Duration::from_secs(4);
/// Of each kind.
const CONNECTIONS: usize = 4;
/// Folders that are freed, one in a round: more rounds than these there are none.
const FOLDERS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];
/// Of the drive's nodes, one in so many lies in each of them: freeing them takes longer than a window, and not much longer.
const SHARE: usize = 25;

/// What a window got.
struct Window {
    reads: Load,
    writes: Load,
}

/// Measures reads and writes.
pub async fn measure(bench: &Bench, engine: Engine) -> anyhow::Result<Vec<Figure>> {
    let rounds = bench.rounds.min(FOLDERS.len());
    let nodes = bench.entries / SHARE;
    let folders: Vec<(&'static str, usize)> = FOLDERS[..rounds].iter().map(|name| (*name, nodes)).collect();
    let mut seeded = folders.clone();
    seeded.push(("beside", bench.entries - rounds * nodes));
    let house = seed::house(bench, engine, &seeded).await?;
    let server = house.serve()?;
    let counter = Arc::new(AtomicU64::new(0));
    window(&house, &server, &counter).await?;
    let (mut quiet, mut busy, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for (round, (name, _)) in folders.iter().enumerate() {
        eprintln!("purge: round {} of {rounds}", round + 1);
        quiet.push(window(&house, &server, &counter).await?);
        let id = house.folder(&server, name).await?;
        let delete = format!("action=delete&folder_ids[]={id}");
        house.call(&server, "POST", "/v1/files/manage", Some(&delete)).await?;
        let begun = Instant::now();
        let done = house
            .call(&server, "POST", "/v1/bin/purge", Some(&format!("folder_ids[]={id}")))
            .await?;
        let job = done["job_id"].as_i64().context("no job_id")?;
        busy.push(window(&house, &server, &counter).await?);
        let after = progress(&house, &server, job).await?;
        ensure!(
            after["state"] == "running",
            "it was done before the window was over: {after}"
        );
        rates.push(after["done"].as_f64().context("done")? / begun.elapsed().as_secs_f64());
        while progress(&house, &server, job).await?["state"] == "running" {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    server.stop()?;
    house.check()?;
    let figure = |doing: &str, of: fn(&Window) -> Load| {
        let slow = |windows: &[Window]| windows.iter().map(|w| of(w).slow_ms).collect::<Vec<_>>();
        let (with, without) = (slow(&busy), slow(&quiet));
        let ratios: Vec<f64> = with.iter().zip(&without).map(|(a, b)| a / b).collect();
        let what = format!(
            "p99 of {doing} by {CONNECTIONS} connections of the same person while {nodes} nodes of {} are freed ÷ without",
            bench.entries
        );
        Figure::new("purge", what, Target::AtMost(2.0), &ratios)
            .on(engine)
            .part("with", "ms", with)
            .part("without", "ms", without)
            .part("freed", "nodes/s", rates.iter().copied())
    };
    Ok(vec![
        figure("`GET /v1/files/{id}`", |w| w.reads),
        figure("`POST /v1/files/folder`", |w| w.writes),
    ])
}

/// Reads and writes side by side, each asking again as soon as it was answered.
async fn window(house: &House, server: &Server, counter: &Arc<AtomicU64>) -> anyhow::Result<Window> {
    let made = house
        .call(
            server,
            "POST",
            "/v1/files/folder",
            Some(&format!("parent_path=/&name={}", unique(counter))),
        )
        .await?;
    let target = made["folder_id"].as_i64().context("no folder_id")?;
    let read = house.request(server, "GET", &format!("/v1/files/{target}"), None);
    let path = made["name"].as_str().context("no name")?.to_owned();
    let (address, token) = (server.address, house.token.clone());
    let write = move |n: u64| {
        let form = format!("parent_path=/{path}&name=n{n}");
        crate::client::request("POST", "/v1/files/folder", address, Some(&token), Some(&form))
    };
    let reads = load::own(address, CONNECTIONS, WINDOW, counter, move |_| read.clone());
    let writes = load::own(address, CONNECTIONS, WINDOW, counter, write);
    let (reads, writes) = tokio::join!(reads, writes);
    Ok(Window {
        reads: reads?,
        writes: writes?,
    })
}

fn unique(counter: &AtomicU64) -> String {
    format!("window-{}", counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
}

async fn progress(house: &House, server: &Server, job: i64) -> anyhow::Result<Value> {
    house.call(server, "GET", &format!("/v1/jobs/{job}"), None).await
}
