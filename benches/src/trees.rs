//! Moving, deleting, restoring and sharing a folder with very many nodes below it beside one with ten, in a small drive.
//! Must not know how the rows move.

use std::time::Instant;

use anyhow::Context;

use crate::{
    Bench,
    client::Connection,
    house::{House, Server},
    report::{Figure, Spread, Target},
    seed::{ELSEWHERE, Houses, LISTED, TINY},
};

/// Times that each folder is moved (there and back), deleted and restored in a round.
const TURNS: usize = 15;

const NAMES: [&str; 5] = ["moving", "deleting", "restoring", "sharing", "listing the share of"];

/// Measures all of them.
pub async fn measure(bench: &Bench, houses: &Houses) -> anyhow::Result<Vec<Figure>> {
    let (large, small) = (houses.large.serve()?, houses.small.serve()?);
    let mut sides = [
        Side::new(&houses.large, &large, LISTED).await?,
        Side::new(&houses.small, &small, TINY).await?,
    ];
    let rounds = bench
        .rounds("trees", async |_| {
            let mut times = [const { [const { Vec::new() }; NAMES.len()] }; 2];
            for _ in 0..TURNS {
                for (times, side) in times.iter_mut().zip(&mut sides) {
                    side.turn(times).await?;
                }
            }
            Ok(times.map(|times| times.map(|times| Spread::of(times).median)))
        })
        .await?;
    drop(sides);
    large.stop()?;
    small.stop()?;
    let figures = NAMES.iter().enumerate().map(|(n, doing)| {
        let ratios: Vec<f64> = rounds.iter().map(|[big, tiny]| big[n] / tiny[n]).collect();
        let what = format!(
            "{doing} a folder with {} nodes below it ÷ one with 10 in a drive of its own",
            bench.entries + 1
        );
        Figure::new("trees", what, Target::AtMost(2.0), &ratios)
            .on(houses.large.engine)
            .part("large", "ms", rounds.iter().map(|[big, _]| big[n]))
            .part("small", "ms", rounds.iter().map(|[_, tiny]| tiny[n]))
    });
    Ok(figures.collect())
}

/// One of the two folders that are compared.
struct Side<'a> {
    house: &'a House,
    server: &'a Server,
    connection: Connection,
    id: i64,
}

impl<'a> Side<'a> {
    async fn new(house: &'a House, server: &'a Server, name: &str) -> anyhow::Result<Self> {
        house.call(server, "POST", "/v1/user/share-enable", Some("")).await?;
        Ok(Self {
            house,
            server,
            connection: Connection::open(server.address).await?,
            id: house.folder(server, name).await?,
        })
    }

    /// Moves the folder there and back, deletes and restores it, shares it, lists its share, and ends that.
    async fn turn(&mut self, times: &mut [Vec<f64>; NAMES.len()]) -> anyhow::Result<()> {
        let [moving, deleting, restoring, sharing, listing] = times;
        let id = self.id;
        let there = format!("action=move&folder_ids[]={id}&dest_path=/{ELSEWHERE}");
        let back = format!("action=move&folder_ids[]={id}&dest_path=/");
        let delete = format!("action=delete&folder_ids[]={id}");
        let restore = format!("folder_ids[]={id}");
        moving.push(self.timed("/v1/files/manage", &there).await?);
        moving.push(self.timed("/v1/files/manage", &back).await?);
        deleting.push(self.timed("/v1/files/manage", &delete).await?);
        restoring.push(self.timed("/v1/bin/restore", &restore).await?);
        let share = format!("folder_ids[]={id}");
        let request = self
            .house
            .request(self.server, "POST", "/v1/share/create", Some(&share));
        let asked = Instant::now();
        let made = self.connection.data(&request).await?;
        sharing.push(asked.elapsed().as_secs_f64() * 1e3);
        let code = made["code"].as_str().context("no code")?;
        let list = format!("/v1/share/{code}/files?folder_id={id}&limit=10");
        let request = self.house.request(self.server, "GET", &list, None);
        let asked = Instant::now();
        self.connection.data(&request).await?;
        // Ten entries of either: what is compared is the way there.
        listing.push(asked.elapsed().as_secs_f64() * 1e3);
        let cancel = format!("share_ids[]={}", made["share_id"]);
        self.timed("/v1/share/cancel", &cancel).await?;
        Ok(())
    }

    /// Milliseconds until a call is answered.
    async fn timed(&mut self, target: &str, form: &str) -> anyhow::Result<f64> {
        let request = self.house.request(self.server, "POST", target, Some(form));
        let asked = Instant::now();
        self.connection.data(&request).await?;
        Ok(asked.elapsed().as_secs_f64() * 1e3)
    }
}
