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
    keys::{Keys, same},
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
        let mut text = Vec::with_capacity(48);
        for number in [self.user.0, self.version.0, self.grant.0, self.epoch, self.expires] {
            if !text.is_empty() {
                text.push(b'.');
            }
            push_base36(&mut text, number);
        }
        if self.share.0 != 0 {
            text.push(b'~');
            push_base36(&mut text, self.share.0);
        }
        if self.raw {
            text.push(b'_');
        }
        String::from_utf8(text).unwrap_or_default()
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

fn push_base36(text: &mut Vec<u8>, mut n: i64) {
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
    text.extend_from_slice(&digits[at..]);
}

/// Links that a listing gives out: all but the version is the same in each, and put together once.
#[derive(Debug)]
pub struct Links<'a> {
    keys: &'a Keys,
    /// What comes before the version, and what after it.
    front: Vec<u8>,
    back: Vec<u8>,
}

impl<'a> Links<'a> {
    fn new(keys: &'a Keys, user: UserId, (grant, epoch): (GrantId, i64), expires: i64) -> Self {
        let mut front = b"/d/".to_vec();
        push_base36(&mut front, user.0);
        front.push(b'.');
        let mut back = Vec::with_capacity(24);
        for number in [grant.0, epoch, expires] {
            back.push(b'.');
            push_base36(&mut back, number);
        }
        Self { keys, front, back }
    }

    /// Writes the path and query of a link to this version. A `raw` one is for saving: it comes without its media type.
    pub fn push(&self, out: &mut Vec<u8>, version: VersionId, raw: bool) {
        out.extend_from_slice(&self.front);
        let claim = out.len() - self.front.len() + b"/d/".len();
        push_base36(out, version.0);
        out.extend_from_slice(&self.back);
        if raw {
            out.push(b'_');
        }
        let signature = self.keys.sign_link(&out[claim..]);
        out.extend_from_slice(b"?sig=");
        let mut text = [0; SIGNATURE_CHARS];
        // It fits: 16 bytes are 22 characters.
        let length = URL_SAFE_NO_PAD.encode_slice(signature, &mut text).unwrap_or(0);
        out.extend_from_slice(&text[..length]);
    }
}

/// Characters of a signature in a link.
const SIGNATURE_CHARS: usize = 22;

fn signed_path(keys: &Keys, claim: &Claim) -> String {
    let text = claim.text();
    let signature = keys.sign_link(text.as_bytes());
    let mut path = ["/d/", &text, "?sig="].concat();
    URL_SAFE_NO_PAD.encode_string(signature, &mut path);
    path
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
            path: signed_path(self.keys(), &claim),
            expires_in,
            name,
            size: v.size,
            md5: v.md5,
        })
    }

    /// Links to current contents that this caller was just shown.
    pub fn links(&self, actor: &Actor) -> Links<'_> {
        let expires = self.now() + self.settings().download.link_seconds;
        Links::new(self.keys(), actor.user(), actor.links_of(), expires)
    }

    /// A link by which a share gives out one of its files. It ends with the share, and with its password.
    pub(crate) fn leave_link(&self, leave: Leave, version: VersionId, raw: bool) -> String {
        signed_path(
            self.keys(),
            &Claim {
                user: leave.owner,
                version,
                grant: GrantId(0),
                epoch: leave.epoch,
                expires: self.now() + self.settings().download.link_seconds,
                share: leave.share,
                raw,
            },
        )
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

    fn claim(raw: bool) -> Claim {
        Claim {
            user: UserId(1001),
            version: VersionId(1 << 40),
            grant: GrantId(35),
            epoch: 3,
            expires: 1_900_000_000,
            share: ShareId(0),
            raw,
        }
    }

    #[test]
    fn a_listing_s_links_say_what_a_claim_says() {
        let keys = Keys::new([7; 32]);
        for claim in [claim(false), claim(true)] {
            let links = Links::new(&keys, claim.user, (claim.grant, claim.epoch), claim.expires);
            let mut out = b"https://x".to_vec();
            links.push(&mut out, claim.version, claim.raw);
            let expected = format!("https://x{}", signed_path(&keys, &claim));
            assert_eq!(String::from_utf8(out), Ok(expected));
        }
    }

    #[test]
    fn one_claim_has_one_text() {
        let c = Claim {
            grant: GrantId(0),
            ..claim(false)
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
