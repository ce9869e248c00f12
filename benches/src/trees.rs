//! Moving, deleting and restoring a folder with very many nodes below it beside one with ten.
//! Must not know how the rows move.

use std::time::Instant;

use anyhow::Context;

use crate::{
    Bench,
    client::Connection,
    house::{House, Server},
    report::{Figure, Spread, Target},
    seed::{BIG, ELSEWHERE, TINY},
};

/// Times that each folder is moved (there and back), deleted and restored in a round.
const TURNS: usize = 40;

const NAMES: [&str; 3] = ["moving", "deleting", "restoring"];

/// Measures all three.
pub async fn measure(bench: &Bench, house: &House) -> anyhow::Result<Vec<Figure>> {
    let server = house.serve()?;
    let mut connection = Connection::open(server.address).await?;
    let listing = house.call(&server, "GET", "/v1/files?path=/&limit=200", None).await?;
    let id = |name: &str| {
        let mut folders = listing["folders"].as_array()?.iter();
        folders.find(|folder| folder["name"] == name)?["id"].as_i64()
    };
    let (big, tiny) = id(BIG).zip(id(TINY)).context("the seeded folders are not there")?;
    let rounds = bench
        .rounds("trees", async |_| {
            let mut times = [const { [const { Vec::new() }; 3] }; 2];
            for _ in 0..TURNS {
                for (times, id) in times.iter_mut().zip([big, tiny]) {
                    turn(house, &server, &mut connection, id, times).await?;
                }
            }
            Ok(times.map(|times| times.map(|times| Spread::of(times).median)))
        })
        .await?;
    server.stop()?;
    let figures = NAMES.iter().enumerate().map(|(n, doing)| {
        let ratios: Vec<f64> = rounds.iter().map(|[big, tiny]| big[n] / tiny[n]).collect();
        let what = format!(
            "{doing} a folder with {} nodes below it ÷ one with 10",
            bench.entries + 1
        );
        Figure::new("trees", what, Target::AtMost(2.0), &ratios)
            .on(house.engine)
            .part("large", "ms", rounds.iter().map(|[big, _]| big[n]))
            .part("small", "ms", rounds.iter().map(|[_, tiny]| tiny[n]))
    });
    Ok(figures.collect())
}

/// Moves a folder there and back, deletes and restores it.
async fn turn(
    house: &House,
    server: &Server,
    connection: &mut Connection,
    id: i64,
    [moving, deleting, restoring]: &mut [Vec<f64>; 3],
) -> anyhow::Result<()> {
    let there = format!("action=move&folder_ids[]={id}&dest_path=/{ELSEWHERE}");
    let back = format!("action=move&folder_ids[]={id}&dest_path=/");
    let delete = format!("action=delete&folder_ids[]={id}");
    let restore = format!("folder_ids[]={id}");
    for (target, form, times) in [
        ("/v1/files/manage", &there, 0),
        ("/v1/files/manage", &back, 0),
        ("/v1/files/manage", &delete, 1),
        ("/v1/bin/restore", &restore, 2),
    ] {
        let request = house.request(server, "POST", target, Some(form));
        let asked = Instant::now();
        connection.data(&request).await?;
        let took = asked.elapsed().as_secs_f64() * 1e3;
        [&mut *moving, &mut *deleting, &mut *restoring][times].push(took);
    }
    Ok(())
}
