//! A client of HTTP/1.1 (RFC 9112) that costs little: one connection, kept alive, answers with a Content-Length.
//! Must not know what it asks for.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// An answer's head.
#[derive(Debug)]
struct Head {
    status: u16,
    length: usize,
    /// Where the body begins.
    end: usize,
}

/// The head in what came so far; nothing if it is not whole yet.
fn head(buf: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(at) = buf.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&buf[..at])?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.context("an answer without a status")?.parse()?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim())
    });
    let length = length.context("an answer without a Content-Length")?.parse()?;
    Ok(Some(Head {
        status,
        length,
        end: at + 4,
    }))
}

/// A request's head, and its body if it is small.
pub fn request(method: &str, target: &str, host: SocketAddr, token: Option<&str>, form: Option<&str>) -> Vec<u8> {
    let mut out = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
    if let Some(token) = token {
        out.push_str(&format!("Authorization: Bearer {token}\r\n"));
    }
    match form {
        None => out.push_str("\r\n"),
        Some(form) => out.push_str(&format!(
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        )),
    }
    out.into_bytes()
}

/// A connection for many small requests.
#[derive(Debug)]
pub struct Connection {
    stream: tokio::net::TcpStream,
    buf: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buf: Vec::with_capacity(64 << 10),
        })
    }

    /// Sends a request and takes the whole answer. Its body is what `last` tells.
    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request).await?;
        self.buf.clear();
        let head = loop {
            if let Some(head) = head(&self.buf)? {
                break head;
            }
            self.more().await?;
        };
        while self.buf.len() < head.end + head.length {
            self.more().await?;
        }
        ensure!(
            self.buf.len() == head.end + head.length,
            "an answer is longer than it says"
        );
        self.buf.drain(..head.end);
        Ok(head.status)
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        ensure!(self.stream.read_buf(&mut self.buf).await? > 0, "the server hung up");
        Ok(())
    }

    /// The body of the last answer.
    pub fn last(&self) -> &[u8] {
        &self.buf
    }

    /// Sends a request that must succeed; answers `data` of the envelope.
    pub async fn data(&mut self, request: &[u8]) -> anyhow::Result<Value> {
        let status = self.ask(request).await?;
        let body = self.last();
        ensure!(status == 200, "status {status}: {}", String::from_utf8_lossy(body));
        let mut answer: Value = serde_json::from_slice(body)?;
        Ok(answer["data"].take())
    }
}

/// A connection for large bodies: blocking, for a thread of its own.
#[derive(Debug)]
pub struct Bulk {
    stream: TcpStream,
    block: Vec<u8>,
}

impl Bulk {
    /// Connects.
    pub fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(Self {
            stream,
            block: vec![0; 1 << 20],
        })
    }

    /// Posts a raw body, which must be taken; answers the answer's body.
    pub fn post(&mut self, target: &str, body: &[u8]) -> anyhow::Result<Vec<u8>> {
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.stream.write_all(head.as_bytes())?;
        self.stream.write_all(body)?;
        let mut answer = Vec::new();
        let (status, _) = self.answer(|bytes| answer.extend_from_slice(bytes))?;
        if status != 200 {
            bail!("status {status}: {}", String::from_utf8_lossy(&answer));
        }
        Ok(answer)
    }

    /// Fetches a body and throws it away; answers how long it was.
    pub fn fetch(&mut self, target: &str) -> anyhow::Result<usize> {
        let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.stream.write_all(head.as_bytes())?;
        let (status, length) = self.answer(|_| ())?;
        ensure!(status == 200, "status {status} for a download");
        Ok(length)
    }

    fn answer(&mut self, mut take: impl FnMut(&[u8])) -> anyhow::Result<(u16, usize)> {
        let mut have = 0;
        let head = loop {
            let n = self.stream.read(&mut self.block[have..])?;
            ensure!(n > 0, "the server hung up");
            have += n;
            if let Some(head) = head(&self.block[..have])? {
                break head;
            }
        };
        take(&self.block[head.end..have]);
        let mut got = have - head.end;
        while got < head.length {
            let n = self.stream.read(&mut self.block)?;
            ensure!(n > 0, "the server hung up in a body");
            take(&self.block[..n]);
            got += n;
        }
        Ok((head.status, head.length))
    }
}
