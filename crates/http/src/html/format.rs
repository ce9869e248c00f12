//! Figures as people read them. Owns rounding and units; knows no page.

use super::lang::Lang;

/// A size as `1.5 GB`: 1,024 of one unit make the next, as drives have always
/// counted; one decimal below ten, none above.
pub(super) fn bytes(size: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KB", "MB", "GB", "TB", "PB", "EB"];
    let mut value = size as f64;
    let mut unit = 0;
    // 999.5 would be shown as 1000, which reads worse than the next unit's 1.0.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let whole = unit == 0 || value >= 9.95;
    let text = if whole {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    };
    format!("{} {}", text.strip_suffix(".0").unwrap_or(&text), UNITS[unit])
}

/// How full the drive is, in whole percent; never 0 for something nor 100 for
/// less than all.
pub(super) fn percent(used: u64, total: u64) -> u64 {
    if used == 0 {
        return 0;
    }
    if used >= total {
        return 100;
    }
    let exact = u128::from(used) * 100 / u128::from(total);
    (exact as u64).clamp(1, 99)
}

/// How long ago something was, roughly.
pub(super) fn ago(lang: Lang, seconds: u64) -> String {
    let (count, zh, en) = match seconds {
        0..30 => {
            return match lang {
                Lang::Zh => "刚刚".to_owned(),
                Lang::En => "just now".to_owned(),
            };
        }
        30..90 => (1, "分钟", "minute"),
        90..5400 => ((seconds + 30) / 60, "分钟", "minute"),
        5400..129_600 => ((seconds + 1800) / 3600, "小时", "hour"),
        _ => ((seconds + 43_200) / 86_400, "天", "day"),
    };
    match lang {
        Lang::Zh => format!("{count} {zh}前"),
        Lang::En if count == 1 => format!("1 {en} ago"),
        Lang::En => format!("{count} {en}s ago"),
    }
}

/// A span of whole minutes, at least one.
pub(super) fn minutes(lang: Lang, count: u64) -> String {
    let count = count.max(1);
    match lang {
        Lang::Zh => format!("{count} 分钟"),
        Lang::En if count == 1 => "1 minute".to_owned(),
        Lang::En => format!("{count} minutes"),
    }
}

/// A name without the invisible characters that turn the direction of writing:
/// by them an app's name could rearrange the sentence that it stands in.
pub(super) fn plain(name: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    name.chars().filter(|c| !turns(*c) && !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (size, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1 KB"),
            (1536, "1.5 KB"),
            (10_239, "10 KB"),
            (5_242_880, "5 MB"),
            (33_691_310_918, "31 GB"),
            (1_610_612_736_000, "1.5 TB"),
            (u64::MAX, "16 EB"),
        ] {
            assert_eq!(bytes(size), expected, "{size}");
        }
    }

    #[test]
    fn percents() {
        for (used, total, expected) in [
            (0, 0, 0),
            (1, 0, 100),
            (1, 1_000_000, 1),
            (999_999, 1_000_000, 99),
            (5, 5, 100),
        ] {
            assert_eq!(percent(used, total), expected, "{used} of {total}");
        }
        assert_eq!(percent(u64::MAX - 1, u64::MAX), 99);
    }

    #[test]
    fn spans() {
        for (seconds, zh, en) in [
            (3, "刚刚", "just now"),
            (45, "1 分钟前", "1 minute ago"),
            (150, "3 分钟前", "3 minutes ago"),
            (7200, "2 小时前", "2 hours ago"),
            (200_000, "2 天前", "2 days ago"),
        ] {
            assert_eq!(ago(Lang::Zh, seconds), zh);
            assert_eq!(ago(Lang::En, seconds), en);
        }
        assert_eq!(minutes(Lang::En, 0), "1 minute");
        assert_eq!(minutes(Lang::Zh, 15), "15 分钟");
    }

    #[test]
    fn a_name_cannot_turn_its_sentence_around() {
        assert_eq!(plain("Notes\u{202e}evil\u{2069}\n"), "Notesevil");
        assert_eq!(plain("拾光 الصور 👩‍👧"), "拾光 الصور 👩‍👧");
    }
}
