//! The peer of small requests: a bare axum handler that answers the very same bytes, in a process of its own.
//! Must not do anything but answer.

use std::{collections::BTreeMap, path::Path, process::Command};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, Response},
    routing::get,
};
use serde::{Deserialize, Serialize};

use crate::house::Server;

/// An answer to repeat.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    /// Its headers, but for those that every server sets by itself.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: String,
}

/// Starts the peer as a child process. `file` is where it reads the answer.
pub fn start(answer: &Answer, file: &Path) -> anyhow::Result<Server> {
    std::fs::write(file, serde_json::to_vec(answer)?)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bare-axum", "--answer"]).arg(file);
    Server::start(command)
}

/// The peer itself: every `GET` gets the answer.
pub async fn serve(file: &Path) -> anyhow::Result<()> {
    let answer: Answer = serde_json::from_slice(&std::fs::read(file)?)?;
    let mut headers = HeaderMap::new();
    for (name, value) in &answer.headers {
        headers.insert(name.parse::<HeaderName>()?, value.parse::<HeaderValue>()?);
    }
    let body = Bytes::from(answer.body);
    let handler = async move || {
        let mut response = Response::new(Body::from(body));
        *response.headers_mut() = headers;
        response
    };
    let router = Router::new().route("/v1/files/{id}", get(handler));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}
