//! Names that a developer may give an app: legal as a folder's, and not one that people would take for Pantry itself.
//! Must not know who uses a name already: two apps may have the same.

use pantry_types::{Name, search::fold, shown};

use crate::Error;

/// Longest name of an app, in characters.
pub(super) const MAX_NAME: usize = 64;

/// Names of the drive's own things, folded and without what stands between letters.
const RESERVED: &[&str] = &[
    "pantry",
    "pantryd",
    "pantrydrive",
    "pantryserver",
    "pantryadmin",
    "pantryofficial",
    "pantrysecurity",
    "pantrysupport",
    "pantryconsole",
    "pantryapp",
    "pantrycli",
    "盘",
    "pantry盘",
    "盘pantry",
    "pantry官方",
    "官方",
    "系统",
    "管理员",
    "系统管理员",
    "控制台",
    "回收站",
    "我的应用数据",
    "admin",
    "administrator",
    "official",
    "root",
    "security",
    "support",
    "system",
    "console",
    "recyclebin",
];

/// Characters that are seen as another one, and that one.
const LOOKALIKES: &[(char, char)] = &[
    ('а', 'a'),
    ('α', 'a'),
    ('с', 'c'),
    ('ϲ', 'c'),
    ('е', 'e'),
    ('ε', 'e'),
    ('і', 'i'),
    ('ι', 'i'),
    ('ı', 'i'),
    ('ӏ', 'l'),
    ('1', 'l'),
    ('|', 'l'),
    ('м', 'm'),
    ('н', 'n'),
    ('ո', 'n'),
    ('о', 'o'),
    ('ο', 'o'),
    ('0', 'o'),
    ('р', 'p'),
    ('ρ', 'p'),
    ('г', 'r'),
    ('ѕ', 's'),
    ('т', 't'),
    ('τ', 't'),
    ('у', 'y'),
    ('γ', 'y'),
    ('盤', '盘'),
];

/// Characters that are not seen, or that turn the direction of writing.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{e0000}'..='\u{e007f}')
}

/// A name as the eye takes it: without case, without what stands between letters, lookalikes as what they look like.
fn seen(name: &str) -> String {
    let narrow = |c: char| match c {
        // Full-width forms look like the plain ones.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    };
    let folded = fold(&name.chars().map(narrow).collect::<String>());
    let plain = |c: char| LOOKALIKES.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to);
    folded.chars().map(plain).filter(|c| c.is_alphanumeric()).collect()
}

/// Checks the name that a developer gives an app.
pub(super) fn check(name: &str) -> Result<Name, Error> {
    let name = Name::parse(name)?;
    let text = name.as_str();
    if text.chars().count() > MAX_NAME {
        return Err(Error::invalid(
            "name",
            format!("{} is longer than {MAX_NAME} characters; shorten it", shown(text)),
        ));
    }
    if text.chars().any(is_hidden) {
        return Err(Error::invalid(
            "name",
            format!("{} has a character that is not seen; leave it out", shown(text)),
        ));
    }
    let seen = seen(text);
    if seen.is_empty() {
        return Err(Error::invalid("name", "needs at least one letter or digit"));
    }
    if RESERVED.iter().any(|reserved| self::seen(reserved) == seen) {
        return Err(Error::invalid(
            "name",
            format!("{} is kept for the drive itself; choose another name", shown(text)),
        ));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_calls_an_app_as_the_drive_itself() {
        for bad in [
            "Pantry",
            "pantry",
            "PANTRY ",
            "P a n t r y",
            "Pаntry",
            "Ｐａｎｔｒｙ",
            "pantry.",
            "Pantry-CLI",
            "盘",
            "盤",
            "管理员",
            "Official",
            "Offlcial",
            "我的应用数据",
            "…",
            "Notes\u{200b}",
            "Notes\u{202e}",
            "a/b",
            &"x".repeat(65),
        ] {
            let refused = check(bad).is_err();
            // "Offlcial" differs by a letter: what only resembles a word is a name.
            assert_eq!(refused, bad != "Offlcial", "{bad}");
        }
        for good in [
            "Notes",
            "My Pantry Helper",
            "拾光相册",
            "管理员工具",
            "App 2",
            "盘点",
            &"x".repeat(64),
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
    }
}
