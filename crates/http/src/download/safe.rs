//! Which contents a browser may show in place, and what it is told of their names and types.
//! Absent means no: what is not known to be safe is offered for saving.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// How a content is offered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// Value of `Content-Type`.
    pub content_type: String,
    /// Shown in place, rather than saved.
    pub inline: bool,
}

/// What neither runs scripts nor loads anything.
const INLINE: &[&str] = &[
    "application/pdf",
    "image/apng",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/heic",
    "image/jpeg",
    "image/png",
    "image/tiff",
    "image/webp",
    "image/x-icon",
];

/// How a content of this type is offered.
pub fn kind(mime: &str) -> Offer {
    let essence = mime.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let inline = INLINE.contains(&essence.as_str())
        || essence == "text/plain"
        || essence.starts_with("audio/")
        || essence.starts_with("video/");
    let content_type = match essence.as_str() {
        "" => "application/octet-stream".to_owned(),
        // Without a charset browsers guess by the reader's country; nearly all text is UTF-8.
        "text/plain" if !mime.contains("charset") => "text/plain; charset=utf-8".to_owned(),
        _ => mime.to_owned(),
    };
    Offer { content_type, inline }
}

/// What RFC 8187 (section 3.2.1) lets stand without encoding.
const KEPT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'%')
    .add(b'\'')
    .add(b'(')
    .add(b')')
    .add(b'*')
    .add(b',')
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'{')
    .add(b'}');

/// `Content-Disposition` (RFC 6266): the name for old clients in ASCII, and the true one.
pub fn disposition(inline: bool, name: &str) -> String {
    let how = if inline { "inline" } else { "attachment" };
    let plain = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\' | '%');
    let ascii: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    if ascii == name {
        return format!("{how}; filename=\"{name}\"");
    }
    format!(
        "{how}; filename=\"{ascii}\"; filename*=UTF-8''{}",
        utf8_percent_encode(name, KEPT)
    )
}

#[cfg(test)]
mod tests {
    //! What runs is never shown; names in any script arrive whole.
    use super::*;

    #[test]
    fn what_can_run_scripts_is_saved_and_not_shown() {
        for mime in [
            "text/html",
            "image/svg+xml",
            "application/xhtml+xml",
            "text/xml",
            "application/javascript",
            "TEXT/HTML; charset=utf-8",
            "",
        ] {
            assert!(!kind(mime).inline, "{mime}");
        }
        for mime in ["image/png", "video/mp4", "audio/mpeg", "application/pdf", "text/plain"] {
            assert!(kind(mime).inline, "{mime}");
        }
        assert_eq!(kind("text/plain").content_type, "text/plain; charset=utf-8");
    }

    #[test]
    fn a_name_arrives_whole() {
        assert_eq!(disposition(true, "a b.txt"), "inline; filename=\"a b.txt\"");
        assert_eq!(
            disposition(false, "照片 1.html"),
            "attachment; filename=\"__ 1.html\"; filename*=UTF-8''%E7%85%A7%E7%89%87%201.html"
        );
        assert_eq!(
            disposition(false, "50% \"x\""),
            "attachment; filename=\"50_ _x_\"; filename*=UTF-8''50%25%20%22x%22"
        );
    }
}
