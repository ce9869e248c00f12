//! As much of Rust's lexing as tells code from comments and literals, so that a rule does not trip over its own name.

/// The text with every comment, string and character literal blanked. Lines keep their numbers.
pub fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = end_of_literal(&chars, at);
        if end > at {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` itself where code stands.
fn end_of_literal(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    let in_word = at > 0 && is_word(chars[at - 1]);
    match chars[at] {
        '/' if next == Some('/') => until(chars, at, |c| c == '\n'),
        '/' if next == Some('*') => end_of_block(chars, at),
        '"' => end_of_quoted(chars, at),
        '\'' => end_of_char(chars, at),
        'r' | 'b' | 'c' if !in_word => end_of_prefixed(chars, at),
        _ => at,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn until(chars: &[char], from: usize, stop: impl Fn(char) -> bool) -> usize {
    chars[from..]
        .iter()
        .position(|c| stop(*c))
        .map_or(chars.len(), |n| from + n)
}

/// Block comments nest.
fn end_of_block(chars: &[char], from: usize) -> usize {
    let mut depth = 0;
    let mut at = from;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    chars.len()
}

fn end_of_quoted(chars: &[char], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// A lifetime has no second quote and is code.
fn end_of_char(chars: &[char], quote: usize) -> usize {
    match (chars.get(quote + 1), chars.get(quote + 2)) {
        (Some('\\'), Some(_)) => (until(chars, quote + 3, |c| c == '\'') + 1).min(chars.len()),
        (Some(_), Some('\'')) => quote + 3,
        _ => quote,
    }
}

/// Raw, byte and C strings: `r"`, `r#"`, `b"`, `br#"`, `c"`; and the byte `b'`.
fn end_of_prefixed(chars: &[char], from: usize) -> usize {
    let mut at = until(chars, from, |c| !matches!(c, 'r' | 'b' | 'c'));
    let raw = chars[from..at].contains(&'r');
    if at - from > 2 {
        return from;
    }
    let hashes = until(chars, at, |c| c != '#') - at;
    at += hashes;
    match chars.get(at) {
        Some('"') if raw => {
            let tail: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            let rest = &chars[at + 1..];
            rest.windows(tail.len())
                .position(|w| w == tail)
                .map_or(chars.len(), |n| at + 1 + n + tail.len())
        }
        Some('"') if hashes == 0 => end_of_quoted(chars, at),
        Some('\'') if hashes == 0 && chars[from] == 'b' => end_of_char(chars, at),
        _ => from,
    }
}

#[cfg(test)]
mod tests {
    //! What is code and what is not.
    use super::code_only;

    /// Words that are left as code.
    fn words(text: &str) -> Vec<String> {
        code_only(text).split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn comments_and_literals_are_blanked() {
        for (text, expected) in [
            ("a // b", vec!["a"]),
            ("a /* b /* c */ d */ e", vec!["a", "e"]),
            (r#"a "b \" c" d"#, vec!["a", "d"]),
            ("a r#\"b \" c\"# d", vec!["a", "d"]),
            ("a br\"b\\\" c", vec!["a", "c"]),
            ("a b'\"' c", vec!["a", "c"]),
            ("a '\\'' b", vec!["a", "b"]),
            ("a '\\u{41}' b", vec!["a", "b"]),
            ("fn f<'a>(x: &'a str)", vec!["fn", "f<'a>(x:", "&'a", "str)"]),
            ("r#type bar\"x\"", vec!["r#type", "bar"]),
            ("a \"never ends", vec!["a"]),
            ("a '\\", vec!["a", "'\\"]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn lines_stay_where_they_were() {
        let text = "a /* b\nc */ \"d\ne\"\nf";
        assert_eq!(code_only(text).lines().count(), text.lines().count());
        assert_eq!(code_only(text).lines().last(), Some("f"));
    }
}
