//! What a call of the weipan API costs beside the same operation on v1: the same server, person, connections and number of
//! calls, in turns.
//! Must not know how either face does it.

use std::time::Instant;

use anyhow::{Context, ensure};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::{
    Bench,
    ceilings::settle,
    client::Connection,
    house::{Engine, House, Server},
    report::{Figure, Target},
};

const CONNECTIONS: usize = 16;
/// Calls of one face in one round.
const READS: usize = 6400;
const WRITES: usize = 640;
/// Writes that carry the head of the one before: one after another.
const IN_TURN: usize = 160;
/// Entries of the folder that is listed.
const ENTRIES: usize = 100;
const SMALL: usize = 4096;

/// What a number of calls took.
#[derive(Clone, Copy, Debug)]
struct Took {
    rate: f64,
    /// Processor time of the server for one call, in microseconds.
    processor: f64,
}

/// An operation on both faces.
struct Pair {
    what: &'static str,
    v1: Vec<Took>,
    weipan: Vec<Took>,
}

impl Pair {
    /// What weipan's call costs, where v1's costs 1.
    fn ratios(&self) -> Vec<f64> {
        let both = self.v1.iter().zip(&self.weipan);
        both.map(|(v1, weipan)| v1.rate / weipan.rate).collect()
    }

    fn middle(&self) -> f64 {
        let mut ratios = self.ratios();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    }

    fn processor(&self) -> impl Iterator<Item = f64> {
        let both = self.v1.iter().zip(&self.weipan);
        both.map(|(v1, weipan)| weipan.processor / v1.processor)
    }
}

/// Requests of both faces.
struct Faces<'a> {
    house: &'a House,
    server: &'a Server,
    token: String,
}

impl Faces<'_> {
    fn v1(&self, method: &str, target: &str, form: &str) -> Vec<u8> {
        let form = (!form.is_empty()).then_some(form);
        self.house.request(self.server, method, target, form)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut out = format!(
            "PUT /v1/files/content?parent_path=/&name={name} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Length: {}\r\n\r\n",
            self.server.address,
            self.house.token,
            bytes.len()
        )
        .into_bytes();
        out.extend_from_slice(bytes);
        out
    }

    fn weipan(&self, method: &str, form: &str) -> Vec<u8> {
        let (m, a) = method.split_once('/').unwrap_or(("", method));
        let form = format!("token={}&{form}", self.token);
        crate::client::request(
            "POST",
            &format!("/?m={m}&a={a}"),
            self.server.address,
            None,
            Some(&form),
        )
    }

    fn upload(&self, name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        for (field, value) in [("token", self.token.as_str()), ("cover", "yes"), ("dir_id", "0")] {
            let part = format!("--b\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let part = format!("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        body.extend_from_slice(part.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n--b--\r\n");
        let mut out = format!(
            "POST /?m=file&a=upload_file HTTP/1.1\r\nHost: {}\r\nContent-Type: multipart/form-data; boundary=b\r\n\
             Content-Length: {}\r\n\r\n",
            self.server.address,
            body.len()
        )
        .into_bytes();
        out.extend_from_slice(&body);
        out
    }

    /// Sends all of them over the connections; each must succeed.
    async fn send(&self, requests: Vec<Vec<u8>>) -> anyhow::Result<(Took, Vec<Value>)> {
        let count = requests.len();
        let mut shares: Vec<Vec<Vec<u8>>> = vec![Vec::new(); CONNECTIONS];
        for (n, request) in requests.into_iter().enumerate() {
            shares[n % CONNECTIONS].push(request);
        }
        let mut tasks = Vec::new();
        for share in shares {
            let mut connection = Connection::open(self.server.address).await?;
            tasks.push(async move {
                let mut answers = Vec::new();
                for request in share {
                    answers.push(ask(&mut connection, &request).await?);
                }
                anyhow::Ok(answers)
            });
        }
        let busy = self.server.processor_seconds()?;
        let started = Instant::now();
        let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
        let mut bodies = Vec::new();
        for task in tasks {
            bodies.extend(task.await??);
        }
        let took = self.took(started, busy, count)?;
        // They are read when the time is over.
        let mut answers = Vec::new();
        for body in bodies {
            let answer: Value = serde_json::from_slice(&body)?;
            let refused = answer["err_code"].as_i64().or_else(|| answer["errno"].as_i64());
            ensure!(refused == Some(0), "{answer}");
            answers.push(answer);
        }
        Ok((took, answers))
    }

    fn took(&self, started: Instant, busy: f64, count: usize) -> anyhow::Result<Took> {
        Ok(Took {
            rate: count as f64 / started.elapsed().as_secs_f64(),
            processor: (self.server.processor_seconds()? - busy) * 1e6 / count as f64,
        })
    }

    /// Makes folders one after another on one connection; on weipan each carries the head that the one before told.
    async fn in_turn(&self, weipan: bool, name: &str) -> anyhow::Result<Took> {
        let mut connection = Connection::open(self.server.address).await?;
        let mut head = if weipan {
            text(&ask_json(&mut connection, &self.weipan("keep", "")).await?["dologid"])?
        } else {
            String::new()
        };
        let busy = self.server.processor_seconds()?;
        let started = Instant::now();
        for n in 0..IN_TURN {
            let request = if weipan {
                self.weipan(
                    "dir/create_dir",
                    &format!("create_name={name}-{n}&parent_id=0&dologid={head}"),
                )
            } else {
                self.v1("POST", "/v1/files/folder", &format!("parent_path=/&name={name}-{n}"))
            };
            let answer = ask_json(&mut connection, &request).await?;
            if weipan {
                head = text(&answer["dologid"])?;
            }
        }
        self.took(started, busy, IN_TURN)
    }
}

async fn ask(connection: &mut Connection, request: &[u8]) -> anyhow::Result<Vec<u8>> {
    let status = connection.ask(request).await?;
    ensure!(
        status == 200,
        "status {status}: {}",
        String::from_utf8_lossy(connection.last())
    );
    Ok(connection.last().to_vec())
}

async fn ask_json(connection: &mut Connection, request: &[u8]) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&ask(connection, request).await?)?)
}

fn text(value: &Value) -> anyhow::Result<String> {
    Ok(value.as_str().context("no text")?.to_owned())
}

/// Signs in as programs do.
async fn token(house: &House, server: &Server) -> anyhow::Result<String> {
    let (app, secret) = house.weipan_app()?;
    let (account, password) = House::CREDENTIALS;
    let time = std::time::UNIX_EPOCH.elapsed()?.as_secs();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(format!("account={account}&appkey={app}&password={password}&time={time}").as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let form = format!("account={account}&appkey={app}&password={password}&time={time}&signature={signature}");
    let target = "/?m=auth&a=get_token";
    let request = crate::client::request("POST", target, server.address, None, Some(&form));
    let answer = ask_json(&mut Connection::open(server.address).await?, &request).await?;
    text(&answer["data"]["token"]).with_context(|| answer.to_string())
}

/// Measures the figure.
pub async fn measure(bench: &Bench, engine: Engine) -> anyhow::Result<Vec<Figure>> {
    let house = House::new(bench, engine).await?;
    let server = house.serve()?;
    let faces = Faces {
        house: &house,
        server: &server,
        token: token(&house, &server).await?,
    };
    let listed = house
        .call(&server, "POST", "/v1/files/folder", Some("parent_path=/&name=listed"))
        .await?;
    let listed = listed["folder_id"].as_i64().context("no folder_id")?;
    for n in 0..ENTRIES {
        let target = format!("/v1/files/content?parent_path=/listed&name=entry-{n}.txt");
        house.call(&server, "PUT", &target, Some("entry")).await?;
    }
    let file = house
        .call(
            &server,
            "PUT",
            "/v1/files/content?parent_path=/&name=one.txt",
            Some("one"),
        )
        .await?;
    let file = file["file_id"].as_i64().context("no file_id")?;
    let mut pairs: Vec<Pair> = Vec::new();
    bench
        .rounds("weipan", async |round| {
            settle();
            for (at, what) in WHAT.iter().enumerate() {
                if pairs.len() == at {
                    pairs.push(Pair {
                        what,
                        v1: Vec::new(),
                        weipan: Vec::new(),
                    });
                }
                let mut sides = [false, true];
                if (round + at) % 2 == 1 {
                    sides.reverse();
                }
                for weipan in sides {
                    let took = one(&faces, what, weipan, round, listed, file).await?;
                    let pair = &mut pairs[at];
                    if weipan { &mut pair.weipan } else { &mut pair.v1 }.push(took);
                }
            }
            Ok(())
        })
        .await?;
    server.stop()?;
    house.check()?;
    let worst = pairs
        .iter()
        .max_by(|a, b| a.middle().total_cmp(&b.middle()))
        .context("nothing was measured")?;
    let what = format!(
        "a call of the weipan API, {CONNECTIONS} connections ÷ the same operation on v1; the dearest: {}",
        worst.what
    );
    let mut figure = Figure::new("weipan", what, Target::AtMost(1.3), &worst.ratios()).on(engine);
    for pair in &pairs {
        figure = figure
            .part(pair.what, "×", pair.ratios())
            .part("its processor time", "×", pair.processor())
            .part("v1", "/s", pair.v1.iter().map(|took| took.rate));
    }
    Ok(vec![figure])
}

const LIST: &str = "getlist, 100 files";
const CREATE: &str = "create_dir";
const CREATE_IN_TURN: &str = "create_dir with its dologid, one connection";
const STAT: &str = "get_file_info";
const QUOTA: &str = "get_quota";
const RENAME: &str = "rename_dir";
const DELETE: &str = "delete_dir";
const UPLOAD: &str = "upload_file, 4 KiB";
const WHAT: [&str; 8] = [LIST, CREATE, CREATE_IN_TURN, STAT, QUOTA, RENAME, DELETE, UPLOAD];

/// One face's share of a round.
async fn one(
    faces: &Faces<'_>,
    what: &str,
    weipan: bool,
    round: usize,
    listed: i64,
    file: i64,
) -> anyhow::Result<Took> {
    let name = format!("{}{round}", if weipan { "w" } else { "v" });
    let same = |request: Vec<u8>| vec![request; READS];
    let requests = match (what, weipan) {
        (LIST, false) => same(faces.v1("GET", "/v1/files?path=/listed&limit=200", "")),
        (LIST, true) => same(faces.weipan("dir/getlist", &format!("dir_id={listed}"))),
        (STAT, false) => same(faces.v1("GET", &format!("/v1/files/{file}"), "")),
        (STAT, true) => same(faces.weipan("file/get_file_info", &format!("fid={file}"))),
        (QUOTA, false) => same(faces.v1("GET", "/v1/user/quota", "")),
        (QUOTA, true) => same(faces.weipan("file/get_quota", "")),
        (CREATE, _) => creating(faces, weipan, &format!("c{name}")),
        (UPLOAD, _) => (0..WRITES)
            .map(|n| {
                let seed = (round * WRITES + n) * 2 + usize::from(weipan);
                let bytes = crate::ceilings::noise(u64::try_from(seed).unwrap_or(0), SMALL);
                let name = format!("u{name}-{n}");
                if weipan {
                    faces.upload(&name, &bytes)
                } else {
                    faces.put(&name, &bytes)
                }
            })
            .collect(),
        (RENAME | DELETE, _) => {
            let prefix = if what == RENAME { "r" } else { "d" };
            let (_, made) = faces.send(creating(faces, false, &format!("{prefix}{name}"))).await?;
            let ids = made.iter().filter_map(|answer| answer["data"]["folder_id"].as_i64());
            ids.map(|id| match (what == RENAME, weipan) {
                (true, true) => faces.weipan("dir/rename_dir", &format!("dir_id={id}&new_name=x{name}-{id}")),
                (true, false) => {
                    let form = format!("action=rename&folder_ids={id}&new_name=x{name}-{id}");
                    faces.v1("POST", "/v1/files/manage", &form)
                }
                (false, true) => faces.weipan("dir/delete_dir", &format!("dir_id={id}")),
                (false, false) => faces.v1("POST", "/v1/files/manage", &format!("action=delete&folder_ids={id}")),
            })
            .collect()
        }
        _ => return faces.in_turn(weipan, &format!("t{name}")).await,
    };
    Ok(faces.send(requests).await?.0)
}

fn creating(faces: &Faces<'_>, weipan: bool, name: &str) -> Vec<Vec<u8>> {
    let one = |n| match weipan {
        true => faces.weipan("dir/create_dir", &format!("create_name={name}-{n}&parent_id=0")),
        false => faces.v1("POST", "/v1/files/folder", &format!("parent_path=/&name={name}-{n}")),
    };
    (0..WRITES).map(one).collect()
}
