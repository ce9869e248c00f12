//! Measures the local folder against the disk it is on. Owns figures to read, not to assert.
//!
//! `cargo run --release -p pantry-blob --example measure -- FOLDER [MIB]`

use std::{
    error::Error,
    fs::File,
    io::{Read, Write},
    path::Path,
    time::Instant,
};

use futures_util::StreamExt;
use pantry_blob::{BlobKey, Extent, Layout, StageKey, StorageUrl, Store};

const MIB: usize = 1024 * 1024;
const PART: u64 = 5 * MIB as u64;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("name a folder to measure in")?;
    let mib: usize = args.next().map_or(Ok(1024), |text| text.parse())?;
    let folder = Path::new(&folder).join("pantry-measure");
    std::fs::create_dir_all(&folder)?;
    let outcome = measure(&folder, mib).await;
    std::fs::remove_dir_all(&folder)?;
    outcome
}

async fn measure(folder: &Path, mib: usize) -> Outcome<()> {
    let store = Store::open(&StorageUrl::File(folder.join("store"))).await?;
    let mut piece = vec![0; 128 * 1024];
    blake3::Hasher::new().finalize_xof().fill(&mut piece);
    for round in 1..=3 {
        println!("round {round}, {mib} MiB");
        raw_write(folder, &piece, mib)?;
        for (number, writeback) in [(1, false), (2, true)] {
            let key = BlobKey::new([number; 32], round);
            upload(&store, key, &piece, mib, writeback).await?;
            stream(&store, key).await?;
            raw_read(&folder.join(format!("store/blobs/{0}/{0}/{key}", hex(number))))?;
            store.delete(key).await?;
        }
    }
    small(&store).await
}

fn hex(number: u8) -> String {
    format!("{number:02x}")
}

fn report(what: &str, mib: usize, since: Instant) {
    let seconds = since.elapsed().as_secs_f64();
    let megabytes = mib as f64 * MIB as f64 / 1e6;
    println!("  {what:<44} {seconds:>6.2} s {:>7.0} MB/s", megabytes / seconds);
}

fn raw_write(folder: &Path, piece: &[u8], mib: usize) -> Outcome<()> {
    let path = folder.join("raw");
    let start = Instant::now();
    let mut file = File::create(&path)?;
    for _ in 0..mib * MIB / piece.len() {
        file.write_all(piece)?;
    }
    report("raw: written", mib, start);
    file.sync_data()?;
    report("raw: written and synced", mib, start);
    std::fs::remove_file(path)?;
    Ok(())
}

async fn upload(store: &Store, key: BlobKey, piece: &[u8], mib: usize, writeback: bool) -> Outcome<()> {
    let stage = StageKey(key.hash[..16].try_into()?);
    let layout = Layout::new((mib * MIB) as u64, PART)?;
    let start = Instant::now();
    store.stage_create(stage, layout.total()).await?;
    for number in 0..u32::try_from(layout.parts())? {
        let (offset, len) = layout.part(number)?;
        let mut part = store.part_writer(stage, Extent::Main, offset, len).await?;
        while part.written() < len {
            let left = usize::try_from(len - part.written())?;
            part.write(&piece[..left.min(piece.len())]).await?;
        }
        part.finish().await?;
        if writeback {
            store.start_writeback(stage, offset, len).await?;
        }
    }
    let hint = if writeback { ", early writeback" } else { "" };
    report(&format!("parts received and hashed{hint}"), mib, start);
    let reader = store.stage_reader(stage).await?;
    let again = Instant::now();
    let of = layout.clone();
    tokio::task::spawn_blocking(move || -> Outcome<()> {
        let mut buf = vec![0; MIB];
        let mut at = 0;
        while at < of.total() {
            at += reader.read_at(&of, at, &mut buf)? as u64;
        }
        Ok(())
    })
    .await??;
    report("  read back before the commit", mib, again);
    let commit = Instant::now();
    store.stage_commit(stage, layout, key).await?;
    println!("  commit alone: {:.3} s", commit.elapsed().as_secs_f64());
    report(&format!("parts and read-back and commit{hint}"), mib, start);
    Ok(())
}

async fn stream(store: &Store, key: BlobKey) -> Outcome<()> {
    let reader = store.reader(key).await?;
    let start = Instant::now();
    let mut stream = reader.stream(0..reader.len())?;
    let mut sum = 0usize;
    while let Some(block) = stream.next().await {
        sum += block?.len();
    }
    report("streamed", sum / MIB, start);
    Ok(())
}

fn raw_read(path: &Path) -> Outcome<()> {
    let start = Instant::now();
    let mut file = File::open(path)?;
    let mut buf = vec![0; MIB];
    let mut sum = 0;
    loop {
        match file.read(&mut buf)? {
            0 => break,
            read => sum += read,
        }
    }
    report("raw: read by the MiB", sum / MIB, start);
    Ok(())
}

async fn small(store: &Store) -> Outcome<()> {
    let start = Instant::now();
    let count = 500u16;
    for number in 0..count {
        let mut hash = [0x77; 32];
        hash[30..].copy_from_slice(&number.to_be_bytes());
        let bytes = bytes::Bytes::from(vec![1; 4096]);
        store.put_bytes(BlobKey::new(hash, 1), bytes).await?;
    }
    let each = start.elapsed().as_secs_f64() * 1e3 / f64::from(count);
    println!("small blobs, one after the other: {each:.2} ms each");
    Ok(())
}
