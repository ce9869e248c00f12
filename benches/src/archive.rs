//! Archives: how soon the first byte of a large one comes, and that it takes no more memory than a small one.
//! Must not know how an archive is made.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};

use crate::{
    Bench,
    client::request,
    house::{Engine, House, Server},
    report::{Figure, Target},
    seed::{self, LISTED, TINY},
};

const LARGE: usize = 10_000;
const SMALL: usize = 100;

/// Measures both.
pub async fn measure(bench: &Bench, engine: Engine) -> anyhow::Result<Vec<Figure>> {
    let house = seed::house(bench, engine, &[(LISTED, LARGE), (TINY, SMALL)]).await?;
    let rounds = bench
        .rounds("archive", async |_| {
            let small = fetch(&house, TINY, SMALL).await?;
            let large = fetch(&house, LISTED, LARGE).await?;
            Ok((small, large))
        })
        .await?;
    house.check()?;
    let first: Vec<f64> = rounds.iter().map(|(_, large)| large.first_ms).collect();
    let memory: Vec<f64> = rounds.iter().map(|(small, large)| large.peak / small.peak).collect();
    let what = format!("most resident memory after an archive of {LARGE} files ÷ after one of {SMALL}");
    Ok(vec![
        Figure::new(
            "archive",
            format!("first byte of an archive of {LARGE} files"),
            Target::AtMost(50.0),
            &first,
        )
        .in_unit("ms")
        .on(engine)
        .part("whole", "ms", rounds.iter().map(|(_, large)| large.whole_ms))
        .part(
            "first of the small one",
            "ms",
            rounds.iter().map(|(small, _)| small.first_ms),
        ),
        Figure::new("archive", what, Target::AtMost(1.1), &memory)
            .on(engine)
            .part("large", "MiB", rounds.iter().map(|(_, large)| large.peak))
            .part("small", "MiB", rounds.iter().map(|(small, _)| small.peak)),
    ])
}

/// What a download took.
struct Took {
    first_ms: f64,
    whole_ms: f64,
    /// Most resident memory of the server, in MiB.
    peak: f64,
}

/// Fetches a folder as an archive from a server that has done nothing else.
async fn fetch(house: &House, folder: &str, files: usize) -> anyhow::Result<Took> {
    let server = house.serve()?;
    let id = house.folder(&server, folder).await?;
    let form = format!("folder_ids[]={id}");
    let made = house.call(&server, "POST", "/v1/files/archive", Some(&form)).await?;
    let url = made["url"].as_str().context("no url")?;
    let path = url.find("/a/").map(|at| url[at..].to_owned()).context("no path")?;
    let (first, whole, archive) = tokio::task::block_in_place(|| take(&server, &path))?;
    // What is counted in the directory's end: the files, and the two folders they lie in.
    let end = archive.len().checked_sub(22).context("no end")?;
    let count = usize::from(u16::from_le_bytes([archive[end + 10], archive[end + 11]]));
    ensure!(count == files + 2, "{count} entries, not {}", files + 2);
    let peak = server.memory()?.1;
    server.stop()?;
    Ok(Took {
        first_ms: first.as_secs_f64() * 1e3,
        whole_ms: whole.as_secs_f64() * 1e3,
        peak,
    })
}

/// When the first byte of the body and when the last came, and the body.
fn take(server: &Server, path: &str) -> anyhow::Result<(Duration, Duration, Vec<u8>)> {
    let mut stream = TcpStream::connect(server.address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut ask = request("GET", path, server.address, None, None);
    let end = ask.len() - 2;
    ask.splice(end..end, *b"Connection: close\r\n");
    let asked = Instant::now();
    stream.write_all(&ask)?;
    let (mut answer, mut block, mut first) = (Vec::new(), vec![0; 1 << 16], None);
    let mut body = None;
    loop {
        let n = stream.read(&mut block)?;
        if n == 0 {
            break;
        }
        answer.extend_from_slice(&block[..n]);
        if first.is_none() {
            body = answer.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
            first = body.filter(|at| answer.len() > *at).map(|_| asked.elapsed());
        }
    }
    let whole = asked.elapsed();
    ensure!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer[..answer.len().min(300)])
    );
    let body = unchunked(&answer[body.context("no body")?..])?;
    Ok((first.context("nothing came")?, whole, body))
}

/// A body that came in chunks (RFC 9112, section 7.1), which must be whole.
fn unchunked(mut rest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let at = rest
            .windows(2)
            .position(|two| two == b"\r\n")
            .context("a chunk without its length")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..at])?, 16)?;
        if length == 0 {
            return Ok(body);
        }
        let chunk = rest.get(at + 2..at + 2 + length).context("the answer was cut off")?;
        body.extend_from_slice(chunk);
        rest = &rest[at + 2 + length + 2..];
    }
}
