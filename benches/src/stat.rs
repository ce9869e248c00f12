//! One file's facts, asked for by many connections, beside a bare axum handler that answers the same bytes.
//! Must not know how the server finds them.

use std::io::{Read, Write};

use anyhow::{Context, ensure};

use crate::{
    Bench,
    bare::{self, Answer},
    house::{Engine, House, Server},
    load,
    report::{Figure, Target},
};

const CONNECTIONS: usize = 64;
const SECONDS: u64 = 4;

/// Measures the figure.
pub async fn measure(bench: &Bench, engine: Engine) -> anyhow::Result<Vec<Figure>> {
    let house = House::new(bench, engine).await?;
    let server = house.serve()?;
    for (parent, name) in [("/", "Documents"), ("/Documents", "Letters")] {
        let form = format!("parent_path={parent}&name={name}");
        house.call(&server, "POST", "/v1/files/folder", Some(&form)).await?;
    }
    let target = "/v1/files/content?parent_path=/Documents/Letters&name=to-charles.txt";
    let made = house.call(&server, "PUT", target, Some("Dear Charles")).await?;
    let target = format!("/v1/files/{}", made["file_id"].as_i64().context("no file_id")?);
    let answer = answer(&house, &server, &target)?;
    let peer = bare::start(&answer, &house.dir().join("answer.json"))?;
    let ask = |server: &Server| {
        tokio::task::block_in_place(|| load::wrk(server.address, &target, &house.token, CONNECTIONS, SECONDS))
    };
    let rounds = bench
        .rounds("stat", async |n| {
            if n % 2 == 0 {
                let ours = ask(&server)?;
                Ok((ours, ask(&peer)?))
            } else {
                let theirs = ask(&peer)?;
                Ok((ask(&server)?, theirs))
            }
        })
        .await?;
    server.stop()?;
    let ratios: Vec<f64> = rounds.iter().map(|(ours, theirs)| ours.rate / theirs.rate).collect();
    let what = "`GET /v1/files/{id}` with a token, 64 connections ÷ a bare axum handler that answers the same bytes";
    let figure = Figure::new("stat", what, Target::AtLeast(0.5), &ratios)
        .on(engine)
        .part("Pantry", "/s", rounds.iter().map(|(ours, _)| ours.rate))
        .part("bare axum", "/s", rounds.iter().map(|(_, theirs)| theirs.rate))
        .part("Pantry, 50 %", "ms", rounds.iter().map(|(ours, _)| ours.middle_ms))
        .part("99 %", "ms", rounds.iter().map(|(ours, _)| ours.slow_ms));
    Ok(vec![figure])
}

/// The server's own answer, as the peer is to give it.
fn answer(house: &House, server: &Server, target: &str) -> anyhow::Result<Answer> {
    let mut stream = std::net::TcpStream::connect(server.address)?;
    let request = house.request(server, "GET", target, None);
    let text = String::from_utf8(request)?.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes())?;
    let mut got = String::new();
    stream.read_to_string(&mut got)?;
    let (head, body) = got.split_once("\r\n\r\n").context("no whole answer")?;
    ensure!(head.starts_with("HTTP/1.1 200"), "{got}");
    let by_itself = ["date", "content-length", "connection"];
    let headers = head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Ok(Answer {
        headers: headers
            .filter(|(name, _)| !by_itself.contains(&name.as_str()))
            .collect(),
        body: body.to_owned(),
    })
}
