//! A server with one person and one app, a home for `pantry`, and a gate that uploads go through. Must not test anything.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use pantry_testkit::secrets;
use serde_json::Value;

/// The person's password.
pub const PASSWORD: &str = "correct horse battery";

/// A running server and what belongs to it.
pub struct Drive {
    child: Child,
    /// Its address.
    pub url: String,
    /// The app.
    pub client_id: String,
    /// Where uploads go.
    pub gate: Gate,
    folder: tempfile::TempDir,
    _output: BufReader<ChildStdout>,
}

impl Drive {
    /// Starts one with the person `ada` and her app `Tool`.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let gate = Gate::new();
        let mut command = Command::new(pantry_testkit::pantryd());
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder.path().join("data"))
            .env("PANTRY_SERVER__UPLOAD_URL", &gate.url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        secrets::log_of(&mut command);
        let mut child = command.spawn().expect("pantryd starts");
        let mut first = String::new();
        // Kept open: whoever serves may have more to say later.
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        output.read_line(&mut first).expect("its first line");
        let address = first
            .split("http://")
            .nth(1)
            .expect("its address")
            .trim()
            .trim_end_matches('/');
        gate.lead_to(address);
        let url = format!("http://{address}");
        let mut drive = Self {
            child,
            url,
            client_id: String::new(),
            gate,
            folder,
            _output: output,
        };
        secrets::note("password", PASSWORD);
        drive.operator(&[
            "user",
            "add",
            "ada",
            "--email",
            "ada@example.com",
            "--password",
            PASSWORD,
        ]);
        let app = drive.operator(&["app", "add", "--owner", "ada", "--name", "Tool", "--public"]);
        drive.client_id = app["client_id"].as_str().expect("an id").to_owned();
        drive
    }

    /// A command of the operator's.
    pub fn operator(&self, words: &[&str]) -> Value {
        let output = Command::new(pantry_testkit::pantryd())
            .args(words)
            .args(["--json", "--data-dir"])
            .arg(self.folder.path().join("data"))
            .output()
            .expect("pantryd runs");
        let told = json(&output);
        secrets::told(&told);
        told
    }

    /// An access token, as if ada had consented.
    pub fn token(&self) -> String {
        let issued = self.operator(&["token", "issue", "--user", "ada", "--client-id", &self.client_id]);
        issued["access_token"].as_str().expect("a token").to_owned()
    }

    /// A path on the local disk, away from the server's data.
    pub fn local(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a local file.
    pub fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.local(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, content).expect("written");
        path
    }

    /// `pantry` with these words, in English, with a home of its own.
    pub fn pantry(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pantry"));
        command
            .args(words)
            .env_clear()
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"))
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        command
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has seen by now.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The one JSON document that a program printed.
pub fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("no JSON ({e}): {text}{complaint}"))
}

/// Text that a path has.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A way to the server that lets so many bytes through and then holds on to the rest.
#[derive(Clone)]
pub struct Gate {
    /// Its address.
    pub url: String,
    state: Arc<(Mutex<State>, Condvar)>,
}

struct State {
    to: String,
    /// Bytes that still go through.
    left: u64,
    /// Whether somebody waits for more.
    is_holding: bool,
}

impl Gate {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let state = State {
            to: String::new(),
            left: u64::MAX,
            is_holding: false,
        };
        let gate = Self {
            url: format!("http://{}", listener.local_addr().expect("an address")),
            state: Arc::new((Mutex::new(state), Condvar::new())),
        };
        let accepting = gate.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                accepting.carry(client);
            }
        });
        gate
    }

    fn lead_to(&self, address: &str) {
        self.with(|state| address.clone_into(&mut state.to));
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let done = work(&mut self.state.0.lock().expect("no panic while it is held"));
        self.state.1.notify_all();
        done
    }

    /// Lets `bytes` through from now on, and holds what comes after them.
    pub fn hold_after(&self, bytes: u64) {
        self.with(|state| state.left = bytes);
    }

    /// Lets everything through that comes from now on. What is held is lost with its connection: the sockets on the way may
    /// hold a whole part of a sender that was killed, and it must not arrive after all.
    pub fn open(&self) {
        self.with(|state| (state.left, state.is_holding) = (u64::MAX, false));
    }

    /// Waits until it holds something.
    pub fn wait_until_holding(&self) {
        let state = self.state.0.lock().expect("no panic while it is held");
        let waited = self.state.1.wait_while(state, |state| !state.is_holding);
        drop(waited.expect("no panic while it is held"));
    }

    /// Whether `bytes` may pass; where they may not, after the gate was opened.
    fn pass(&self, bytes: u64) -> bool {
        let mut state = self.state.0.lock().expect("no panic while it is held");
        if state.left < bytes {
            // What is left is not for those that come later.
            state.left = 0;
            state.is_holding = true;
            self.state.1.notify_all();
            let opened = self.state.1.wait_while(state, |state| state.is_holding);
            drop(opened.expect("no panic while it is held"));
            return false;
        }
        state.left -= bytes;
        true
    }

    fn carry(&self, client: TcpStream) {
        let to = self.with(|state| state.to.clone());
        let server = TcpStream::connect(to).expect("the server listens");
        let (back_from, back_to) = (server.try_clone().expect("cloned"), client.try_clone().expect("cloned"));
        let gate = self.clone();
        thread::spawn(move || copy(client, server, |bytes| gate.pass(bytes)));
        thread::spawn(move || copy(back_from, back_to, |_| true));
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, pass: impl Fn(u64) -> bool) {
    let mut block = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = from.read(&mut block) {
        if !pass(n as u64) {
            break;
        }
        if to.write_all(&block[..n]).is_err() {
            break;
        }
    }
    // Closed already if the other side was first.
    let _closed = to.shutdown(Shutdown::Write);
}
