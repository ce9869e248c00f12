//! The language of the person: from `LC_ALL`, `LC_MESSAGES`, `LANG`, the first that is set. Must not hold texts.

use std::{fmt::Display, sync::OnceLock};

use crate::text::Text;

/// A language that every text stands in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lang {
    /// English, also for all languages that we do not speak.
    En,
    /// Chinese, simplified.
    Zh,
}

static LANG: OnceLock<Lang> = OnceLock::new();

/// The person's language, looked up once.
pub fn lang() -> Lang {
    *LANG.get_or_init(|| choose(|name| std::env::var(name).ok()))
}

fn choose(variable: impl Fn(&str) -> Option<String>) -> Lang {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.is_empty());
    match set {
        Some(value) if value.to_ascii_lowercase().starts_with("zh") => Lang::Zh,
        _ => Lang::En,
    }
}

/// A text in the person's language.
pub fn t(text: Text) -> &'static str {
    text.in_lang(lang())
}

/// A text in the person's language, with `{0}`, `{1}`, … replaced.
pub fn tf(text: Text, values: &[&dyn Display]) -> String {
    fill(t(text), values)
}

/// In one pass, so that a brace in a value means nothing.
fn fill(template: &str, values: &[&dyn Display]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((index, after)) = after.split_once('}') else {
            break;
        };
        if let Some(value) = index.parse::<usize>().ok().and_then(|index| values.get(index)) {
            out.push_str(&value.to_string());
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    //! The choice of the language, and the filling in.
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_decides() {
        let of = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, String)> = pairs.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
            choose(move |name| pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()))
        };
        assert_eq!(of(&[]), Lang::En);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]), Lang::En);
        assert_eq!(of(&[("LANG", "zh_TW"), ("LC_ALL", "")]), Lang::Zh);
        assert_eq!(of(&[("LANG", "fr_FR")]), Lang::En);
    }

    #[test]
    fn values_are_filled_in_as_they_are() {
        assert_eq!(fill("{1}, {0}.", &[&"a{1}", &2]), "2, a{1}.");
        assert_eq!(fill("none", &[&1]), "none");
    }
}
