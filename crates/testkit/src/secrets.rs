//! What no log of a whole run may hold. Where `PANTRY_TEST_SECRETS` names a folder (`scripts/test` makes one), every process of
//! the tests writes there which secrets it met, and its servers log there, as talkative as they get. `cargo xtask leaks` then looks
//! for the ones in the others. Must not decide what a leak is.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        LazyLock, Mutex, Once, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};
use serde_json::Value;
use tracing_subscriber::EnvFilter;

/// Members of answers that nobody but the client may know. Each is also the name under which it is looked for.
const MEMBERS: [&str; 15] = [
    "access_token",
    "client_secret",
    "code",
    "csrf",
    "device_code",
    "id_token",
    "password",
    "refresh_token",
    "request_uri",
    "secret",
    "signature",
    "ticket",
    "token",
    "upload_id",
    "user_code",
];
/// Hidden fields of pages that bind a form.
const FIELDS: [&str; 2] = ["csrf", "check"];
/// What stands before a secret in an address, and its name.
const IN_ADDRESSES: [(&str, &str); 6] = [
    ("?sig=", "signature of a link"),
    ("&sig=", "signature of a link"),
    ("?code=", "code"),
    ("&code=", "code"),
    ("/setup/", "set-up link"),
    ("/password/", "password link"),
];
/// Shorter texts stand anywhere by chance.
const SHORTEST: usize = 7;
/// Larger answers are contents.
const LARGEST: usize = 1 << 20;
/// The client of the tests runs in the same process, and may log what it likes.
const FILTER: &str = "trace,hyper_util=off,reqwest=off";

/// Where this process writes: the folder, and what its files are called.
struct Place {
    folder: PathBuf,
    name: String,
    written: Mutex<(HashSet<String>, File)>,
}

static PLACE: LazyLock<Option<Place>> = LazyLock::new(|| {
    let folder = PathBuf::from(std::env::var_os("PANTRY_TEST_SECRETS")?);
    let program = std::env::current_exe().ok()?;
    let program = program.file_stem()?.to_string_lossy().into_owned();
    // nextest starts a process for each test, and names it.
    let test = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let plain = |text: &str| text.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "-");
    let name = format!(
        "{}--{}--{}",
        plain(&program),
        plain(&test.unwrap_or_default()),
        std::process::id()
    );
    let mut options = OpenOptions::new();
    let secrets = options
        .create(true)
        .append(true)
        .open(folder.join(format!("{name}.secrets")));
    Some(Place {
        written: Mutex::new((HashSet::new(), secrets.expect("a folder for secrets"))),
        folder,
        name,
    })
});

impl Place {
    /// A file for one log more.
    fn log(&self) -> File {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        File::create(self.folder.join(format!("{}.{number}.log", self.name))).expect("a log")
    }
}

/// Notes a secret.
pub fn note(what: &str, value: &str) {
    let Some(place) = &*PLACE else { return };
    if value.len() < SHORTEST || value.contains(['\n', '\t']) {
        return;
    }
    let mut written = place.written.lock().unwrap_or_else(PoisonError::into_inner);
    if written.0.insert(value.to_owned()) {
        writeln!(written.1, "{what}\t{value}").expect("written");
    }
}

/// Notes an app's secret, also as HTTP Basic carries it.
pub fn note_client(client_id: &str, secret: &str) {
    note("client_secret", secret);
    note("HTTP Basic", &STANDARD.encode(format!("{client_id}:{secret}")));
}

/// Notes what an answer gives away to whom it is for.
pub fn met(headers: &HeaderMap, body: &[u8]) {
    if PLACE.is_none() {
        return;
    }
    for cookie in headers.get_all(header::SET_COOKIE) {
        let pair = cookie
            .to_str()
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default();
        if let Some((name, value)) = pair.split_once('=') {
            note(&format!("cookie {name}"), value);
        }
    }
    if let Some(location) = headers.get(header::LOCATION).and_then(|value| value.to_str().ok()) {
        address(location);
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default();
    if body.len() > LARGEST {
        return;
    }
    if kind.starts_with("text/html") {
        page(&String::from_utf8_lossy(body));
    } else if let Ok(json) = serde_json::from_slice(body) {
        // Also where it says that it is something else, as the weipan API does.
        members(&json);
    }
}

fn address(text: &str) {
    for (before, what) in IN_ADDRESSES {
        if let Some((claim, rest)) = text.split_once(before) {
            let end = rest.find(['&', '#', '?']).unwrap_or(rest.len());
            note(what, &rest[..end]);
            if let Some((_, claim)) = claim.split_once("/d/") {
                note("claim of a link", claim);
            }
        }
    }
}

fn page(text: &str) {
    for field in FIELDS {
        for rest in text.split(&format!("name=\"{field}\" value=\"")).skip(1) {
            note(field, rest.split('"').next().unwrap_or_default());
        }
    }
}

/// Notes what JSON gives away.
pub fn told(json: &Value) {
    if PLACE.is_some() {
        members(json);
    }
}

fn members(json: &Value) {
    match json {
        Value::Object(all) => {
            for (name, value) in all {
                if let (Some(what), Some(text)) = (MEMBERS.iter().find(|m| *m == name), value.as_str()) {
                    note(what, text);
                }
                members(value);
            }
        }
        Value::Array(all) => all.iter().for_each(members),
        Value::String(text) => address(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Lets what runs in this process log.
pub fn log_here() {
    static STARTED: Once = Once::new();
    let Some(place) = &*PLACE else { return };
    STARTED.call_once(|| {
        let log = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(FILTER))
            .with_ansi(false)
            .with_writer(Mutex::new(place.log()));
        // A test that reads its own log keeps it.
        let _ = log.try_init();
    });
}

/// Lets a program that is about to start log everything, where that is kept. A test that sets the filter comes after.
pub fn talkative(command: &mut Command) {
    if PLACE.is_some() {
        command.env("PANTRY_LOG__FILTER", "trace");
    }
}

/// The same for a program whose log nobody reads: it goes where it is kept, or nowhere.
pub fn log_of(command: &mut Command) {
    talkative(command);
    match &*PLACE {
        Some(place) => command.stderr(place.log()),
        None => command.stderr(Stdio::null()),
    };
}

/// Keeps what a program logged that has ended.
pub fn keep_log(text: &[u8]) {
    if let Some(place) = &*PLACE
        && !text.is_empty()
    {
        place.log().write_all(text).expect("written");
    }
}

#[cfg(test)]
mod tests {
    //! A process of its own writes what it met and what it logged.
    use super::*;

    #[test]
    #[ignore = "started by the other, with a folder to write to"]
    fn met_and_logged() {
        let mut headers = HeaderMap::new();
        let cookie = "pantry_session=a-cookie-of-somebody; Path=/";
        headers.insert(header::SET_COOKIE, cookie.parse().expect("a header"));
        headers.insert(
            header::LOCATION,
            "https://a.example/cb?code=a-code-of-an-app&x=y"
                .parse()
                .expect("a header"),
        );
        let link = "http://127.0.0.1/d/the-claim?sig=the-signature";
        let body = serde_json::json!({"data": [{"upload_id": "the-upload", "url": link}], "token": "short"});
        met(&headers, body.to_string().as_bytes());
        headers.insert(
            header::CONTENT_TYPE,
            "text/html; charset=utf-8".parse().expect("a header"),
        );
        met(&headers, b"<input type=hidden name=\"csrf\" value=\"bound-to-it\">");
        note_client("1234567890", "the-secret-of-it");
        log_here();
        tracing::trace!(planted = "the-upload", "this is a leak");
    }

    #[test]
    fn what_is_met_and_what_is_logged_lie_side_by_side() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = std::env::current_exe().expect("the tests");
        let run = Command::new(own)
            .args(["secrets::tests::met_and_logged", "--exact", "--ignored"])
            .env("PANTRY_TEST_SECRETS", folder.path())
            .output()
            .expect("it runs");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
        let mut found = (String::new(), String::new());
        for entry in std::fs::read_dir(folder.path()).expect("a folder") {
            let path = entry.expect("an entry").path();
            assert!(
                path.display().to_string().contains("secrets--tests--met_and_logged--"),
                "{path:?}"
            );
            let text = std::fs::read_to_string(&path).expect("a file");
            match path.extension().and_then(|e| e.to_str()) {
                Some("secrets") => found.0 = text,
                _ => found.1 = text,
            }
        }
        let mut met: Vec<&str> = found.0.lines().collect();
        met.sort_unstable();
        assert_eq!(
            met,
            [
                "HTTP Basic\tMTIzNDU2Nzg5MDp0aGUtc2VjcmV0LW9mLWl0",
                "claim of a link\tthe-claim",
                "client_secret\tthe-secret-of-it",
                "code\ta-code-of-an-app",
                "cookie pantry_session\ta-cookie-of-somebody",
                "csrf\tbound-to-it",
                "signature of a link\tthe-signature",
                "upload_id\tthe-upload",
            ]
        );
        assert!(
            found.1.contains("TRACE") && found.1.contains("planted=\"the-upload\""),
            "{}",
            found.1
        );
    }
}
