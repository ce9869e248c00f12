//! Signed links, and opening what they name.
//! Must not know ranges or headers; a link means one version of one file.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use pantry_blob::{BlobKey, Reader};
use pantry_db::{blobs, nodes, versions};
use pantry_types::{GrantId, Md5, NodeId, ShareId, UserId, VersionId};

use crate::{
    Actor, Drive, Error,
    access::{self, Need},
    item::Item,
    keys::same,
    shares::Leave,
};

/// A link to one version of a file.
#[derive(Debug, Clone)]
pub struct Link {
    /// Path and query, to be put after the download address.
    pub path: String,
    /// Seconds that it works.
    pub expires_in: i64,
    /// Name of the file.
    pub name: String,
    /// Bytes.
    pub size: i64,
    /// MD5 of the content.
    pub md5: Md5,
}

/// Where the bytes of a content are.
#[derive(Debug)]
pub enum Source {
    /// In the row store; empty contents too.
    Inline(Bytes),
    /// In the object store.
    Stored(Reader),
}

/// A content, ready to be read.
#[derive(Debug)]
pub struct Opened {
    /// Name of the file now.
    pub name: String,
    /// Media type.
    pub mime: String,
    /// Bytes.
    pub size: i64,
    /// Names the version: a strong validator.
    pub etag: String,
    /// When the version was written.
    pub modified_at: i64,
    /// The bytes.
    pub source: Source,
}

/// What a link says, signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Claim {
    user: UserId,
    version: VersionId,
    grant: GrantId,
    /// Of the grant, or of the share.
    epoch: i64,
    expires: i64,
    /// The share that it was given out by, 0 for none: it ends with the share.
    share: ShareId,
    /// To be saved: without its media type.
    raw: bool,
}

impl Claim {
    /// What the share that gave it allows, if one did.
    fn leave(&self) -> Option<Leave> {
        (self.share.0 != 0).then_some(Leave {
            owner: self.user,
            share: self.share,
            epoch: self.epoch,
        })
    }

    /// Numbers in base 36, so that links stay short; then `~` and the share, then `_` for one to be saved.
    fn text(&self) -> String {
        // A listing has one for each of its files: nothing is put together from pieces.
        let mut text = String::with_capacity(48);
        for number in [self.user.0, self.version.0, self.grant.0, self.epoch, self.expires] {
            if !text.is_empty() {
                text.push('.');
            }
            push_base36(&mut text, number);
        }
        if self.share.0 != 0 {
            text.push('~');
            push_base36(&mut text, self.share.0);
        }
        if self.raw {
            text.push('_');
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let (rest, raw) = text.strip_suffix('_').map_or((text, false), |rest| (rest, true));
        let (rest, share) = match rest.split_once('~') {
            Some((rest, share)) => (rest, i64::from_str_radix(share, 36).ok()?),
            None => (rest, 0),
        };
        let mut numbers = rest.split('.').map(|p| i64::from_str_radix(p, 36).ok());
        let mut next = || numbers.next().flatten();
        let claim = Claim {
            user: UserId(next()?),
            version: VersionId(next()?),
            grant: GrantId(next()?),
            epoch: next()?,
            expires: next()?,
            share: ShareId(share),
            raw,
        };
        // One claim has one text: anything else was changed.
        (claim.text() == text).then_some(claim)
    }
}

fn push_base36(text: &mut String, mut n: i64) {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    // 13 digits hold every number.
    let mut digits = [0; 13];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = DIGITS[usize::try_from(n % 36).unwrap_or(0)];
        n /= 36;
        if n <= 0 || at == 0 {
            break;
        }
    }
    text.extend(digits[at..].iter().map(|digit| char::from(*digit)));
}

impl Drive {
    /// A link to the current content of a file, or to one of its versions.
    pub async fn link(&self, actor: &Actor, file: NodeId, version: Option<VersionId>) -> Result<Link, Error> {
        let args = (actor.clone(), file, version, self.now());
        let (name, v) = self
            .db()
            .read(args, |tx, (actor, file, version, now)| {
                Box::pin(async move {
                    let entry = access::enter(tx, actor, *now).await?;
                    let place = entry.node(tx, *file, Need::Read, "file").await?;
                    if place.node.kind != nodes::Kind::File {
                        return Err(Error::NotFound("file"));
                    }
                    let wanted = version.unwrap_or(place.node.version);
                    let v = versions::get(tx, entry.user.id, wanted)
                        .await?
                        .filter(|v| v.node == *file)
                        .ok_or(Error::NotFound("version"))?;
                    Ok::<_, Error>((place.node.name, v))
                })
            })
            .await?;
        let expires_in = self.settings().download.link_seconds;
        let claim = Claim {
            user: actor.user(),
            version: v.id,
            grant: actor.links_of().0,
            epoch: actor.links_of().1,
            expires: self.now() + expires_in,
            share: ShareId(0),
            raw: false,
        };
        Ok(Link {
            path: self.signed_path(&claim),
            expires_in,
            name,
            size: v.size,
            md5: v.md5,
        })
    }

    /// A link to the current content of a file that the caller was just shown. A `raw` one is for saving: it comes
    /// without its media type.
    pub fn item_link(&self, actor: &Actor, item: &Item, raw: bool) -> String {
        self.signed_path(&Claim {
            user: actor.user(),
            version: item.version,
            grant: actor.links_of().0,
            epoch: actor.links_of().1,
            expires: self.now() + self.settings().download.link_seconds,
            share: ShareId(0),
            raw,
        })
    }

    /// A link by which a share gives out one of its files. It ends with the share, and with its password.
    pub(crate) fn leave_link(&self, leave: Leave, version: VersionId, raw: bool) -> String {
        self.signed_path(&Claim {
            user: leave.owner,
            version,
            grant: GrantId(0),
            epoch: leave.epoch,
            expires: self.now() + self.settings().download.link_seconds,
            share: leave.share,
            raw,
        })
    }

    fn signed_path(&self, claim: &Claim) -> String {
        let text = claim.text();
        let signature = self.keys().sign_link(text.as_bytes());
        let mut path = String::with_capacity(text.len() + 32);
        for piece in ["/d/", &text, "?sig="] {
            path.push_str(piece);
        }
        URL_SAFE_NO_PAD.encode_string(signature, &mut path);
        path
    }

    /// Opens what a link names. `claim` and `signature` are the two parts of the
    /// link as they came; a changed byte of either, or a second too late, is refused.
    pub async fn open_link(&self, claim: &str, signature: &str) -> Result<Opened, Error> {
        let refused = || Error::Forbidden("this link is not valid (any more); ask for a new one".into());
        let expected = URL_SAFE_NO_PAD.encode(self.keys().sign_link(claim.as_bytes()));
        if !same(expected.as_bytes(), signature.as_bytes()) {
            return Err(refused());
        }
        let parsed = Claim::parse(claim).ok_or_else(refused)?;
        if self.now() >= parsed.expires {
            return Err(refused());
        }
        let (name, version, blob, content) = self
            .db()
            .read((parsed, self.now()), |tx, (c, now)| {
                Box::pin(async move {
                    let gone = || Error::NotFound("file");
                    let Some(user) = access::outlived(tx, c.user, c.grant, c.epoch, *now).await? else {
                        return Err(Error::Forbidden(
                            "the app that made this link has lost its access".into(),
                        ));
                    };
                    let ended =
                        || Error::Forbidden("the share that gave this link has ended, or shows this no more".into());
                    let leave = c.leave();
                    if let Some(leave) = leave
                        && leave.stands(tx, *now).await?.is_none()
                    {
                        return Err(ended());
                    }
                    let v = versions::get(tx, c.user, c.version).await?.ok_or_else(gone)?;
                    // What was deleted is no longer given out.
                    let line = nodes::lineage(tx, c.user, v.node).await?;
                    let line = line.filter(|l| l.top() == user.root_id).ok_or_else(gone)?;
                    // Nor is what was moved out of the share.
                    if let Some(leave) = leave
                        && !leave.holds(tx, &line).await?
                    {
                        return Err(ended());
                    }
                    let name = line.node.name;
                    let blob = match v.size {
                        0 => None,
                        _ => Some(blobs::get(tx, v.blob).await?.ok_or_else(gone)?),
                    };
                    let content = match &blob {
                        Some(b) if b.inline => blobs::content(tx, b.hash).await?,
                        _ => None,
                    };
                    Ok::<_, Error>((name, v, blob, content))
                })
            })
            .await?;
        let source = match (blob, content) {
            (None, _) => Source::Inline(Bytes::new()),
            (Some(_), Some(bytes)) => Source::Inline(bytes.into()),
            (Some(b), None) => Source::Stored(self.blobs().reader(BlobKey::new(b.hash.0, b.gen_)).await?),
        };
        Ok(Opened {
            name,
            mime: if parsed.raw {
                "application/octet-stream".to_owned()
            } else {
                version.mime
            },
            size: version.size,
            etag: format!("\"{}-{}\"", version.id.0, version.md5),
            modified_at: version.created_at,
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_claim_has_one_text() {
        let c = Claim {
            user: UserId(1001),
            version: VersionId(1 << 40),
            grant: GrantId(0),
            epoch: 3,
            expires: 1_900_000_000,
            share: ShareId(0),
            raw: false,
        };
        assert_eq!(Claim::parse(&c.text()), Some(c));
        assert_eq!(Claim::parse(&c.text().to_uppercase()), None);
        assert_eq!(Claim::parse(&format!("0{}", c.text())), None);
        assert_eq!(Claim::parse(&format!("{}.1", c.text())), None);
        let shared = Claim {
            share: ShareId(77),
            raw: true,
            ..c
        };
        assert_eq!(Claim::parse(&shared.text()), Some(shared));
        for changed in ["~", "~0", "~+5", "__", "~1~2"] {
            assert_eq!(Claim::parse(&format!("{}{changed}", c.text())), None, "{changed}");
        }
    }
}
