//! The real program as a child process. Owns finding it, starting it, killing it.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{place::Place, secrets, server::client};

/// How long the program may take until it answers.
const START: Duration = Duration::from_secs(30);

/// The program to test: `PANTRY_TEST_PANTRYD`, else the one that cargo built beside the tests.
///
/// # Panics
/// There is none.
pub fn pantryd() -> PathBuf {
    if let Some(path) = std::env::var_os("PANTRY_TEST_PANTRYD") {
        return PathBuf::from(path);
    }
    let tests = std::env::current_exe().expect("the path of the tests");
    let folders = tests.ancestors().skip(1).take(2);
    let candidates = folders.flat_map(|folder| ["pantryd-under-test", "pantryd"].map(|name| folder.join(name)));
    let found = candidates.into_iter().find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no pantryd beside {}; set PANTRY_TEST_PANTRYD", tests.display()))
}

/// `pantryd serve` as a process of its own, by the machine's clock.
#[derive(Debug)]
pub struct ChildServer {
    child: Child,
    address: String,
    place: Option<Place>,
    log: PathBuf,
}

impl ChildServer {
    /// Starts it on a free port and waits until it answers.
    ///
    /// # Panics
    /// It does not answer in time.
    pub async fn start(place: Place) -> Self {
        let mut server = Self::run(&place, "log").await;
        server.place = Some(place);
        server
    }

    /// Another process on the place of one that runs.
    ///
    /// # Panics
    /// It does not answer in time.
    pub async fn beside(other: &Self) -> Self {
        Self::run(other.place.as_ref().expect("a place"), "log of another").await
    }

    async fn run(place: &Place, log: &str) -> Self {
        let log = place.folder().join(log);
        let writes = std::fs::File::create(&log).expect("a log");
        let mut command = Command::new(pantryd());
        command
            .args(arguments(place, &["serve", "--listen", "127.0.0.1:0"]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(writes);
        secrets::talkative(&mut command);
        let mut child = command.spawn().expect("pantryd starts");
        let stdout = child.stdout.take().expect("its output");
        let mut first = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut first).expect("its first line");
        let address = first
            .split("http://")
            .nth(1)
            .map(str::trim)
            .unwrap_or_default()
            .to_owned();
        let server = Self {
            child,
            address,
            place: None,
            log,
        };
        server.wait_until_ready().await;
        server
    }

    async fn wait_until_ready(&self) {
        let deadline = Instant::now() + START;
        let client = client();
        while Instant::now() < deadline {
            let answer = client.get(self.url("/healthz")).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("pantryd does not answer at {:?}: {}", self.address, self.log());
    }

    /// The whole address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Runs another command of the program beside the server, and reads the JSON that it prints.
    pub fn command(&self, arguments: &[&str]) -> Value {
        command(self.place.as_ref().expect("a place"), arguments)
    }

    /// Ends the process at once, as a power cut would end it.
    pub fn kill(mut self) -> Place {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
        self.keep_log();
        self.place.take().expect("a place")
    }

    /// What it logged outlives its place.
    fn keep_log(&mut self) {
        let log = std::mem::take(&mut self.log);
        secrets::keep_log(&std::fs::read(log).unwrap_or_default());
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end (SIGTERM), and waits for its exit code.
    pub fn terminate(mut self) -> (Place, Option<i32>) {
        let asked = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status();
        assert!(asked.expect("kill runs").success());
        let status = self.child.wait().expect("ended");
        self.keep_log();
        (self.place.take().expect("a place"), status.code())
    }
}

impl Drop for ChildServer {
    fn drop(&mut self) {
        // Ended already unless the test failed or forgot it.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.keep_log();
    }
}

/// Runs a command of the program on a place, and reads the JSON that it prints.
///
/// # Panics
/// It fails, or prints something else.
pub fn command(place: &Place, words: &[&str]) -> Value {
    let mut command = Command::new(pantryd());
    secrets::talkative(&mut command);
    let output = command.args(arguments(place, words)).output();
    let output = output.expect("pantryd runs");
    secrets::keep_log(&output.stderr);
    let (told, failed) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    let told_json = serde_json::from_str(&told);
    if let Ok(json) = &told_json {
        secrets::told(json);
    }
    told_json.unwrap_or_else(|e| panic!("{words:?} printed no JSON ({e}): {told}{failed}"))
}

/// The arguments that lead a command to a place.
fn arguments(place: &Place, words: &[&str]) -> Vec<String> {
    let mut arguments: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    arguments.extend(["--data-dir".to_owned(), place.settings.server.data_dir.clone()]);
    if !place.settings.server.database.is_empty() {
        arguments.extend(["--database".to_owned(), place.settings.server.database.clone()]);
    }
    arguments
}
