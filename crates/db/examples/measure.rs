//! Measures durable "create folder"-like transactions of four statements against the disk's sequential fdatasync rate, in one run.
//! `cargo run --release -p pantry-db --features contract --example measure -- [folder or postgres://…] [seconds]`

use std::{
    io::Write as _,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use pantry_db::{Db, DbError, DbOptions, contract};

const TASKS: usize = 64;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let place = args.next().unwrap_or_else(|| ".".into());
    let seconds = args.next().map_or(Ok(3), |s| s.parse())?;
    let time = Duration::from_secs(seconds);
    let is_server = place.starts_with("postgres");
    let folder = if is_server {
        PathBuf::from(".")
    } else {
        PathBuf::from(&place)
    };
    let dir = tempfile::tempdir_in(folder)?;

    let syncs = fdatasyncs(&dir.path().join("sync"), time)?;
    println!("sequential fdatasync of 4 KiB     {syncs:>9.0} /s");

    let url = if is_server {
        place
    } else {
        format!("sqlite:{}", dir.path().join("rows.db").display())
    };
    let db = Db::open(&url.parse()?, DbOptions::default()).await?;
    contract::prepare(&db).await;
    db.ping().await?;
    println!("resident after opening            {:>9} KiB", resident());
    for tasks in [1, TASKS] {
        let (rate, p50, p99) = writes(&db, tasks, time).await?;
        println!(
            "durable 4-statement writes, {tasks:>2} tasks {rate:>9.0} /s  p50 {p50:>6.2} ms  p99 {p99:>6.2} ms  {:>5.1} times fdatasync",
            rate / syncs
        );
    }
    let rate = reads(&db, TASKS, time).await?;
    println!("reads of one row by key, {TASKS} tasks   {rate:>9.0} /s");
    println!("resident at the end               {:>9} KiB", resident());
    db.close().await;
    Ok(())
}

/// Linux alone says; 0 elsewhere.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|kib| kib.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn fdatasyncs(path: &std::path::Path, time: Duration) -> std::io::Result<f64> {
    let mut file = std::fs::File::create(path)?;
    let (start, mut n) = (Instant::now(), 0_u32);
    while start.elapsed() < time {
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        n += 1;
    }
    Ok(f64::from(n) / start.elapsed().as_secs_f64())
}

async fn writes(db: &Db, tasks: usize, time: Duration) -> Result<(f64, f64, f64), DbError> {
    let (stop, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let start = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|_| {
            let (db, stop, next) = (db.clone(), Arc::clone(&stop), Arc::clone(&next));
            tokio::spawn(async move {
                let mut took = Vec::new();
                while !stop.load(Relaxed) {
                    let key = format!("{}-{}", tasks, next.fetch_add(1, Relaxed));
                    let began = Instant::now();
                    contract::measured_write(&db, key).await?;
                    took.push(began.elapsed());
                }
                Ok::<_, DbError>(took)
            })
        })
        .collect();
    tokio::time::sleep(time).await;
    stop.store(true, Relaxed);
    let mut took = Vec::new();
    for task in running {
        took.extend(
            task.await
                .map_err(|e| DbError::new(pantry_db::DbErrorKind::Other, e.to_string()))??,
        );
    }
    let elapsed = start.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    Ok((took.len() as f64 / elapsed, at(0.5), at(0.99)))
}

async fn reads(db: &Db, tasks: usize, time: Duration) -> Result<f64, DbError> {
    let stop = Arc::new(AtomicBool::new(false));
    let start = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|_| {
            let (db, stop) = (db.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut n = 0_u64;
                while !stop.load(Relaxed) {
                    contract::measured_read(&db).await?;
                    n += 1;
                    if n.is_multiple_of(64) {
                        tokio::task::yield_now().await;
                    }
                }
                Ok::<_, DbError>(n)
            })
        })
        .collect();
    tokio::time::sleep(time).await;
    stop.store(true, Relaxed);
    let mut n = 0;
    for task in running {
        n += task
            .await
            .map_err(|e| DbError::new(pantry_db::DbErrorKind::Other, e.to_string()))??;
    }
    Ok(n as f64 / start.elapsed().as_secs_f64())
}
