//! What the machine itself can do: hash on one core, write to the disk, make a small write durable.
//! Must not know Pantry.

use std::{
    fs::File,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use md5::{Digest, Md5};

/// How long small durable writes are counted.
const SYNC_WINDOW: Duration = Duration::from_millis(1_000);

/// Seconds that MD5 of all the bytes takes on one core, and the hash in hex.
pub fn md5_seconds(bytes: &[u8]) -> (f64, String) {
    let started = Instant::now();
    let hash = Md5::digest(bytes);
    (started.elapsed().as_secs_f64(), hex::encode(hash))
}

/// Seconds that writing all the bytes in order to a new file takes, until they are on the disk.
pub fn write_seconds(dir: &Path, bytes: &[u8]) -> anyhow::Result<f64> {
    let path = dir.join("ceiling");
    let started = Instant::now();
    let mut file = File::create(&path)?;
    for block in bytes.chunks(1 << 20) {
        file.write_all(block)?;
    }
    file.sync_all()?;
    let took = started.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    Ok(took)
}

/// Small appends per second, each made durable before the next.
pub fn syncs_per_second(dir: &Path) -> anyhow::Result<f64> {
    let path = dir.join("ceiling");
    let mut file = File::create(&path)?;
    let block = [b'x'; 4096];
    let started = Instant::now();
    let mut done = 0_u32;
    while started.elapsed() < SYNC_WINDOW {
        file.write_all(&block)?;
        file.sync_data()?;
        done += 1;
    }
    let rate = f64::from(done) / started.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    Ok(rate)
}

/// Lets the disk finish what others left it to do, so that the next measurement is its own.
pub fn settle() {
    rustix::fs::sync();
}

/// Bytes like those of a video: nothing repeats.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        out.extend_from_slice(&x.to_le_bytes());
    }
    out.truncate(len);
    out
}
