//! Signing in by device code, approved through the pages, and out again.

use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use serde_json::Value;

use crate::{
    browser::Browser,
    drive::{Drive, PASSWORD, json},
};

#[test]
fn a_person_signs_in_through_the_pages_and_out_again() {
    let drive = Drive::start();
    let mut login = drive
        .pantry(&[
            "login",
            "--json",
            "--server",
            &drive.url,
            "--client-id",
            &drive.client_id,
        ])
        .stdout(Stdio::piped())
        .spawn()
        .expect("pantry runs");
    let mut told = BufReader::new(login.stdout.take().expect("its output"));
    let mut first = String::new();
    while !first.ends_with("\n}\n") {
        assert!(told.read_line(&mut first).expect("a line") > 0, "{first}");
    }
    let first: Value = serde_json::from_str(&first).expect("JSON");
    let code = first["user_code"].as_str().expect("a code");
    assert_eq!(first["verification_uri"], format!("{}/oauth/device", drive.url));
    pantry_testkit::run(async {
        Browser::new(&drive.url).approve("ada", PASSWORD, code).await;
    });
    let mut rest = String::new();
    told.read_to_string(&mut rest).expect("the rest");
    assert!(login.wait().expect("ended").success(), "{rest}");
    let rest: Value = serde_json::from_str(&rest).expect("JSON");
    assert_eq!(
        (rest["user"].as_str(), rest["scope"].as_str()),
        (Some("ada"), Some("user.read files.app_data"))
    );

    #[cfg(unix)]
    for file in ["tokens.json", "session.json"] {
        use std::os::unix::fs::PermissionsExt;
        let path = drive.local("config/pantry").join(file);
        let mode = std::fs::metadata(path).expect("kept").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let who = json(&drive.pantry(&["whoami", "--json"]).output().expect("pantry runs"));
    assert_eq!(who["username"], "ada");

    // An old access token: the next command renews it by itself.
    let path = drive.local("config/pantry/tokens.json");
    let mut tokens: Value = serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("JSON");
    let old = tokens["access_token"].clone();
    tokens["expires_at"] = 1.into();
    std::fs::write(&path, tokens.to_string()).expect("written");
    assert!(drive.pantry(&["quota"]).status().expect("pantry runs").success());
    let tokens: Value = serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("JSON");
    assert_ne!(tokens["access_token"], old);

    let out = json(&drive.pantry(&["logout", "--json"]).output().expect("pantry runs"));
    assert_eq!((&out["signed_out"], &out["server_told"]), (&true.into(), &true.into()));
    assert!(!path.exists());
    let nobody = drive.pantry(&["quota"]).output().expect("pantry runs");
    assert_eq!(nobody.status.code(), Some(3));
    let told = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert!(
        told.contains("run `pantry login`") && told.lines().count() == 1,
        "{told}"
    );
}
