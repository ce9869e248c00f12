//! Looks for every secret of a run of the tests in every log of it. Owns what a leak is; the tests write both (`testkit`'s
//! `secrets`): for each process a file of secrets, a line each with name, tab and value, and its logs beside it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};

/// What stands before a secret that has a form of its own, whoever made it.
const PREFIXES: [&str; 10] = [
    "pantry_at_",
    "pantry_rt_",
    "pantry_cs_",
    "pantry_ac_",
    "pantry_se_",
    "pantry_pl_",
    "pantry_su_",
    "whsec_",
    "$argon2",
    "-----BEGIN PRIVATE KEY",
];
/// Characters after a prefix that make a secret of it, and no example.
const BODY: usize = 20;

/// What a run of all tests meets at least: a run that did not was not searched.
const MET: [&str; 17] = [
    "HTTP Basic",
    "access_token",
    "claim of a link",
    "client_secret",
    "code",
    "cookie pantry_form",
    "cookie pantry_session",
    "csrf",
    "device_code",
    "id_token",
    "password",
    "password link",
    "refresh_token",
    "secret",
    "signature of a link",
    "upload_id",
    "user_code",
];
/// Requests that a run of all tests has in its logs, at least.
const REQUESTS: usize = 2_000;

/// What was searched, and what was found.
#[derive(Debug, Default)]
pub struct Searched {
    /// Leaks: whose, of what, where. Never the secret.
    pub leaks: BTreeSet<String>,
    /// Secrets by name.
    pub met: BTreeMap<String, usize>,
    /// Logs, and their bytes.
    pub logs: (usize, u64),
    requests: usize,
}

/// What one process of the tests met, by kind, and the logs that it wrote.
type Process = (Vec<(String, String)>, Vec<PathBuf>);

/// Searches a folder that the tests wrote.
///
/// # Errors
/// It cannot be read.
pub fn search(folder: &Path) -> anyhow::Result<Searched> {
    let mut processes: BTreeMap<String, Process> = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let process = processes
            .entry(name.split('.').next().unwrap_or_default().to_owned())
            .or_default();
        if name.ends_with(".secrets") {
            process.0.extend(secrets(&fs::read_to_string(&path)?));
        } else {
            process.1.push(path);
        }
    }
    let mut searched = Searched::default();
    for (process, (secrets, logs)) in &processes {
        for (what, _) in secrets {
            *searched.met.entry(what.clone()).or_default() += 1;
        }
        for path in logs {
            let bytes = fs::read(path).with_context(|| path.display().to_string())?;
            let text = String::from_utf8_lossy(&bytes);
            searched.logs = (searched.logs.0 + 1, searched.logs.1 + bytes.len() as u64);
            searched.requests += text.matches("answered").count();
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            for (what, at) in found(&text, secrets) {
                let line = text[..at].matches('\n').count() + 1;
                searched
                    .leaks
                    .insert(format!("{process}: {what} in {file}, line {line}"));
            }
        }
    }
    Ok(searched)
}

impl Searched {
    /// Whether a run of all tests was searched.
    ///
    /// # Errors
    /// What is missing.
    pub fn is_whole(&self) -> anyhow::Result<()> {
        let missing: Vec<_> = MET.iter().filter(|what| !self.met.contains_key(**what)).collect();
        ensure!(
            missing.is_empty(),
            "the tests met no {missing:?}: what they meet is not written down"
        );
        ensure!(
            self.requests >= REQUESTS,
            "the logs of the tests hold {} requests: they are not what the servers logged",
            self.requests
        );
        Ok(())
    }
}

fn secrets(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    lines.map(|(what, value)| (what.to_owned(), value.to_owned())).collect()
}

/// What of these stands in a log, and where first.
fn found(text: &str, secrets: &[(String, String)]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (what, value) in secrets {
        let at = forms(value).into_iter().find_map(|form| text.find(&form));
        found.extend(at.map(|at| (what.clone(), at)));
    }
    for prefix in PREFIXES {
        let is_secret = |at: &usize| {
            let rest = &text.as_bytes()[at + prefix.len()..];
            rest.iter().take(BODY).filter(|b| !b.is_ascii_whitespace()).count() == BODY
        };
        let at = text.match_indices(prefix).map(|(at, _)| at).find(is_secret);
        found.extend(at.map(|at| (format!("{prefix}…"), at)));
    }
    found
}

/// A secret as itself, and as it is written in an address, a form and a text of JSON.
fn forms(value: &str) -> BTreeSet<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let encoded = |space: &str| -> String {
        let one = |b: u8| match b {
            b' ' => space.to_owned(),
            b if plain(b) => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        };
        value.bytes().map(one).collect()
    };
    let json = value.replace('\\', "\\\\").replace('"', "\\\"");
    [value.to_owned(), encoded("%20"), encoded("+"), json].into()
}

#[cfg(test)]
mod tests {
    //! A leak is planted, and found.
    use super::*;

    fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("pantry-leaks-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        for (name, text) in files {
            fs::write(folder.join(name), text).expect("written");
        }
        folder
    }

    #[test]
    fn a_planted_leak_is_found_in_every_form_and_not_repeated() {
        let secret = "what is \"in\" it/yes";
        let files = [
            (
                "u--one--7.secrets",
                format!("upload_id\t0f0f0f0f0f\npassword\t{secret}\n"),
            ),
            ("u--one--7.0.log", "DEBUG fine\nINFO id=0f0f0f0f0f\n".to_owned()),
            ("u--one--7.1.log", "next=what%20is%20%22in%22%20it%2Fyes".to_owned()),
            ("u--one--7.2.log", "next=what+is+%22in%22+it%2Fyes".to_owned()),
            ("u--one--7.3.log", "{\"m\":\"what is \\\"in\\\" it/yes\"}".to_owned()),
            // Another's, who never met it; and what has the form of a secret.
            (
                "v--two--8.0.log",
                "0f0f0f0f0f pantry_at_… pantry_at_TOKEN pantry_cs_012345678901234567890".to_owned(),
            ),
            ("v--three--9.0.log", "nothing\n".to_owned()),
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let folder = folder("planted", &files);
        let searched = search(&folder).expect("searched");
        assert_eq!(
            searched.leaks.iter().map(String::as_str).collect::<Vec<_>>(),
            [
                "u--one--7: password in u--one--7.1.log, line 1",
                "u--one--7: password in u--one--7.2.log, line 1",
                "u--one--7: password in u--one--7.3.log, line 1",
                "u--one--7: upload_id in u--one--7.0.log, line 2",
                "v--two--8: pantry_cs_… in v--two--8.0.log, line 1",
            ]
        );
        assert_eq!((searched.logs.0, searched.met["password"]), (6, 1));
        fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn a_run_that_wrote_nothing_down_was_not_searched() {
        let mut searched = search(&folder("empty", &[])).expect("searched");
        assert!(searched.leaks.is_empty() && searched.is_whole().is_err());
        searched.met = MET.map(|what| (what.to_owned(), 1)).into();
        assert!(searched.is_whole().is_err(), "nobody was asked anything");
        searched.requests = REQUESTS;
        assert!(searched.is_whole().is_ok());
    }
}
