//! A large download beside nginx, which sends the same bytes from the same disk's cache to the same client.
//! Must not know how the server reads.

use std::{fs, time::Instant};

use anyhow::{Context, ensure};

use crate::{
    Bench, GIB,
    ceilings::{md5_seconds, noise, settle},
    client::Bulk,
    house::{Engine, House, Server},
    nginx,
    report::{Figure, Target},
    upload::upload,
};

/// Measures the figure.
pub async fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let bytes = noise(2, GIB);
    let house = House::new(bench, Engine::Sqlite).await?;
    let server = house.serve()?;
    let www = house.dir().join("www");
    fs::create_dir(&www)?;
    fs::write(www.join("file"), &bytes)?;
    let peer = nginx::serve(house.dir())?;
    let (_, md5) = md5_seconds(&bytes);
    upload(&house, &server, "file", &bytes, &md5).await?;
    drop(bytes);
    settle();
    let link = link(&house, &server, "file").await?;
    // Once before, so that both find the bytes in the cache.
    fetch(&server, &link)?;
    fetch(&peer, "/file")?;
    let rounds = bench
        .rounds("download", async |n| {
            // Whoever comes first changes, should it matter.
            let (ours, theirs) = if n % 2 == 0 {
                let ours = fetch(&server, &link)?;
                (ours, fetch(&peer, "/file")?)
            } else {
                let theirs = fetch(&peer, "/file")?;
                (fetch(&server, &link)?, theirs)
            };
            Ok((ours, theirs))
        })
        .await?;
    server.stop()?;
    let ratios: Vec<f64> = rounds.iter().map(|(ours, theirs)| ours.speed / theirs.speed).collect();
    let what = "1 GiB by a signed link, one connection ÷ nginx with sendfile";
    let figure = Figure::new("download", what, Target::AtLeast(0.8), &ratios)
        .part("download", "MB/s", rounds.iter().map(|(ours, _)| ours.speed))
        .part("nginx", "MB/s", rounds.iter().map(|(_, theirs)| theirs.speed))
        .part(
            "server's processor time",
            "s",
            rounds.iter().map(|(ours, _)| ours.processor),
        )
        .part("nginx's", "s", rounds.iter().map(|(_, theirs)| theirs.processor));
    Ok(vec![figure])
}

/// The signed link of a file at the root, without scheme and host.
pub async fn link(house: &House, server: &Server, name: &str) -> anyhow::Result<String> {
    let listing = house.call(server, "GET", "/v1/files?path=/&limit=200", None).await?;
    let files = listing["files"].as_array().context("no files")?;
    let file = files.iter().find(|file| file["name"] == name).context("no such file")?;
    let target = format!("/v1/files/{}/download", file["id"]);
    let link = house.call(server, "GET", &target, None).await?;
    let url = link["url"].as_str().context("no url")?;
    let at = url.find("/d/").with_context(|| format!("{url} is no signed link"))?;
    Ok(url[at..].to_owned())
}

#[derive(Clone, Copy)]
struct Fetched {
    /// MB/s.
    speed: f64,
    /// Processor seconds of the server.
    processor: f64,
}

fn fetch(server: &Server, target: &str) -> anyhow::Result<Fetched> {
    let before = server.processor_seconds()?;
    let mut connection = Bulk::open(server.address)?;
    let started = Instant::now();
    let length = tokio::task::block_in_place(|| connection.fetch(target))?;
    let took = started.elapsed().as_secs_f64();
    ensure!(length == GIB, "{length} bytes came instead of {GIB}");
    Ok(Fetched {
        speed: GIB as f64 / 1e6 / took,
        processor: server.processor_seconds()? - before,
    })
}
