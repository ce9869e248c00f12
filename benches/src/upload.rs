//! A large upload in parts, verified: its speed, and how long its `complete` takes.
//! Owns the client's side of the protocol; must not know how the server hashes.

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use anyhow::Context;
use serde_json::Value;

use crate::{
    Bench, GIB,
    ceilings::{md5_seconds, noise, settle, write_seconds},
    client::{Bulk, Connection},
    house::{Engine, House, Server, is_in_memory},
    report::{Figure, Target},
};

/// Connections that send parts of one file.
const CONNECTIONS: usize = 3;

/// A folder in memory, where there is one: `fsync` costs nothing there.
const IN_MEMORY: &str = "/dev/shm";

/// How long an upload took, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// From the first request to the last answer.
    pub whole: f64,
    /// The last request alone.
    pub complete: f64,
    /// Processor time of the server.
    pub processor: f64,
}

struct Round {
    md5: f64,
    write: f64,
    took: Took,
}

/// Measures both figures.
pub async fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let mut bytes = noise(1, GIB);
    let house = House::new(bench, Engine::Sqlite).await?;
    let server = house.serve()?;
    let rounds = bench
        .rounds("upload", async |n| {
            stamp(&mut bytes, n);
            settle();
            let write = write_seconds(house.dir(), &bytes)?;
            let (md5, hash) = md5_seconds(&bytes);
            settle();
            let took = upload(&house, &server, &format!("file {n}"), &bytes, &hash).await?;
            Ok(Round { md5, write, took })
        })
        .await?;
    server.stop()?;
    house.check()?;
    drop(house);
    let ratios: Vec<f64> = rounds.iter().map(|r| r.md5.max(r.write) / r.took.whole).collect();
    let what = "1 GiB in parts of 5 MiB, verified ÷ the slower of MD5 on one core and writing with fsync";
    let speed = |seconds: f64| GIB as f64 / 1e6 / seconds;
    let figure = Figure::new("upload", what, Target::AtLeast(0.75), &ratios)
        .part("upload", "MB/s", rounds.iter().map(|r| speed(r.took.whole)))
        .part("MD5", "MB/s", rounds.iter().map(|r| speed(r.md5)))
        .part("write", "MB/s", rounds.iter().map(|r| speed(r.write)))
        .part("complete with its fsync", "s", rounds.iter().map(|r| r.took.complete))
        .part("server's processor time", "s", rounds.iter().map(|r| r.took.processor));
    let mut figures = vec![figure];
    figures.extend(complete(bench, &mut bytes).await?);
    Ok(figures)
}

/// What `complete` takes without its last fsync: on a drive in memory, where an fsync has nothing to do. Parts arrive
/// faster there than on any disk, so that no less is left to be hashed.
async fn complete(bench: &Bench, bytes: &mut [u8]) -> anyhow::Result<Option<Figure>> {
    let folder = Path::new(IN_MEMORY);
    let need = (bench.rounds as u64 + 1) * GIB as u64;
    let free = rustix::fs::statvfs(folder).map_or(0, |fs| fs.f_bavail * fs.f_frsize);
    if free < need || !is_in_memory(folder)? {
        eprintln!("complete: not measured, {IN_MEMORY} is no folder in memory with {need} bytes free");
        return Ok(None);
    }
    let house = House::within(bench, Engine::Sqlite, folder).await?;
    let server = house.serve()?;
    let rounds = bench
        .rounds("complete", async |n| {
            stamp(bytes, n);
            let (md5, hash) = md5_seconds(bytes);
            let took = upload(&house, &server, &format!("file {n}"), bytes, &hash).await?;
            Ok((md5, took))
        })
        .await?;
    server.stop()?;
    let ratios: Vec<f64> = rounds.iter().map(|(md5, took)| took.complete / md5).collect();
    let what = "`complete` after 1 GiB in order, sent as fast as it is taken, on a drive in memory (no fsync to wait for) ÷ MD5 on one core";
    let figure = Figure::new("complete", what, Target::AtMost(0.1), &ratios)
        .part("complete", "s", rounds.iter().map(|(_, took)| took.complete))
        .part(
            "the upload before it",
            "s",
            rounds.iter().map(|(_, took)| took.whole - took.complete),
        )
        .part("MD5", "s", rounds.iter().map(|(md5, _)| *md5));
    Ok(Some(figure))
}

/// Makes the bytes differ from those of every other round: a content that is stored already would cost nothing.
pub fn stamp(bytes: &mut [u8], n: usize) {
    bytes[..8].copy_from_slice(&(n as u64).to_le_bytes());
}

/// Uploads a file by the protocol, its parts in order over a few connections.
pub async fn upload(house: &House, server: &Server, name: &str, bytes: &[u8], md5: &str) -> anyhow::Result<Took> {
    let mut connection = Connection::open(server.address).await?;
    // Whoever has sent nothing yet has no processor time to show.
    let before = server.processor_seconds()?;
    let started = Instant::now();
    let made = precreate(&mut connection, house, server, name, bytes.len(), md5).await?;
    let id = made["upload_id"].as_str().context("no upload_id")?;
    let chunk = made["chunk_size"]
        .as_u64()
        .and_then(|n| usize::try_from(n).ok())
        .context("no chunk_size")?;
    tokio::task::block_in_place(|| send(server, id, bytes, chunk, CONNECTIONS))?;
    let last = Instant::now();
    let complete = house.request(server, "POST", &format!("/u/{id}/complete"), Some(""));
    connection.data(&complete).await?;
    Ok(Took {
        whole: started.elapsed().as_secs_f64(),
        complete: last.elapsed().as_secs_f64(),
        processor: server.processor_seconds()? - before,
    })
}

/// Announces an upload.
pub async fn precreate(
    connection: &mut Connection,
    house: &House,
    server: &Server,
    name: &str,
    size: usize,
    md5: &str,
) -> anyhow::Result<Value> {
    let form = format!("parent_path=/&name={}&size={size}&md5={md5}", name.replace(' ', "+"));
    let request = house.request(server, "POST", "/v1/files/upload/precreate", Some(&form));
    connection.data(&request).await
}

/// Sends all parts, each by the next connection that is free.
pub fn send(server: &Server, id: &str, bytes: &[u8], chunk: usize, connections: usize) -> anyhow::Result<()> {
    let next = AtomicUsize::new(0);
    let parts: Vec<&[u8]> = bytes.chunks(chunk).collect();
    let sender = || -> anyhow::Result<()> {
        let mut connection = Bulk::open(server.address)?;
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = parts.get(n) else { return Ok(()) };
            connection.post(&format!("/u?upload_id={id}&part_seq={}", n + 1), part)?;
        }
    };
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..connections).map(|_| scope.spawn(sender)).collect();
        senders
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .try_for_each(|end| end.unwrap_or_else(|_| anyhow::bail!("a sender panicked")))
    })
}
