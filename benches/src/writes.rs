//! Durable small writes by many connections, beside what the disk can make durable one after another.
//! Must not know how the server makes them durable.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use crate::{
    Bench,
    ceilings::{noise, settle, syncs_per_second},
    house::{Engine, House},
    load,
    report::{Figure, Target},
};

const WINDOW: Duration = Duration::from_secs(4);

const FOLDER_CONNECTIONS: usize = 64;
const CONTENT_CONNECTIONS: usize = 32;
const CONTENT_BYTES: usize = 4096;

/// What is written, and what is promised of it.
struct Kind {
    name: &'static str,
    what: &'static str,
    target: Target,
    connections: usize,
}

/// Folders per second.
pub async fn folders(bench: &Bench, engine: Engine) -> anyhow::Result<Vec<Figure>> {
    let kind = Kind {
        name: "folders",
        what: "durable `POST /v1/files/folder`, 64 connections, one person ÷ fdatasync one after another",
        target: Target::AtLeast(2.0),
        connections: FOLDER_CONNECTIONS,
    };
    measure(bench, engine, &kind, |token| {
        let head = format!(
            "POST /v1/files/folder HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n"
        );
        move |n| {
            let body = format!("parent_path=/&name=folder+{n}");
            format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
        }
    })
    .await
}

/// Small files per second.
pub async fn contents(bench: &Bench, engine: Engine) -> anyhow::Result<Vec<Figure>> {
    let kind = Kind {
        name: "contents",
        what: "durable `PUT /v1/files/content` of 4 KiB, each different, 32 connections, one person ÷ fdatasync one after another",
        target: Target::AtLeast(1.0),
        connections: CONTENT_CONNECTIONS,
    };
    let content = noise(3, CONTENT_BYTES);
    measure(bench, engine, &kind, |token| {
        let head = format!(
            "Host: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/octet-stream\r\n\
             Content-Length: {CONTENT_BYTES}\r\n\r\n"
        );
        move |n| {
            let line = format!("PUT /v1/files/content?parent_path=/&name=file+{n} HTTP/1.1\r\n");
            let mut request = [line.as_bytes(), head.as_bytes(), &content].concat();
            let at = request.len() - CONTENT_BYTES;
            request[at..at + 8].copy_from_slice(&n.to_le_bytes());
            request
        }
    })
    .await
}

async fn measure<M>(
    bench: &Bench,
    engine: Engine,
    kind: &Kind,
    maker: impl FnOnce(&str) -> M,
) -> anyhow::Result<Vec<Figure>>
where
    M: Fn(u64) -> Vec<u8> + Clone + Send + 'static,
{
    let house = House::new(bench, engine).await?;
    let server = house.serve()?;
    let make = maker(&house.token);
    let counter = Arc::new(AtomicU64::new(0));
    let rounds = bench
        .rounds(kind.name, async |_| {
            settle();
            // The disk swings: it is asked before and after.
            let before = tokio::task::block_in_place(|| syncs_per_second(house.dir()))?;
            let load = load::own(server.address, kind.connections, WINDOW, &counter, make.clone()).await?;
            settle();
            let after = tokio::task::block_in_place(|| syncs_per_second(house.dir()))?;
            Ok((load, f64::midpoint(before, after)))
        })
        .await?;
    server.stop()?;
    house.check()?;
    let ratios: Vec<f64> = rounds.iter().map(|(load, syncs)| load.rate / syncs).collect();
    let figure = Figure::new(kind.name, kind.what, kind.target, &ratios)
        .on(engine)
        .part("Pantry", "/s", rounds.iter().map(|(load, _)| load.rate))
        .part("fdatasync", "/s", rounds.iter().map(|(_, syncs)| *syncs))
        .part("Pantry, 50 %", "ms", rounds.iter().map(|(load, _)| load.middle_ms))
        .part("99 %", "ms", rounds.iter().map(|(load, _)| load.slow_ms));
    Ok(vec![figure])
}
