//! How much memory the server holds: at rest, and under many large uploads and downloads at once.
//! Must not know what it holds it for.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::Context;

use crate::{
    Bench, GIB,
    ceilings::{md5_seconds, noise},
    client::{Bulk, Connection},
    download::link,
    house::{Engine, House, Server},
    report::{Figure, Target},
    upload::{precreate, send, stamp, upload},
};

/// Uploads at once, and as many downloads.
const AT_ONCE: usize = 16;

/// Bytes of each upload.
const UPLOAD_BYTES: usize = 256 << 20;

/// Rounds: each begins with a new server.
const ROUNDS: usize = 3;

/// Measures both figures.
pub async fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let mut bytes = noise(4, GIB);
    let house = House::new(bench, Engine::Sqlite).await?;
    let server = house.serve()?;
    let (_, md5) = md5_seconds(&bytes);
    upload(&house, &server, "large", &bytes, &md5).await?;
    server.stop()?;
    bytes.truncate(UPLOAD_BYTES);
    let (mut idle, mut busy, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS.min(bench.rounds) {
        eprintln!("memory: round {}", round + 1);
        let server = house.serve()?;
        house.call(&server, "GET", "/v1/files?path=/", None).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        idle.push(server.memory()?.0);
        let link = link(&house, &server, "large").await?;
        let mut uploads = Vec::new();
        let mut connection = Connection::open(server.address).await?;
        for n in 0..AT_ONCE {
            let mut bytes = bytes.clone();
            stamp(&mut bytes, 1 + round * AT_ONCE + n);
            let (_, md5) = md5_seconds(&bytes);
            let name = format!("upload {round} {n}");
            let made = precreate(&mut connection, &house, &server, &name, bytes.len(), &md5).await?;
            let id = made["upload_id"].as_str().context("no upload_id")?.to_owned();
            let chunk = made["chunk_size"].as_u64().context("no chunk_size")?;
            uploads.push((id, usize::try_from(chunk)?, bytes));
        }
        tokio::task::block_in_place(|| load(&server, &uploads, &link))?;
        let (now, peak) = server.memory()?;
        busy.push(peak);
        rest.push(now);
        server.stop()?;
    }
    house.check()?;
    let what =
        format!("most resident memory with {AT_ONCE} uploads of 256 MiB and {AT_ONCE} downloads of 1 GiB at once");
    Ok(vec![
        Figure::new("memory", "resident memory at rest", Target::AtMost(64.0), &idle).in_unit("MiB"),
        Figure::new("memory", what, Target::AtMost(200.0), &busy)
            .in_unit("MiB")
            .part("after it", "MiB", rest),
    ])
}

/// All uploads, each over one connection to its `complete`; downloads go on as long.
fn load(server: &Server, uploads: &[(String, usize, Vec<u8>)], link: &str) -> anyhow::Result<()> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let downloads: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| -> anyhow::Result<()> {
                    let mut connection = Bulk::open(server.address)?;
                    while !stop.load(Ordering::Relaxed) {
                        connection.fetch(link)?;
                    }
                    Ok(())
                })
            })
            .collect();
        let uploads: Vec<_> = uploads
            .iter()
            .map(|(id, chunk, bytes)| {
                scope.spawn(move || -> anyhow::Result<()> {
                    send(server, id, bytes, *chunk, 1)?;
                    Bulk::open(server.address)?.post(&format!("/u/{id}/complete"), b"")?;
                    Ok(())
                })
            })
            .collect();
        let mut result = Ok(());
        for end in uploads {
            result = result.and(end.join().unwrap_or_else(|_| anyhow::bail!("an upload panicked")));
        }
        stop.store(true, Ordering::Relaxed);
        for end in downloads {
            result = result.and(end.join().unwrap_or_else(|_| anyhow::bail!("a download panicked")));
        }
        result
    })
}
