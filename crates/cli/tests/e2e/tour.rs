//! Every command once, as a person would use it, and the exit codes of what goes wrong.

use std::{
    io::{BufRead, BufReader},
    process::{Output, Stdio},
};

use serde_json::Value;

use crate::drive::{Drive, json, text};

struct Tour {
    drive: Drive,
    token: String,
}

impl Tour {
    fn run(&self, words: &[&str]) -> Output {
        let mut command = self.drive.pantry(words);
        command
            .env("PANTRY_SERVER", &self.drive.url)
            .env("PANTRY_TOKEN", &self.token);
        command.output().expect("pantry runs")
    }

    /// What it prints.
    fn ok(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {complaint}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn json(&self, words: &[&str]) -> Value {
        json(&self.run(&[words, &["--json"]].concat()))
    }

    /// Its exit code and its one line.
    fn fails(&self, words: &[&str]) -> (i32, String) {
        let output = self.run(words);
        let told = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(told.lines().count(), 1, "{words:?}: {told}");
        (output.status.code().expect("a code"), told)
    }

    /// The first line of JSON that it prints, of a command that does not end.
    fn first_line(&self, words: &[&str]) -> Value {
        let mut command = self.drive.pantry(words);
        command
            .env("PANTRY_SERVER", &self.drive.url)
            .env("PANTRY_TOKEN", &self.token);
        let mut running = command.stdout(Stdio::piped()).spawn().expect("pantry runs");
        let mut line = String::new();
        let output = running.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        running.kill().expect("killed");
        running.wait().expect("ended");
        serde_json::from_str(&line).expect("JSON")
    }

    fn ls(&self, path: &str) -> String {
        self.ok(&["ls", path]).lines().collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn a_tour_of_every_command() {
    let drive = Drive::start();
    let token = drive.token();
    let tour = Tour { drive, token };

    assert!(tour.ok(&["whoami"]).starts_with("user: ada"));
    assert!(tour.ok(&["quota"]).contains("used"));
    tour.ok(&["mkdir", "-p", "/photos/2024/summer"]);
    tour.ok(&["mkdir", "-p", "/photos/2024"]);
    tour.ok(&["mkdir", "/letters"]);
    assert_eq!(tour.ls("/"), "letters/ photos/");

    // Files, one and many; the second time nothing is sent.
    let note = tour.drive.write("note.txt", b"Dear Charles");
    tour.ok(&["put", text(&note), "/letters/"]);
    tour.ok(&["put", text(&note), "/letters/first.txt"]);
    assert_eq!(tour.ls("/letters"), "first.txt note.txt");
    assert_eq!(tour.ok(&["cat", "/letters/note.txt"]), "Dear Charles");
    assert_eq!(tour.ls("/letters/note.txt"), "note.txt");
    tour.drive.write("tree/a.txt", b"a");
    tour.drive.write("tree/empty.txt", b"");
    tour.drive.write("tree/sub/电影.txt", b"film");
    let tree = tour.drive.local("tree");
    assert_eq!(tour.fails(&["put", text(&tree), "/"]).0, 2);
    assert_eq!(
        tour.json(&["put", "-r", text(&tree), "/"]).as_array().map(Vec::len),
        Some(3)
    );
    assert_eq!(
        tour.json(&["put", "-r", text(&tree), "/"]).as_array().map(Vec::len),
        Some(0)
    );
    let back = tour.drive.local("back");
    tour.ok(&["get", "-r", "/tree", text(&back)]);
    assert_eq!(std::fs::read(back.join("sub/电影.txt")).expect("fetched"), b"film");
    assert_eq!(std::fs::read(back.join("empty.txt")).expect("fetched"), b"");
    assert_eq!(
        tour.json(&["get", "-r", "/tree", text(&back)]).as_array().map(Vec::len),
        Some(3),
        "into it"
    );
    assert!(back.join("tree/a.txt").exists());

    // Paths of hits are those that can be used.
    assert_eq!(tour.ok(&["find", "电影"]).trim(), "/tree/sub/电影.txt");
    assert_eq!(tour.json(&["find", "a", "--ext", "txt"])[0]["path"], "/tree/a.txt");

    // Moving and copying, into folders and under new names.
    tour.ok(&["mv", "/letters/first.txt", "/letters/second.txt"]);
    tour.ok(&["mv", "/letters/second.txt", "/photos/third.txt"]);
    tour.ok(&["cp", "/letters/note.txt", "/photos/copy.txt"]);
    tour.ok(&["cp", "/letters/note.txt", "/letters/same.txt"]);
    tour.ok(&["cp", "/tree", "/tree2"]);
    tour.ok(&["cp", "/tree", "/letters/note.txt", "/photos/2024/"]);
    assert_eq!(tour.ls("/letters"), "note.txt same.txt");
    assert_eq!(tour.ls("/photos"), "2024/ copy.txt third.txt");
    assert_eq!(tour.ls("/photos/2024"), "summer/ tree/ note.txt");
    assert_eq!(tour.ls("/tree2"), "sub/ a.txt empty.txt");
    assert_eq!(tour.ls("/"), "letters/ photos/ tree/ tree2/");
    assert_eq!(
        tour.json(&["bin", "ls"]).as_array().map(Vec::len),
        Some(0),
        "copying leaves nothing behind"
    );

    // Changes since a cursor, and as they come.
    let cursor = tour.ok(&["changes"]);
    let cursor = cursor.trim();
    tour.ok(&["mkdir", "/diary"]);
    assert!(tour.ok(&["changes", cursor]).contains("created  /diary/"));
    let listed = tour.json(&["changes", cursor]);
    assert_eq!(listed["changes"][0]["node"]["name"], "diary");
    let later = tour.json(&["changes", listed["cursor"].as_str().expect("a cursor")]);
    assert_eq!(later["changes"].as_array().map(Vec::len), Some(0));
    assert_eq!(tour.fails(&["changes", "nonsense"]).0, 1);
    let followed = tour.first_line(&["changes", "--follow", "--json", cursor]);
    assert_eq!(followed["change"]["node"]["name"], "diary");
    assert_eq!(followed["cursor"], listed["cursor"]);

    // The bin. Nobody can be asked here.
    assert_eq!(tour.fails(&["rm", "/tree2"]).0, 2);
    tour.ok(&["rm", "-y", "/tree2", "/letters/same.txt"]);
    assert!(tour.ok(&["bin", "ls"]).contains("/tree2/"));
    tour.ok(&["bin", "restore", "/tree2"]);
    assert_eq!(tour.ls("/tree2"), "sub/ a.txt empty.txt");
    let id = tour.json(&["bin", "ls"])[0]["id"].to_string();
    tour.ok(&["bin", "purge", "-y", &id]);
    assert_eq!(tour.fails(&["bin", "restore", &id]).0, 4);
    tour.ok(&["rm", "-y", "/tree2"]);
    tour.ok(&["bin", "empty", "-y"]);
    assert_eq!(tour.json(&["bin", "ls"]).as_array().map(Vec::len), Some(0));

    // What goes wrong.
    let (code, told) = tour.fails(&["cat", "/nothing.txt"]);
    assert_eq!(
        (code, told.as_str()),
        (4, "pantry: There is no such file or folder: /nothing.txt\n")
    );
    assert_eq!(tour.fails(&["ls", "/nowhere"]).0, 4);
    assert_eq!(tour.fails(&["put", text(&note), "/no/where/x.txt"]).0, 4);
    assert_eq!(tour.fails(&["mkdir", "/letters"]).0, 6);
    assert_eq!(tour.fails(&["mv", "/letters/note.txt", "/photos/third.txt"]).0, 6);
    assert_eq!(tour.ls("/letters"), "note.txt", "what failed was undone");
    assert_eq!(tour.fails(&["get", "/letters"]).0, 2);
    let refused = tour.run(&["--json", "mkdir", "/letters"]);
    let refused: Value = serde_json::from_slice(&refused.stderr).expect("JSON");
    assert_eq!(
        (&refused["error"]["code"], &refused["error"]["status"]),
        (&"name_taken".into(), &409.into())
    );

    let mut chinese = tour.drive.pantry(&["cat", "/nothing.txt"]);
    let chinese = chinese
        .env("LC_ALL", "zh_CN.UTF-8")
        .env("PANTRY_TOKEN", "no-token")
        .env("PANTRY_SERVER", &tour.drive.url);
    let chinese = chinese.output().expect("pantry runs");
    assert_eq!(chinese.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&chinese.stderr).contains("请运行 `pantry login`"));
    let mut nobody = tour.drive.pantry(&["ls"]);
    let nobody = nobody.env("PANTRY_TOKEN", "x").env("PANTRY_SERVER", "ftp://x");
    assert_eq!(nobody.output().expect("pantry runs").status.code(), Some(2));
    let checked = tour.drive.operator(&["check"]);
    assert_eq!(checked["clean"], true, "{checked}");
}
