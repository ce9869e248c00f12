//! Bodies and queries made of garbage, for a bounded time: whatever comes, it is read to an end, and the same whichever way
//! it is cut. `fuzz/` runs the same function under coverage for those who have the tools for it.
//! `PANTRY_FUZZ_SECONDS` sets the time; 2 by default.

use std::time::{Duration, Instant};

use pantry_http::weipan::wire;
use pantry_types::{Random, SeededRandom, random};

/// What garbage is made of.
const PIECES: &[&[u8]] = &[
    b"--b",
    b"--b--",
    b"\r\n",
    b"\n",
    b"--",
    b"-",
    b"Content-Disposition: form-data; name=\"file\"; filename=\"C:\\a\\b.txt\"",
    b"content-disposition:form-data;name=token",
    b"Content-Disposition: form-data; name=\"a; filename*=utf-8''%E7%",
    b"Content-Type: None",
    b"token=1&a=keep&m=&dologid=",
    b"%E4%B8%AD%",
    b"&&==&a",
    b"{\"a\":\"keep\",\"n\":[1]}",
    b"\x00\xff\xfe",
    b"==boundary==",
    b"x",
];

const TYPES: &[Option<&str>] = &[
    None,
    Some("application/x-www-form-urlencoded"),
    Some("application/json"),
    Some("multipart/form-data; boundary=b"),
    Some("multipart/form-data"),
    Some("multipart/form-data; boundary=\"b"),
    Some("multipart/form-data; boundary===boundary=="),
];

fn garbage(random: &SeededRandom) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..random::below(random, 24) {
        let at = random::below(random, PIECES.len() as u32 + 1) as usize;
        match PIECES.get(at) {
            Some(piece) => out.extend_from_slice(piece),
            None => {
                let mut some = vec![0; random::below(random, 60) as usize];
                random.fill(&mut some);
                out.extend_from_slice(&some);
            }
        }
    }
    out
}

#[test]
fn garbage_is_read_to_an_end_and_the_same_however_it_is_cut() {
    let seconds = std::env::var("PANTRY_FUZZ_SECONDS").ok().and_then(|t| t.parse().ok());
    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(2));
    let seed = std::time::UNIX_EPOCH.elapsed().map_or(1, |d| d.as_secs());
    let random = SeededRandom::new(seed);
    let mut rounds: u64 = 0;
    while Instant::now() < until {
        for _ in 0..200 {
            let kind = TYPES[random::below(&random, TYPES.len() as u32) as usize];
            let query = String::from_utf8_lossy(&garbage(&random)).into_owned();
            let body = garbage(&random);
            let whole = format!("{:?}", wire::read(&query, kind, &body, usize::MAX));
            for chunk in [1, 2, 3, 7, 64] {
                let cut = format!("{:?}", wire::read(&query, kind, &body, chunk));
                assert_eq!(
                    cut, whole,
                    "seed {seed}, round {rounds}, {kind:?}, chunks of {chunk}: {body:?}"
                );
            }
            rounds += 1;
        }
    }
    assert!(rounds > 0);
}
