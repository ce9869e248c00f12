//! Search in the account with the large folder, beside the same search in a small drive: by an index, the number of files
//! hardly matters. Must not know the index.

use std::time::Instant;

use anyhow::ensure;

use crate::{
    Bench,
    client::Connection,
    report::{Figure, Spread, Target},
    seed::Houses,
};

/// Requests of each kind in a round.
const REQUESTS: usize = 100;

/// A file that both drives are given: its name holds a word of two characters that no other has.
const RARE: &str = "年度报告.txt";

/// What is searched for, as it stands in a query, how it is told, and what it may cost. Of a word that all have a thousand hits are
/// counted, and the small drive has a hundred.
const SEARCHES: [(&str, &str, f64); 2] = [
    ("%E6%8A%A5%E5%91%8A", "a word of two characters that one file has", 2.0),
    ("photo", "a word that every file has", 20.0),
];

/// Measures both searches.
pub async fn measure(bench: &Bench, houses: &Houses) -> anyhow::Result<Vec<Figure>> {
    let (large, small) = (houses.large.serve()?, houses.small.serve()?);
    let sides = [(&houses.small, &small), (&houses.large, &large)];
    let mut connections = Vec::new();
    for (house, server) in sides {
        let target = format!("/v1/files/content?parent_path=/&name={RARE}");
        house.call(server, "PUT", &target, Some("one")).await?;
        connections.push(Connection::open(server.address).await?);
    }
    let mut figures = Vec::new();
    for (text, told, most) in SEARCHES {
        let target = format!("/v1/files/search?q={text}&limit=20");
        let mut requests = Vec::new();
        for (which, (house, server)) in sides.into_iter().enumerate() {
            let request = house.request(server, "GET", &target, None);
            let found = connections[which].data(&request).await?;
            ensure!(
                found["files"].as_array().is_some_and(|f| !f.is_empty()),
                "nothing was found: {found}"
            );
            requests.push(request);
        }
        let rounds = bench
            .rounds("search", async |_| {
                let mut times = [const { Vec::new() }; 2];
                for _ in 0..REQUESTS {
                    for (which, times) in times.iter_mut().enumerate() {
                        let asked = Instant::now();
                        ensure!(
                            connections[which].ask(&requests[which]).await? == 200,
                            "a search was refused"
                        );
                        times.push(asked.elapsed().as_secs_f64() * 1e3);
                    }
                }
                Ok(times.map(|times| Spread::of(times).median))
            })
            .await?;
        let ratios: Vec<f64> = rounds.iter().map(|times| times[1] / times[0]).collect();
        let what = format!(
            "searching {} files for {told} ÷ the same in a small drive",
            bench.entries
        );
        figures.push(
            Figure::new("search", what, Target::AtMost(most), &ratios)
                .on(houses.large.engine)
                .part("large", "ms", rounds.iter().map(|times| times[1]))
                .part("small", "ms", rounds.iter().map(|times| times[0])),
        );
    }
    large.stop()?;
    small.stop()?;
    Ok(figures)
}
