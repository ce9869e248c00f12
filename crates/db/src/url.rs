//! Where the rows are: the text form of a database's address.
//! Never shows a password.

use std::{fmt, path::PathBuf, str::FromStr};

use crate::error::DbError;

/// `sqlite:PATH` (a file) or `postgres://user:password@host/database`.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file of the embedded engine. Its folder must exist; the file is made when it is missing.
    Sqlite(PathBuf),
    /// A PostgreSQL server, as its own URL or `key=value` text says.
    Postgres(String),
}

impl FromStr for DatabaseUrl {
    type Err = DbError;

    fn from_str(text: &str) -> Result<Self, DbError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            text.parse::<tokio_postgres::Config>().map_err(|_| {
                // The parser's own text may quote the password.
                DbError::other(
                    "the database address is not a valid postgres:// URL; write postgres://user:password@host:5432/database",
                )
            })?;
            return Ok(Self::Postgres(text.to_owned()));
        }
        let Some(path) = text.strip_prefix("sqlite:") else {
            let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
            return Err(DbError::other(format!(
                "a database address starts with sqlite: or postgres://, not with {scheme:?}"
            )));
        };
        // sqlite:///var/x and sqlite:/var/x mean the same file.
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.starts_with(":memory:") {
            return Err(DbError::other(
                "sqlite: needs the path of a file; a database in memory cannot be shared by several connections",
            ));
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => {
                let Ok(config) = url.parse::<tokio_postgres::Config>() else {
                    return f.write_str("postgres://…");
                };
                f.write_str("postgres://")?;
                match config.get_hosts().first() {
                    Some(tokio_postgres::config::Host::Tcp(host)) => f.write_str(host)?,
                    #[cfg(unix)]
                    Some(tokio_postgres::config::Host::Unix(path)) => write!(f, "{}", path.display())?,
                    None => f.write_str("localhost")?,
                }
                if let Some(port) = config.get_ports().first() {
                    write!(f, ":{port}")?;
                }
                write!(f, "/{}", config.get_dbname().unwrap_or(""))
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_never_shown() {
        let url: DatabaseUrl = "postgres://bob:s3cret@db.example:5433/pantry".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://db.example:5433/pantry");
        assert!(!format!("{url:?}").contains("s3cret"));
        let bad = "postgres://bob:s3cret@db.example:port/x".parse::<DatabaseUrl>();
        assert!(!format!("{bad:?}").contains("s3cret"));
    }

    #[test]
    fn three_spellings_of_a_file() {
        for text in ["sqlite:/a/b.db", "sqlite:///a/b.db"] {
            let url: DatabaseUrl = text.parse().unwrap();
            assert_eq!(url, DatabaseUrl::Sqlite("/a/b.db".into()));
        }
        let url: DatabaseUrl = "sqlite:b.db".parse().unwrap();
        assert_eq!(url, DatabaseUrl::Sqlite("b.db".into()));
    }

    #[test]
    fn memory_and_unknown_schemes_are_refused() {
        for text in ["sqlite:", "sqlite::memory:", "mysql://x", "x"] {
            assert!(text.parse::<DatabaseUrl>().is_err(), "{text}");
        }
    }
}
