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

/// Times that the large one is fetched before memory is looked at: what the row store keeps of its pages is there by then.
const WARM: usize = 3;

/// Measures both.
pub async fn measure(bench: &Bench, engine: Engine) -> anyhow::Result<Vec<Figure>> {
    let house = seed::house(bench, engine, &[(LISTED, LARGE), (TINY, SMALL)]).await?;
    let (mut cold, mut small, mut large) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let server = house.serve()?;
        cold.push(fetch(&house, &server, LISTED, LARGE).await?);
        server.stop()?;
    }
    let server = house.serve()?;
    for _ in 0..WARM {
        fetch(&house, &server, LISTED, LARGE).await?;
    }
    bench
        .rounds("archive", async |_| {
            small.push(fetch(&house, &server, TINY, SMALL).await?);
            large.push(fetch(&house, &server, LISTED, LARGE).await?);
            Ok(())
        })
        .await?;
    server.stop()?;
    house.check()?;
    let first: Vec<f64> = cold.iter().map(|took| took.first_ms).collect();
    let ratios = large
        .iter()
        .zip(&small)
        .map(|(large, small)| large.memory / small.memory);
    let ratios: Vec<f64> = ratios.collect();
    let what = format!(
        "resident memory while an archive of {LARGE} files is sent ÷ of {SMALL}, on a server that has sent some"
    );
    let first_what = format!("first byte of an archive of {LARGE} files, from a server that has just begun");
    Ok(vec![
        Figure::new("archive", first_what, Target::AtMost(50.0), &first)
            .in_unit("ms")
            .on(engine)
            .part("whole", "ms", cold.iter().map(|took| took.whole_ms)),
        Figure::new("archive", what, Target::AtMost(1.1), &ratios)
            .on(engine)
            .part("large", "MiB", large.iter().map(|took| took.memory))
            .part("small", "MiB", small.iter().map(|took| took.memory))
            .part(
                "large from a server that has just begun",
                "MiB",
                cold.iter().map(|took| took.memory),
            ),
    ])
}

/// What a download took.
struct Took {
    first_ms: f64,
    whole_ms: f64,
    /// Most resident memory of the server on the way, in MiB.
    memory: f64,
}

/// Fetches a folder as an archive.
async fn fetch(house: &House, server: &Server, folder: &str, files: usize) -> anyhow::Result<Took> {
    let id = house.folder(server, folder).await?;
    let form = format!("folder_ids[]={id}");
    let made = house.call(server, "POST", "/v1/files/archive", Some(&form)).await?;
    let url = made["url"].as_str().context("no url")?;
    let path = url.find("/a/").map(|at| url[at..].to_owned()).context("no path")?;
    let (first, whole, archive, memory) = tokio::task::block_in_place(|| take(server, &path))?;
    // What is counted in the directory's end: the files, and the two folders they lie in.
    let end = archive.len().checked_sub(22).context("no end")?;
    let count = usize::from(u16::from_le_bytes([archive[end + 10], archive[end + 11]]));
    ensure!(count == files + 2, "{count} entries, not {}", files + 2);
    Ok(Took {
        first_ms: first.as_secs_f64() * 1e3,
        whole_ms: whole.as_secs_f64() * 1e3,
        memory,
    })
}

/// When the first byte of the body and when the last came, the body, and the server's memory meanwhile.
fn take(server: &Server, path: &str) -> anyhow::Result<(Duration, Duration, Vec<u8>, f64)> {
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
    let mut memory: f64 = 0.0;
    loop {
        let n = stream.read(&mut block)?;
        memory = memory.max(server.memory()?.0);
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
    Ok((first.context("nothing came")?, whole, body, memory))
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
