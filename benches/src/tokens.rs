//! What a token costs: its check from memory, and requests beside a million live grants and beside few.
//! The many are written straight into the rows while no server runs; must hold no SQL of the server's.

use std::{hint::black_box, sync::Arc, time::Instant};

use anyhow::{Context, ensure};
use pantry_blob::Store;
use pantry_core::{
    Drive, Keys, Settings,
    auth::{NewApp, NewUser, Origin},
};
use pantry_db::{Db, DbOptions, Tx, dialect, grants, tokens};
use pantry_types::{GrantId, NodeId, Scopes, SystemClock, SystemRandom, UserId};

use crate::{
    Bench,
    house::{Engine, House, Server},
    load,
    report::{Figure, Target},
};

const CONNECTIONS: usize = 64;
const SECONDS: u64 = 4;
/// Grants written by one transaction.
const BATCH: usize = 2_000;
const NOW: i64 = 1_700_000_000;
const NEVER: i64 = 9_000_000_000;

/// Checks of one token, one after the other, in one measurement of the cache.
const CHECKS: u32 = 1_000_000;

/// Measures one check of a token that is held in memory, in this process.
pub async fn from_memory(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let dir = tempfile::Builder::new()
        .prefix("pantry-bench.")
        .tempdir_in(&bench.dir)?;
    let rows = format!("sqlite:{}", dir.path().join("rows.db").display());
    let db = Db::open(&rows.parse()?, DbOptions::default()).await?;
    let content = format!("file:{}", dir.path().join("content").display());
    let blobs = Store::open(&content.parse()?).await?;
    let mut settings = Settings::default();
    settings.server.public_url = "https://drive.example".into();
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let drive = Drive::new(db, blobs, clock, random, settings, Keys::new([7; 32]));
    let ada = NewUser {
        name: "ada".into(),
        email: "ada@example.com".into(),
        password: "correct horse battery".into(),
        is_admin: false,
        quota: None,
    };
    drive.add_user(ada).await?;
    let app = NewApp {
        owner: "ada".into(),
        name: "Bench".into(),
        redirect_uris: Vec::new(),
        scopes: Scopes::EMPTY,
        public: false,
        weipan: false,
    };
    let app = drive.add_app(app).await?;
    let issued = drive.issue_token("ada", &app.client_id, "").await?;
    let token = issued.access_token.expose();
    let here = Origin::new("192.0.2.1".parse().ok(), "bench");
    let rounds = bench
        .rounds("token", async |_| {
            let started = Instant::now();
            for _ in 0..CHECKS {
                black_box(drive.authenticate_from(black_box(token), &here).await?);
            }
            Ok(started.elapsed().as_secs_f64() * 1e6 / f64::from(CHECKS))
        })
        .await?;
    let what = "one check of an access token held in memory, on one thread; once in 0.9 s it is read anew";
    Ok(vec![
        Figure::new("token", what, Target::AtMost(3.0), &rounds).in_unit("µs"),
    ])
}

/// Measures requests beside many grants.
pub async fn measure(bench: &Bench, engine: Engine) -> anyhow::Result<Vec<Figure>> {
    let few = House::new(bench, engine).await?;
    let many = House::new(bench, engine).await?;
    let started = Instant::now();
    eprintln!("seeding {} grants on {}", bench.entries, engine.name());
    seed(&many, bench.entries).await?;
    eprintln!("seeded in {:.0} s", started.elapsed().as_secs_f64());
    let (small, large) = (few.serve()?, many.serve()?);
    let (of_few, of_many) = (file(&few, &small).await?, file(&many, &large).await?);
    let ask = |house: &House, server: &Server, target: &str| {
        tokio::task::block_in_place(|| load::wrk(server.address, target, &house.token, CONNECTIONS, SECONDS))
    };
    let rounds = bench
        .rounds("tokens", async |n| {
            if n % 2 == 0 {
                let with = ask(&many, &large, &of_many)?;
                Ok((with, ask(&few, &small, &of_few)?))
            } else {
                let without = ask(&few, &small, &of_few)?;
                Ok((ask(&many, &large, &of_many)?, without))
            }
        })
        .await?;
    small.stop()?;
    large.stop()?;
    let ratios: Vec<f64> = rounds.iter().map(|(with, without)| without.rate / with.rate).collect();
    let what = "`GET /v1/files/{id}` beside few grants ÷ beside as many live grants as the large folder has entries, 64 connections";
    Ok(vec![
        Figure::new("grants", what, Target::AtMost(1.2), &ratios)
            .on(engine)
            .part("beside few", "/s", rounds.iter().map(|(_, without)| without.rate))
            .part("beside many", "/s", rounds.iter().map(|(with, _)| with.rate))
            .part("beside many, 99 %", "ms", rounds.iter().map(|(with, _)| with.slow_ms)),
    ])
}

async fn file(house: &House, server: &Server) -> anyhow::Result<String> {
    let target = "/v1/files/content?parent_path=/&name=to-charles.txt";
    let made = house.call(server, "PUT", target, Some("Dear Charles")).await?;
    let id = made["file_id"].as_i64().context("no file_id")?;
    Ok(format!("/v1/files/{id}"))
}

/// Which grants a transaction writes.
#[derive(Clone)]
struct Batch {
    user: UserId,
    from: usize,
    to: usize,
}

/// Live grants of many apps, each with an access and a refresh token.
async fn seed(house: &House, count: usize) -> anyhow::Result<()> {
    let db = Db::open(&house.database()?, DbOptions::default()).await?;
    let mut done = 0;
    while done < count {
        let batch = Batch {
            user: UserId(house.user),
            from: done,
            to: count.min(done + BATCH),
        };
        done = batch.to;
        db.write(batch, |tx, b| Box::pin(async move { add(tx, b).await.into() }))
            .await?;
    }
    db.close().await;
    ensure!(done == count, "not every grant was written");
    Ok(())
}

async fn add(tx: &mut Tx<'_>, b: &Batch) -> anyhow::Result<()> {
    let ids = dialect::next_ids(tx, b.to - b.from).await?;
    for (n, id) in (b.from..b.to).zip(ids) {
        let grant = grants::Grant {
            user: b.user,
            id: GrantId(id),
            client_id: format!("seeded{n}"),
            scopes: Scopes::DEFAULT,
            lasting: Scopes::DEFAULT,
            sandbox: NodeId(0),
            epoch: 1,
            share_enabled: false,
            created_at: NOW,
            last_used_at: NEVER,
            last_address: String::new(),
            revoked_at: 0,
            expires_at: 0,
            weipan_at: 0,
        };
        grants::insert(tx, &grant).await?;
        for kind in [tokens::TokenKind::Access, tokens::TokenKind::Refresh] {
            let token = tokens::Token {
                hash: blake3::hash(format!("{n} {kind:?}").as_bytes()).as_bytes().to_vec(),
                kind,
                user: b.user,
                grant: grant.id,
                epoch: 1,
                client_id: grant.client_id.clone(),
                scopes: grant.scopes,
                family: id,
                pair: id,
                used: false,
                used_at: 0,
                next_pair: 0,
                answer: None,
                created_at: NOW,
                expires_at: NEVER,
            };
            tokens::insert(tx, &token).await?;
        }
    }
    Ok(())
}
