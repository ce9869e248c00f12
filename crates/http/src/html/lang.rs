//! Which language a page speaks, and the link to the other one. Owns the
//! choice; the words stand in `text`.

/// Name of the cookie that remembers a language chosen by `?lang=`.
pub const LANG_COOKIE: &str = "pantry_lang";

/// A language that every page is complete in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lang {
    /// Simplified Chinese.
    #[default]
    Zh,
    /// English.
    En,
}

impl Lang {
    /// Every language there is.
    pub const ALL: [Self; 2] = [Self::Zh, Self::En];

    /// Value of `<html lang>`, a BCP 47 tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }

    /// Short name, as in `?lang=` and in the cookie.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }

    /// The language's name in itself.
    #[must_use]
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::Zh => "简体中文",
            Self::En => "English",
        }
    }

    /// Reads a language range such as `en`, `en-GB` or `zh_Hans`; only the
    /// primary subtag counts.
    #[must_use]
    pub fn parse(range: &str) -> Option<Self> {
        let primary = range.trim().split(['-', '_']).next()?;
        if primary.eq_ignore_ascii_case("zh") {
            Some(Self::Zh)
        } else if primary.eq_ignore_ascii_case("en") {
            Some(Self::En)
        } else {
            None
        }
    }

    /// The language of a request: what the address asks for, else what the
    /// cookie remembers, else the best of `Accept-Language` (RFC 9110, section
    /// 12.5.4), else `default`. What cannot be read is passed over.
    #[must_use]
    pub fn negotiate(
        query_lang: Option<&str>,
        cookie: Option<&str>,
        accept_language: Option<&str>,
        default: Self,
    ) -> Self {
        query_lang
            .and_then(Self::parse)
            .or_else(|| cookie.and_then(Self::parse))
            .or_else(|| accept_language.and_then(|header| Self::accepted(header, default)))
            .unwrap_or(default)
    }

    /// The best range of the header; of equal ones, the first.
    fn accepted(header: &str, default: Self) -> Option<Self> {
        let mut best: Option<(u16, Self)> = None;
        for item in header.split(',') {
            let mut parts = item.split(';');
            let range = parts.next().unwrap_or_default().trim();
            let lang = if range == "*" {
                Some(default)
            } else {
                Self::parse(range)
            };
            let Some(quality) = quality(parts) else { continue };
            if let Some(lang) = lang
                && quality > best.map_or(0, |(found, _)| found)
            {
                best = Some((quality, lang));
            }
        }
        best.map(|(_, lang)| lang)
    }
}

/// The weight in thousandths; 1,000 where none is given, `None` where it
/// cannot be read.
fn quality<'a>(parameters: impl Iterator<Item = &'a str>) -> Option<u16> {
    for parameter in parameters {
        let Some((name, value)) = parameter.split_once('=') else {
            continue;
        };
        if !name.trim().eq_ignore_ascii_case("q") {
            continue;
        }
        let value: f32 = value.trim().parse().ok()?;
        if !(0.0..=1.0).contains(&value) {
            return None;
        }
        return Some((value * 1000.0).round() as u16);
    }
    Some(1000)
}

/// The address of the same page in another language. Keeps the rest of the
/// query byte for byte. An address that is not a path of this server becomes
/// `/`, so that the link can never lead away.
#[must_use]
pub fn switch_href(path_and_query: &str, to: Lang) -> String {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let local = path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\n', '\r', '\t']);
    let mut href = String::from(if local { path } else { "/" });
    href.push('?');
    if local {
        for pair in query.split('&') {
            if !pair.is_empty() && pair.split('=').next() != Some("lang") {
                href.push_str(pair);
                href.push('&');
            }
        }
    }
    href.push_str("lang=");
    href.push_str(to.code());
    href
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_goes_before_the_cookie_and_the_cookie_before_the_header() {
        let pick = |query, cookie, header| Lang::negotiate(query, cookie, header, Lang::Zh);
        assert_eq!(pick(Some("en"), Some("zh"), Some("zh")), Lang::En);
        assert_eq!(pick(None, Some("en"), Some("zh")), Lang::En);
        assert_eq!(pick(None, None, Some("en")), Lang::En);
        assert_eq!(pick(None, None, None), Lang::Zh);
        assert_eq!(pick(Some("xx"), Some(""), Some("en")), Lang::En);
        assert_eq!(Lang::negotiate(None, None, Some("fr"), Lang::En), Lang::En);
    }

    #[test]
    fn accept_language_follows_its_weights() {
        for (header, expected) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Lang::Zh),
            ("en-GB,en;q=0.9,zh;q=0.8", Lang::En),
            ("zh;q=0.5, en;q=0.9", Lang::En),
            ("fr, de;q=0.9, en;q=0.2", Lang::En),
            ("en;q=0, zh;q=0.1", Lang::Zh),
            ("zh;q=0.7,en;q=0.7", Lang::Zh),
            ("EN-us", Lang::En),
            ("zh-Hant-TW", Lang::Zh),
            ("en;q=abc, zh;q=0.1", Lang::Zh),
            ("en;q=7, zh;q=0.1", Lang::Zh),
            ("*, en;q=0.5", Lang::Zh),
            ("english, zhuang, en;q=0.001", Lang::En),
            (",,;;=,", Lang::Zh),
        ] {
            let got = Lang::negotiate(None, None, Some(header), Lang::Zh);
            assert_eq!(got, expected, "{header}");
        }
    }

    #[test]
    fn the_switch_keeps_the_rest_of_the_query() {
        for (from, expected) in [
            ("/", "/?lang=en"),
            (
                "/login?next=%2Fa%3Flang%3Dzh&lang=zh",
                "/login?next=%2Fa%3Flang%3Dzh&lang=en",
            ),
            (
                "/oauth/device?lang&user_code=8KXH-Y8R",
                "/oauth/device?user_code=8KXH-Y8R&lang=en",
            ),
            ("//evil.example/?a=1", "/?lang=en"),
            ("https://evil.example/", "/?lang=en"),
            ("/\\evil.example", "/?lang=en"),
            ("", "/?lang=en"),
        ] {
            assert_eq!(switch_href(from, Lang::En), expected, "{from}");
        }
    }
}
