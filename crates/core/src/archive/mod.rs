//! Archives: many files and folders as one ZIP, made while it is sent. Owns who may have one, its signed link, and the stream.
//! Must not know HTTP. What is in an archive is live: each folder as it is when the walk comes to it.
//!
//! Whoever has the right asks for a link ([`Drive::archive`], or [`Drive::archive_of`] by the right of a share). The link carries
//! what was chosen, or names a row that does where that is long.

mod of;
mod stream;
mod walk;
mod zip;

use std::collections::{HashMap, HashSet};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use pantry_db::{Tx, archives, nodes, nodes::Node};
use pantry_types::{Name, NodeId, UserId, limits, random};
use serde::{Deserialize, Serialize};

pub use of::Of;
pub use stream::Archive;
use walk::Top;

use crate::{
    Actor, Drive, Error,
    access::{self, Need, Place},
    auth::hash,
    files::{Selection, kind_word},
    keys::same,
};

/// A choice of up to so many bytes lies in the link itself: so long an address passes everywhere.
const INLINE: usize = 1_000;
/// Longer choices that a person may have waiting at once, whoever asks for them in their name.
const WAITING: i64 = 1_000;
/// What an archive is called that is made of several and was given no name.
const UNNAMED: &str = "archive";
/// What the drive itself is called in an archive: its root has no name.
const ROOT: &str = "drive";
const ENDING: &str = ".zip";
/// Begins the claim of a link whose choice lies in a row.
const BY_ROW: char = '~';

/// A link to an archive.
#[derive(Debug, Clone)]
pub struct Link {
    /// Path and query, to be put after the download address.
    pub path: String,
    /// Seconds that a download may begin in.
    pub expires_in: i64,
}

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    #[serde(rename = "o")]
    of: Of,
    /// Name of the archive.
    #[serde(rename = "n")]
    name: String,
    /// What was chosen.
    #[serde(rename = "i")]
    ids: Vec<NodeId>,
    #[serde(rename = "x")]
    expires: i64,
}

impl Drive {
    /// A link to an archive of what the caller may read. `name` is what it is called, with or without `.zip`; by default that of
    /// the one thing in it.
    ///
    /// # Errors
    /// [`Error::NotFound`]: one of them is not there, or the caller may not read it. [`Error::Invalid`]: none, or too many.
    /// [`Error::TooMany`]: more long choices wait than may.
    pub async fn archive(&self, actor: &Actor, what: Selection, name: Option<Name>) -> Result<Link, Error> {
        self.db()
            .read((actor.clone(), self.now()), |tx, (actor, now)| {
                Box::pin(async move { access::enter(tx, actor, *now).await?.require(Need::Read).map(|_| ()) })
            })
            .await?;
        self.archive_of(Of::reading(actor), what, name).await
    }

    /// The same by any right. It is asked again when the link is used, and all the way through.
    ///
    /// # Errors
    /// As [`Self::archive`]; [`Error::Forbidden`]: the right has ended.
    pub async fn archive_of(&self, of: Of, what: Selection, name: Option<Name>) -> Result<Link, Error> {
        what.check()?;
        if what.len() > limits::ARCHIVE_IDS {
            let most = limits::ARCHIVE_IDS;
            let problem = format!(
                "{} ids are too many; send at most {most}, or a folder that holds them",
                what.len()
            );
            return Err(Error::invalid("file_ids", problem));
        }
        let tops = self
            .db()
            .read((of, what, self.now()), |tx, (of, what, now)| {
                Box::pin(async move { choose(tx, of, what, *now).await })
            })
            .await?;
        let expires_in = self.settings().download.link_seconds;
        let claim = Claim {
            of,
            name: called(name, &tops),
            ids: tops.iter().map(|n| n.id).collect(),
            expires: self.now() + expires_in,
        };
        let text = serde_json::to_string(&claim).map_err(|e| Error::Internal(e.to_string()))?;
        let text = if text.len() <= INLINE {
            URL_SAFE_NO_PAD.encode(text)
        } else {
            let key = URL_SAFE_NO_PAD.encode(random::bytes::<16>(self.random().as_ref()));
            let row = (of.user(), hash(&key), text, claim.expires, self.now());
            self.db()
                .write(row, |tx, (user, hash, text, expires, now)| {
                    Box::pin(async move { wait(tx, *user, hash, text, *expires, *now).await.into() })
                })
                .await?;
            format!("{BY_ROW}{key}")
        };
        let signature = self.sign_archive(&text);
        Ok(Link {
            path: format!("/a/{text}?sig={signature}"),
            expires_in,
        })
    }

    fn sign_archive(&self, claim: &str) -> String {
        // Links of single files are signed with the same key; none of them has a space.
        let signature = self.keys().sign_link(format!("archive {claim}").as_bytes());
        URL_SAFE_NO_PAD.encode(signature)
    }

    /// Opens the archive that a link names. `claim` and `signature` are the two parts of the link as they came; a changed byte
    /// of either, or a second too late, is refused.
    ///
    /// # Errors
    /// [`Error::Forbidden`]: the link is not good, or the right has ended. [`Error::NotFound`]: something that was chosen is
    /// not there any more.
    pub async fn open_archive(&self, claim: &str, signature: &str) -> Result<Archive, Error> {
        let refused = || Error::Forbidden("this link is not valid (any more); ask for a new one".into());
        if !same(self.sign_archive(claim).as_bytes(), signature.as_bytes()) {
            return Err(refused());
        }
        let text = match claim.strip_prefix(BY_ROW) {
            Some(key) => {
                let row = (hash(key), self.now());
                self.db()
                    .read(row, |tx, (hash, now)| {
                        Box::pin(async move { Ok::<_, Error>(archives::get(tx, hash, *now).await?) })
                    })
                    .await?
            }
            None => URL_SAFE_NO_PAD
                .decode(claim)
                .ok()
                .and_then(|b| String::from_utf8(b).ok()),
        };
        let claim: Claim = text
            .and_then(|text| serde_json::from_str(&text).ok())
            .ok_or_else(refused)?;
        if self.now() >= claim.expires {
            return Err(refused());
        }
        let (of, name) = (claim.of, claim.name.clone());
        let tops = self
            .db()
            .read((claim, self.now()), |tx, (claim, now)| {
                Box::pin(async move { tops(tx, claim, *now).await })
            })
            .await?;
        Ok(Archive::new(self.clone(), of, name, tops))
    }

    /// Removes the long choices whose links are over.
    pub(crate) async fn sweep_archives(&self) -> Result<(), Error> {
        self.db()
            .write(self.now(), |tx, now| {
                Box::pin(async move { archives::sweep(tx, *now).await.map_err(Error::from).into() })
            })
            .await
            .map(|_| ())
    }
}

/// What was chosen: each must be there, of its kind, and within the right.
async fn choose(tx: &mut Tx<'_>, of: &Of, what: &Selection, now: i64) -> Result<Vec<Node>, Error> {
    let gate = of.enter(tx, now).await?;
    let mut tops = Vec::with_capacity(what.len());
    for (id, kind) in what.ids() {
        let place = nodes::lineage(tx, of.user(), id).await?.map(Place::from);
        let place = place.filter(|p| p.node.kind == kind && gate.admits(p));
        tops.push(place.ok_or(Error::NotFound(kind_word(kind)))?.node);
    }
    Ok(tops)
}

async fn wait(tx: &mut Tx<'_>, user: UserId, hash: &[u8; 32], text: &str, expires: i64, now: i64) -> Result<(), Error> {
    let (waiting, first) = archives::live(tx, user, now).await?;
    if waiting >= WAITING {
        return Err(Error::TooMany {
            retry_after: (first - now).max(1),
        });
    }
    Ok(archives::insert(tx, &hash[..], user, text, expires).await?)
}

/// What was chosen, as it stands in the archive: each must be there, and within the right.
async fn tops(tx: &mut Tx<'_>, claim: &Claim, now: i64) -> Result<Vec<Top>, Error> {
    let gate = claim.of.enter(tx, now).await?;
    let mut tops = Vec::with_capacity(claim.ids.len());
    for id in &claim.ids {
        let line = nodes::lineage(tx, claim.of.user(), *id).await?;
        let gone = Error::NotFound(line.as_ref().map_or("file", |l| kind_word(l.node.kind)));
        let place = line.map(Place::from).filter(|p| gate.admits(p)).ok_or(gone)?;
        tops.push(Top {
            id: *id,
            kind: place.node.kind,
            name: place.node.name,
        });
    }
    tell_apart(&mut tops);
    Ok(tops)
}

/// Gives each a name of its own: they may come from several folders.
fn tell_apart(tops: &mut [Top]) {
    let mut taken = HashSet::with_capacity(tops.len());
    let mut numbers: HashMap<String, u64> = HashMap::new();
    for top in tops.iter_mut().filter(|top| top.name.is_empty()) {
        ROOT.clone_into(&mut top.name);
    }
    // Who has a name first keeps it, whatever others would be called by then.
    let mut again = Vec::new();
    for (n, top) in tops.iter().enumerate() {
        if !taken.insert(top.name.clone()) {
            again.push(n);
        }
    }
    for n in again {
        let name = Name::from_stored(tops[n].name.clone());
        let number = numbers.entry(tops[n].name.clone()).or_default();
        loop {
            *number += 1;
            let numbered = name.numbered(*number).into_string();
            if taken.insert(numbered.clone()) {
                tops[n].name = numbered;
                break;
            }
        }
    }
}

/// What an archive is called.
fn called(name: Option<Name>, tops: &[Node]) -> String {
    let name = match (name, tops) {
        (Some(name), _) => name.into_string(),
        (None, [one]) if one.name.is_empty() => ROOT.to_owned(),
        // A file's own ending stays: `photo.jpg.zip` holds a `photo.jpg`.
        (None, [one]) => format!("{}{ENDING}", one.name),
        (None, _) => UNNAMED.to_owned(),
    };
    let has_ending = name.len() > ENDING.len()
        && name.is_char_boundary(name.len() - ENDING.len())
        && name[name.len() - ENDING.len()..].eq_ignore_ascii_case(ENDING);
    let stem = if has_ending {
        &name[..name.len() - ENDING.len()]
    } else {
        &name
    };
    let room = limits::NAME_BYTES - ENDING.len();
    let kept = &stem[..stem.floor_char_boundary(room)];
    format!("{}{ENDING}", kept.trim_end_matches([' ', '.']))
}

#[cfg(test)]
mod tests {
    //! Names of archives and in them, and that one claim has one meaning.
    use super::*;
    use pantry_db::nodes::Kind;
    use pantry_types::{GrantId, ShareId};

    fn top(name: &str) -> Top {
        Top {
            id: NodeId(1),
            kind: Kind::File,
            name: name.to_owned(),
        }
    }

    #[test]
    fn names_are_told_apart() {
        let mut tops: Vec<Top> = ["a.txt", "a (1).txt", "a.txt", "a.txt", "b", "b", "", "drive", "A.TXT"]
            .iter()
            .map(|name| top(name))
            .collect();
        tell_apart(&mut tops);
        let names: Vec<&str> = tops.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "a.txt",
                "a (1).txt",
                "a (2).txt",
                "a (3).txt",
                "b",
                "b (1)",
                "drive",
                "drive (1)",
                "A.TXT"
            ]
        );
        let mut many: Vec<Top> = (0..limits::ARCHIVE_IDS).map(|_| top("same.tar.gz")).collect();
        tell_apart(&mut many);
        let different: HashSet<&str> = many.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(different.len(), many.len());
        assert!(different.contains("same (999).tar.gz"));
    }

    #[test]
    fn an_archive_ends_in_zip_and_keeps_to_the_length_of_names() {
        let named = |name: &str| called(Some(Name::parse(name).expect("a name")), &[]);
        assert_eq!(named("Photos"), "Photos.zip");
        assert_eq!(named("Photos.ZIP"), "Photos.zip");
        assert_eq!(named("照片"), "照片.zip");
        assert_eq!(called(None, &[]), "archive.zip");
        let long = named(&"照".repeat(85));
        assert!(long.len() <= limits::NAME_BYTES && long.ends_with("照.zip"), "{long}");
    }

    #[test]
    fn a_claim_comes_back_as_it_went() {
        for of in [
            Of::Grant {
                user: UserId(1),
                grant: GrantId(2),
                epoch: 3,
                all: true,
            },
            Of::Share {
                user: UserId(1),
                share: ShareId(2),
                epoch: 3,
            },
        ] {
            let claim = Claim {
                of,
                name: "照片.zip".into(),
                ids: vec![NodeId(4), NodeId((1 << 53) - 1)],
                expires: 5,
            };
            let text = serde_json::to_string(&claim).expect("written");
            assert_eq!(serde_json::from_str::<Claim>(&text).expect("read"), claim);
        }
    }
}
