//! A drive of its own for a measurement: its folder, its person, app and token, and the server as a child process.
//! Owns starting and ending it; must not measure.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    Bench,
    client::{self, Connection},
    pg,
};

/// What `statfs` says of a folder in memory.
const TMPFS: u64 = 0x0102_1994;

const USER: &str = "ada";
const PASSWORD: &str = "correct horse battery";
const SCOPE: &str = "user.read files.app_data files.read_all files.write_all share.create";

/// Where the rows are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// In a file.
    Sqlite,
    /// In a server.
    Postgres,
}

impl Engine {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Sqlite => "SQLite",
            Engine::Postgres => "PostgreSQL",
        }
    }
}

/// Whether a folder lies in memory and not on a disk.
pub fn is_in_memory(dir: &Path) -> anyhow::Result<bool> {
    let found = rustix::fs::statfs(dir).with_context(|| format!("cannot look at {}", dir.display()))?;
    Ok(u64::try_from(found.f_type).is_ok_and(|kind| kind == TMPFS))
}

/// A drive with one person and one token for all of it.
#[derive(Debug)]
pub struct House {
    /// Where the rows are.
    pub engine: Engine,
    /// The token: it may read and write everything.
    pub token: String,
    /// The person.
    pub user: i64,
    dir: TempDir,
    database: Option<pg::TestDatabase>,
    pantryd: PathBuf,
}

impl House {
    /// Makes the drive, on the disk that is measured.
    pub async fn new(bench: &Bench, engine: Engine) -> anyhow::Result<Self> {
        Self::within(bench, engine, &bench.dir).await
    }

    /// Makes the drive in another folder.
    pub async fn within(bench: &Bench, engine: Engine, dir: &Path) -> anyhow::Result<Self> {
        let database = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(pg::fresh_database().await),
        };
        let mut house = Self {
            engine,
            token: String::new(),
            user: 0,
            dir: tempfile::Builder::new().prefix("pantry-bench.").tempdir_in(dir)?,
            database,
            pantryd: bench.pantryd.clone(),
        };
        let quota = (1_i64 << 50).to_string();
        let mail = format!("{USER}@example.com");
        let add = ["user", "add", USER, "--email", &mail, "--password", PASSWORD];
        let made = house.run(&[&add[..], &["--admin", "--quota", &quota, "--json"]].concat())?;
        house.user = made["uid"].as_i64().context("no uid")?;
        let mut add = vec!["app", "add", "--owner", USER, "--name", "Bench", "--json"];
        add.extend(SCOPE.split(' ').flat_map(|scope| ["--scope", scope]));
        let app = house.run(&add)?;
        let client = app["client_id"].as_str().context("no client_id")?;
        let issue = ["token", "issue", "--user", USER, "--client-id", client];
        let issued = house.run(&[&issue[..], &["--scope", SCOPE, "--json"]].concat())?;
        issued["access_token"]
            .as_str()
            .context("no access_token")?
            .clone_into(&mut house.token);
        Ok(house)
    }

    /// The folder of the drive.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where the rows are, as the row store takes it.
    pub fn database(&self) -> anyhow::Result<pantry_db::DatabaseUrl> {
        Ok(match &self.database {
            None => pantry_db::DatabaseUrl::Sqlite(self.data_dir().join("pantry.db")),
            Some(database) => database.url.parse()?,
        })
    }

    fn data_dir(&self) -> PathBuf {
        self.dir().join("data")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.pantryd);
        command.args(args).arg("--data-dir").arg(self.data_dir());
        if let Some(database) = &self.database {
            command.args(["--database", &database.url]);
        }
        command.env("PANTRY_V1__RATE_PER_MINUTE", "0").stdin(Stdio::null());
        command.env("PANTRY_WEIPAN__RATE_PER_MINUTE", "0");
        command
    }

    /// The person's account and password.
    pub const CREDENTIALS: (&str, &str) = (USER, PASSWORD);

    /// An app that may use the weipan API: its key and secret.
    pub fn weipan_app(&self) -> anyhow::Result<(String, String)> {
        let app = self.run(&["app", "add", "--owner", USER, "--name", "Mirror", "--weipan", "--json"])?;
        let field = |name: &str| Ok(app[name].as_str().with_context(|| format!("no {name}"))?.to_owned());
        field("client_id").and_then(|id| Ok((id, field("client_secret")?)))
    }

    fn run(&self, args: &[&str]) -> anyhow::Result<Value> {
        let done = self.command(args).output()?;
        let said = || String::from_utf8_lossy(&done.stderr).into_owned();
        ensure!(
            done.status.success(),
            "pantryd {} {}: {}",
            args[0],
            args.get(1).unwrap_or(&""),
            said()
        );
        Ok(serde_json::from_slice(&done.stdout)?)
    }

    /// Fails if the books do not balance. Contents are looked for, not read.
    pub fn check(&self) -> anyhow::Result<()> {
        let done = self.command(&["check", "--quick"]).output()?;
        ensure!(
            done.status.success(),
            "the books do not balance: {}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
        Ok(())
    }

    /// Starts the server.
    pub fn serve(&self) -> anyhow::Result<Server> {
        let log = self.dir().join("log");
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.stderr(File::create(&log)?);
        Server::start(command).with_context(|| fs::read_to_string(&log).unwrap_or_default())
    }

    /// A request with the token.
    pub fn request(&self, server: &Server, method: &str, target: &str, form: Option<&str>) -> Vec<u8> {
        client::request(method, target, server.address, Some(&self.token), form)
    }

    /// The id of a folder at the root.
    pub async fn folder(&self, server: &Server, name: &str) -> anyhow::Result<i64> {
        let listing = self.call(server, "GET", "/v1/files?path=/&limit=200", None).await?;
        let mut folders = listing["folders"].as_array().context("no folders")?.iter();
        let folder = folders.find(|folder| folder["name"] == name);
        folder
            .and_then(|folder| folder["id"].as_i64())
            .with_context(|| format!("no folder {name}"))
    }

    /// One call on a connection of its own; answers `data` of the envelope.
    pub async fn call(&self, server: &Server, method: &str, target: &str, form: Option<&str>) -> anyhow::Result<Value> {
        let request = self.request(server, method, target, form);
        Connection::open(server.address).await?.data(&request).await
    }
}

/// A child process that serves HTTP; it ends with this.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
}

impl Server {
    /// Starts a program that prints a line with `http://address:port` when it serves.
    pub fn start(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let said = child.stdout.take().context("no standard output")?;
        let mut server = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            child,
        };
        let mut lines = BufReader::new(said).lines();
        for line in lines.by_ref() {
            if let Some((_, address)) = line?.split_once("http://") {
                server.address = address.trim().parse()?;
                // What else it says is taken, or it would wait at a full pipe.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(server);
            }
        }
        bail!("the server ended before it served")
    }

    /// A child that serves at an address which is known.
    pub fn known(child: Child, address: SocketAddr) -> Self {
        Self { address, child }
    }

    /// Resident memory now and the most it ever was, in MiB.
    pub fn memory(&self) -> anyhow::Result<(f64, f64)> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
            kib.map(|kib| kib / 1024.0).with_context(|| format!("no {name}"))
        };
        Ok((field("VmRSS:")?, field("VmHWM:")?))
    }

    /// Processor seconds used so far.
    pub fn processor_seconds(&self) -> anyhow::Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name of the program may hold spaces; the fields count from behind it.
        let fields: Vec<&str> = text.rsplit(") ").next().unwrap_or("").split(' ').collect();
        let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<f64>().ok());
        let (user, system) = ticks(11).zip(ticks(12)).context("no times of the process")?;
        Ok((user + system) / rustix::param::clock_ticks_per_second() as f64)
    }

    /// Ends it in order, and waits until it has.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("no process")?, Signal::TERM)?;
        let ended = self.child.wait()?;
        ensure!(ended.success(), "the server ended with {ended}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
