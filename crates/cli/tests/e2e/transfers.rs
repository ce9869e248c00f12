//! Large files that are killed in the middle of their way there, and come back whole.

use std::process::Stdio;

use pantry_testkit::{md5_hex, noise};

use crate::drive::{Drive, json, text};

const MIB: u64 = 1024 * 1024;

#[test]
fn a_large_file_survives_a_kill_on_its_way_and_comes_back_whole() {
    let drive = Drive::start();
    let content = noise(3, 12 * 1024 * 1024);
    let film = drive.write("film.bin", &content);
    let token = drive.token();
    let pantry = |words: &[&str]| {
        let mut command = drive.pantry(words);
        command.env("PANTRY_SERVER", &drive.url).env("PANTRY_TOKEN", &token);
        command
    };
    let put = ["put", "--json", "--parallel", "1", text(&film), "/"];

    // One part of 5 MiB gets through whole, the next one only begins.
    drive.gate.hold_after(7 * MIB);
    let mut killed = pantry(&put).stdout(Stdio::null()).spawn().expect("pantry runs");
    drive.gate.wait_until_holding();
    killed.kill().expect("killed");
    killed.wait().expect("ended");
    drive.gate.open();
    let nothing = json(&pantry(&["ls", "--json", "/"]).output().expect("pantry runs"));
    assert_eq!(nothing.as_array().map(Vec::len), Some(0), "half a file is not shown");

    let again = json(&pantry(&put).output().expect("pantry runs"));
    assert_eq!(again[0]["resumed"], 5 * MIB);
    assert_eq!(
        (again[0]["size"].as_u64(), again[0]["md5"].as_str()),
        (Some(12 * MIB), Some(&*md5_hex(&content)))
    );

    let back = drive.local("back.bin");
    // What an earlier run fetched, as a kill leaves it.
    let part = drive.local(&format!(".back.bin.{}.part", md5_hex(&content)));
    std::fs::write(part, &content[..4_000_000]).expect("written");
    let got = json(
        &pantry(&["get", "--json", "/film.bin", text(&back)])
            .output()
            .expect("pantry runs"),
    );
    assert_eq!(got[0]["resumed"], 4_000_000);
    assert!(std::fs::read(&back).expect("read") == content);

    let cat = pantry(&["cat", "film.bin"]).output().expect("pantry runs");
    assert!(cat.stdout == content);
    let checked = drive.operator(&["check"]);
    assert_eq!(checked["clean"], true, "{checked}");
}
