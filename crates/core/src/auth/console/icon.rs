//! Pictures of apps: which bytes are one. Must not decode them: browsers do, in a cage.

use pantry_db::{Outcome, Tx, apps};

use super::{Act, ConsoleError, apps::owned};
use crate::{
    Drive, Error,
    auth::{Origin, SessionActor},
};

/// Largest picture, in bytes.
pub(super) const MAX_BYTES: usize = 256 * 1024;
/// Longest side, in pixels.
const MAX_SIDE: u32 = 1024;

/// A picture, as it is served.
#[derive(Debug, Clone)]
pub struct Icon {
    /// Media type: `image/png`, `image/jpeg` or `image/webp`.
    pub mime: String,
    /// Content.
    pub content: Vec<u8>,
}

fn big(bytes: &[u8], at: usize, n: usize) -> Option<u32> {
    let part = bytes.get(at..at + n)?;
    Some(part.iter().fold(0, |sum, b| sum << 8 | u32::from(*b)))
}

fn little(bytes: &[u8], at: usize, n: usize) -> Option<u32> {
    let part = bytes.get(at..at + n)?;
    Some(part.iter().rev().fold(0, |sum, b| sum << 8 | u32::from(*b)))
}

/// PNG: the signature, and the header that must be first.
fn png(b: &[u8]) -> Option<(u32, u32)> {
    let is = b.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR");
    is.then_some((big(b, 16, 4)?, big(b, 20, 4)?))
}

/// JPEG: walks the segments to the frame's header.
fn jpeg(b: &[u8]) -> Option<(u32, u32)> {
    if !b.starts_with(&[0xff, 0xd8, 0xff]) {
        return None;
    }
    let mut at = 2;
    loop {
        if *b.get(at)? != 0xff {
            return None;
        }
        let marker = *b.get(at + 1)?;
        match marker {
            0xff => at += 1,
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Some((big(b, at + 7, 2)?, big(b, at + 5, 2)?));
            }
            0x01 | 0xd0..=0xd8 => at += 2,
            0xd9 | 0xda => return None,
            _ => at += 2 + usize::try_from(big(b, at + 2, 2)?.max(2)).ok()?,
        }
    }
}

/// WebP: the container, and the header of whichever of the three forms it has.
fn webp(b: &[u8]) -> Option<(u32, u32)> {
    if !b.starts_with(b"RIFF") || b.get(8..12)? != b"WEBP" {
        return None;
    }
    match b.get(12..16)? {
        b"VP8X" => Some((little(b, 24, 3)? + 1, little(b, 27, 3)? + 1)),
        b"VP8L" if *b.get(20)? == 0x2f => {
            let bits = little(b, 21, 4)?;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8 " if b.get(23..26)? == [0x9d, 0x01, 0x2a] => {
            Some((little(b, 26, 2)? & 0x3fff, little(b, 28, 2)? & 0x3fff))
        }
        _ => None,
    }
}

/// The media type of a picture, told by its content alone.
fn check(bytes: &[u8]) -> Result<&'static str, Error> {
    let bad = |why: String| Error::invalid("icon", why);
    if bytes.len() > MAX_BYTES {
        return Err(Error::TooLarge {
            limit: MAX_BYTES as i64,
        });
    }
    let known = [
        ("image/png", png(bytes)),
        ("image/jpeg", jpeg(bytes)),
        ("image/webp", webp(bytes)),
    ];
    let Some((mime, (width, height))) = known.into_iter().find_map(|(mime, sides)| Some((mime, sides?))) else {
        return Err(bad("is no PNG, JPEG or WebP picture; send one of these".into()));
    };
    if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
        return Err(bad(format!(
            "has {width} × {height} pixels; each side may have 1 to {MAX_SIDE}"
        )));
    }
    Ok(mime)
}

struct Set {
    owner: pantry_types::UserId,
    client_id: String,
    tag: String,
    icon: Option<(&'static str, Vec<u8>)>,
    act: Act,
}

async fn set_tx(tx: &mut Tx<'_>, a: &Set) -> Outcome<(), ConsoleError> {
    set_rows(tx, a).await.into()
}

async fn set_rows(tx: &mut Tx<'_>, a: &Set) -> Result<(), ConsoleError> {
    owned(tx, a.owner, &a.client_id).await?;
    let icon = a.icon.as_ref().map(|(mime, bytes)| (*mime, bytes.as_slice()));
    apps::set_icon(tx, &a.client_id, &a.tag, icon).await?;
    a.act.note(tx, a.owner, &a.client_id, "").await?;
    Ok(())
}

async fn read(tx: &mut Tx<'_>, (id, tag): &(String, String)) -> Result<Option<Icon>, Error> {
    let found = apps::icon(tx, id, tag).await?;
    Ok(found.map(|(mime, content)| Icon { mime, content }))
}

impl Drive {
    /// Sets the picture of one's own app, or takes it away. Answers what names it, empty without one.
    ///
    /// # Errors
    /// [`Error::NotFound`] (another's app too), [`Error::TooLarge`], [`Error::Invalid`].
    pub async fn set_app_icon(
        &self,
        session: &SessionActor,
        client_id: &str,
        icon: Option<Vec<u8>>,
        origin: &Origin,
    ) -> Result<String, ConsoleError> {
        let (tag, icon) = match icon {
            None => (String::new(), None),
            Some(bytes) => {
                let mime = check(&bytes)?;
                let tag = blake3::hash(&bytes).to_hex().as_str()[..16].to_owned();
                (tag, Some((mime, bytes)))
            }
        };
        let args = Set {
            owner: session.user,
            client_id: client_id.to_owned(),
            tag: tag.clone(),
            icon,
            act: Act::own(self, "app_icon_changed", origin),
        };
        self.0.db.write(args, |tx, a| Box::pin(set_tx(tx, a))).await?;
        Ok(tag)
    }

    /// The picture of an app by what names it.
    ///
    /// # Errors
    /// The row store's.
    pub async fn app_icon(&self, client_id: &str, tag: &str) -> Result<Option<Icon>, Error> {
        let args = (client_id.to_owned(), tag.to_owned());
        self.0.db.read(args, |tx, a| Box::pin(read(tx, a))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png_of(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 6, 0, 0, 0]);
        bytes
    }

    #[test]
    fn a_picture_is_told_by_its_bytes() {
        assert_eq!(check(&png_of(64, 64)).expect("a picture"), "image/png");
        let mut jpeg = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc0, 0, 17, 8, 0, 32, 0, 48];
        jpeg.extend([0; 12]);
        assert_eq!(check(&jpeg).expect("a picture"), "image/jpeg");
        assert_eq!(super::jpeg(&jpeg), Some((48, 32)));
        let mut webp = b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec();
        webp.extend([63, 0, 0, 31, 0, 0]);
        assert_eq!(super::webp(&webp), Some((64, 32)));
        assert_eq!(check(&webp).expect("a picture"), "image/webp");
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        for bad in [
            b"".as_slice(),
            b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
            b"GIF89a\x01\0\x01\0",
            b"\x89PNG\r\n\x1a\n<html>",
            b"\xff\xd8\xff\xe0",
            b"RIFF\0\0\0\0WEBPxxxx",
            b"RIFF\0\0\0\0WAVE",
        ] {
            assert!(
                matches!(check(bad), Err(Error::Invalid { parameter: "icon", .. })),
                "{bad:?}"
            );
        }
        for (w, h) in [(0, 1), (1, 0), (1025, 1), (1, 40_000)] {
            assert!(check(&png_of(w, h)).is_err(), "{w} {h}");
        }
        assert!(matches!(check(&vec![0; MAX_BYTES + 1]), Err(Error::TooLarge { .. })));
    }
}
