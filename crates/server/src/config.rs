//! Where settings come from: the defaults, then the configuration file, then the environment, then the flags.
//! Owns their order and the errors that name them; what they mean stands in `core`'s settings.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use figment::{
    Figment,
    providers::{Format, Serialized, Toml},
};
use pantry_core::{
    Settings,
    hooks::{Rules, Schedule},
    settings::REFERENCE,
};

const PREFIX: &str = "PANTRY_";

/// What flags say; they win over file and environment.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Configuration file.
    pub config: Option<PathBuf>,
    /// `section.key` with its value.
    pub values: Vec<(&'static str, String)>,
}

/// Reads the settings.
///
/// # Errors
/// The file cannot be read, or something in it, in the environment or in a flag is no setting or has no fitting value.
pub fn load(overrides: &Overrides, environment: impl Iterator<Item = (String, String)>) -> anyhow::Result<Settings> {
    let mut figment = Figment::from(Serialized::defaults(Settings::default()));
    if let Some(file) = &overrides.config {
        if !file.is_file() {
            bail!("the configuration file {} does not exist", file.display());
        }
        figment = figment.merge(Toml::file_exact(file));
    }
    for (name, value) in environment {
        // Without the two underscores it is none of ours: PANTRY_HOST, or what the tests use.
        let Some((section, key)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once("__")) else {
            continue;
        };
        let path = format!("{}.{}", section.to_lowercase(), key.to_lowercase());
        figment = with(figment, &path, value).with_context(|| format!("the environment variable {name}"))?;
    }
    for (path, value) in &overrides.values {
        figment = with(figment, path, value.clone())?;
    }
    let settings: Settings = figment.extract().map_err(|e| match &overrides.config {
        Some(file) => anyhow::anyhow!("the configuration file {}: {e}", file.display()),
        None => anyhow::anyhow!("{e}"),
    })?;
    check(&settings)?;
    Ok(settings)
}

/// One more value, of the type that the setting has.
fn with(figment: Figment, path: &str, value: String) -> anyhow::Result<Figment> {
    let known = |doc: &&pantry_core::settings::SettingDoc| path == format!("{}.{}", doc.section, doc.key);
    let Some(doc) = REFERENCE.iter().find(known) else {
        bail!("there is no setting {path}; `pantryd config reference` lists them all");
    };
    if doc.kind == "String" {
        return Ok(figment.merge((path, value)));
    }
    let number: i64 = value
        .trim()
        .parse()
        .with_context(|| format!("{path} must be a whole number, not {value:?}"))?;
    if number < 0 && doc.kind.starts_with('u') {
        bail!("{path} must not be negative, and {number} is");
    }
    Ok(figment.merge((path, number)))
}

/// What can be wrong with a value that has the right type.
fn check(settings: &Settings) -> anyhow::Result<()> {
    let words = |what: &str, value: &str, words: &[&str]| match words.contains(&value) {
        true => Ok(()),
        false => bail!("{what} must be one of {}, not {value:?}", words.join(", ")),
    };
    words("log.format", &settings.log.format, &["text", "json"])?;
    words("v1.instant_upload", &settings.v1.instant_upload, &["own", "trusting"])?;
    let hooks = &settings.hooks;
    Rules::parse(&hooks.allow).map_err(|e| anyhow::anyhow!("hooks.allow: {e}"))?;
    Schedule::parse(&hooks.retry_seconds).map_err(|e| anyhow::anyhow!("hooks.retry_seconds: {e}"))?;
    for (what, address) in [
        ("server.public_url", &settings.server.public_url),
        ("server.upload_url", &settings.server.upload_url),
        ("server.download_url", &settings.server.download_url),
    ] {
        let uri = address.parse::<http::Uri>().ok();
        let fits = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
        });
        if !address.is_empty() && !fits {
            bail!("{what} must be an address such as https://drive.example.com, not {address:?}");
        }
    }
    Ok(())
}

/// The data folder: as set, else `$XDG_DATA_HOME/pantry`, else `~/.local/share/pantry`.
///
/// # Errors
/// Nothing of these is set.
pub fn data_dir(settings: &Settings) -> anyhow::Result<PathBuf> {
    if !settings.server.data_dir.is_empty() {
        return Ok(PathBuf::from(&settings.server.data_dir));
    }
    let var = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || var("HOME").map(|home| home.join(".local/share"));
    let base = var("XDG_DATA_HOME").filter(|path| path.is_absolute()).or_else(home);
    let base = base.context("no data folder: give --data-dir, or set PANTRY_SERVER__DATA_DIR or HOME")?;
    Ok(base.join("pantry"))
}

/// Where the rows are.
///
/// # Errors
/// The address is none of a database.
pub fn database(settings: &Settings, data_dir: &Path) -> anyhow::Result<pantry_db::DatabaseUrl> {
    if settings.server.database.is_empty() {
        return Ok(pantry_db::DatabaseUrl::Sqlite(data_dir.join("pantry.db")));
    }
    Ok(settings.server.database.parse()?)
}

/// Where the contents are.
///
/// # Errors
/// The address is none of an object store.
pub fn storage(settings: &Settings, data_dir: &Path) -> anyhow::Result<pantry_blob::StorageUrl> {
    if settings.server.storage.is_empty() {
        return Ok(pantry_blob::StorageUrl::File(data_dir.join("content")));
    }
    Ok(settings.server.storage.parse()?)
}

#[cfg(test)]
mod tests {
    //! The order of the sources, and what is refused.
    use super::*;

    fn settings(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> anyhow::Result<Settings> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("pantry.toml");
        std::fs::write(&path, file)?;
        let overrides = Overrides {
            config: Some(path),
            values: flags.iter().map(|(k, v)| (*k, (*v).to_owned())).collect(),
        };
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        load(&overrides, environment)
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let file = "[v1]\nrate_per_minute = 1\n[download]\nlink_seconds = 2\n[server]\nlisten = \"a:1\"\n";
        let environment = [
            ("PANTRY_DOWNLOAD__LINK_SECONDS", "3"),
            ("PANTRY_SERVER__LISTEN", "b:2"),
            ("PANTRY_TEST_POSTGRES", "ignored"),
            ("HOME", "ignored"),
        ];
        let got = settings(file, &environment, &[("server.listen", "c:3")]).expect("settings");
        assert_eq!(got.v1.rate_per_minute, 1);
        assert_eq!(got.download.link_seconds, 3);
        assert_eq!(got.server.listen, "c:3");
        assert_eq!(got.bin.keep_days, 30);
    }

    #[test]
    fn a_text_that_looks_like_a_number_stays_a_text() {
        let got = settings("", &[("PANTRY_SERVER__DATA_DIR", "123")], &[]).expect("settings");
        assert_eq!(got.server.data_dir, "123");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused = |file, environment: &[(&str, &str)]| {
            let error = settings(file, environment, &[]).expect_err("refused");
            format!("{error:#}")
        };
        assert!(refused("", &[("PANTRY_V1__RATE", "1")]).contains("PANTRY_V1__RATE"));
        assert!(refused("", &[("PANTRY_V1__RATE_PER_MINUTE", "many")]).contains("whole number"));
        assert!(refused("", &[("PANTRY_V1__RATE_PER_MINUTE", "-1")]).contains("negative"));
        assert!(refused("[v1]\nrate = 1\n", &[]).contains("rate"));
        assert!(refused("[log]\nformat = \"xml\"\n", &[]).contains("log.format"));
        assert!(refused("[server]\npublic_url = \"drive\"\n", &[]).contains("public_url"));
    }
}
