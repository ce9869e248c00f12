//! The files that pages load: one stylesheet and one icon, compiled in. Owns
//! their addresses. A content hash is part of each name, so that whoever serves
//! them may let browsers keep them for ever.

use std::sync::LazyLock;

/// Where the files are served.
pub const ASSET_PREFIX: &str = "/assets/";

/// A file of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asset {
    /// `pantry.css`.
    Stylesheet,
    /// `icon.svg`.
    Icon,
}

impl Asset {
    const ALL: [Self; 2] = [Self::Stylesheet, Self::Icon];

    const fn parts(self) -> (&'static str, &'static str, &'static str, &'static [u8]) {
        match self {
            Self::Stylesheet => (
                "pantry",
                "css",
                "text/css; charset=utf-8",
                include_bytes!("../../assets/pantry.css"),
            ),
            Self::Icon => ("icon", "svg", "image/svg+xml", include_bytes!("../../assets/icon.svg")),
        }
    }
}

static HREFS: LazyLock<[String; 2]> = LazyLock::new(|| {
    Asset::ALL.map(|asset| {
        let (stem, extension, _, bytes) = asset.parts();
        format!("{ASSET_PREFIX}{stem}.{:016x}.{extension}", fnv1a(bytes))
    })
});

/// Names a change of content; nobody is kept out by it, so FNV-1a does.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The address of a file, such as `/assets/pantry.0123456789abcdef.css`.
#[must_use]
pub fn asset_href(asset: Asset) -> &'static str {
    &HREFS[asset as usize]
}

/// The file at an address: its content type and its bytes. An address with
/// another content's hash has none: its content may not be cached as this one's.
#[must_use]
pub fn asset(path: &str) -> Option<(&'static str, &'static [u8])> {
    let asset = Asset::ALL.into_iter().find(|asset| asset_href(*asset) == path)?;
    let (_, _, content_type, bytes) = asset.parts();
    Some((content_type, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_found_at_its_own_address_only() {
        for file in Asset::ALL {
            let href = asset_href(file);
            let (content_type, bytes) = asset(href).expect("a file at its own address");
            assert!(!bytes.is_empty() && content_type.contains('/'));
            assert!(href.ends_with(file.parts().1), "{href}");
        }
        assert_eq!(asset("/assets/pantry.css"), None);
        assert_eq!(asset("/assets/pantry.0000000000000000.css"), None);
        assert_eq!(asset("/assets/../Cargo.toml"), None);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let css = String::from_utf8_lossy(Asset::Stylesheet.parts().3);
        for word in ["url(", "@import", "http:", "https:", "expression("] {
            assert!(!css.contains(word), "{word}");
        }
        let svg = String::from_utf8_lossy(Asset::Icon.parts().3);
        assert!(!svg.contains("<script") && !svg.contains("href"));
    }
}
