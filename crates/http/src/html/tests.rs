//! What holds for every page: language, escaping, no script and no inline
//! style, labelled fields, form tokens.

use std::collections::HashSet;

use super::lang::Lang;
use super::samples::{ORDINARY, Outside, pages};
use super::text::Msg;

const NASTY: &str = r#"<script>alert(1)</script>"' onload='x' style="y"#;

const HOSTILE: Outside = Outside {
    app: NASTY,
    person: NASTY,
    email: NASTY,
    host: NASTY,
    address: NASTY,
    agent: NASTY,
    sandbox: NASTY,
    detail: NASTY,
};

/// A start tag: its name and its attributes.
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The start tags of a document and its text. Values are always quoted, and
/// `<`, `>`, `"` never stand bare in them, so that little is enough.
fn parse(html: &str) -> (Vec<Tag>, String) {
    let mut tags = Vec::new();
    let mut text = String::new();
    for piece in html.split('<').skip(1) {
        let (tag, after) = piece.split_once('>').expect("a tag ends");
        text.push_str(after);
        text.push('\n');
        if tag.starts_with(['/', '!']) {
            continue;
        }
        let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut attributes = Vec::new();
        while !rest.trim().is_empty() {
            rest = rest.trim_start();
            let end = rest.find([' ', '=']).unwrap_or(rest.len());
            let (key, tail) = rest.split_at(end);
            let (value, tail) = match tail.strip_prefix("=\"") {
                Some(tail) => tail.split_once('"').expect("a value ends"),
                None => ("", tail),
            };
            assert!(!tail.starts_with('='), "unquoted value in <{tag}>");
            attributes.push((key.to_owned(), value.to_owned()));
            rest = tail;
        }
        tags.push(Tag {
            name: name.to_owned(),
            attributes,
        });
    }
    (tags, text)
}

fn each(outside: &Outside, mut check: impl FnMut(Lang, &str, &str, &[Tag], &str)) {
    for lang in Lang::ALL {
        for (name, page) in pages(lang, outside) {
            let html = page.into_string();
            let (tags, text) = parse(&html);
            check(lang, name, &html, &tags, &text);
        }
    }
}

#[test]
fn every_page_is_a_whole_document_in_its_language() {
    each(&ORDINARY, |lang, name, html, tags, _| {
        assert!(html.starts_with("<!DOCTYPE html>"), "{name}");
        let root = tags.iter().find(|tag| tag.name == "html").expect("a root");
        assert_eq!(root.get("lang"), Some(lang.tag()), "{name}");
        for one in ["title", "h1", "main", "header", "footer"] {
            let count = tags.iter().filter(|tag| tag.name == one).count();
            assert_eq!(count, 1, "<{one}> in {name}");
        }
        let mut ids = HashSet::new();
        for id in tags.iter().filter_map(|tag| tag.get("id")) {
            assert!(ids.insert(id), "id {id} stands twice in {name}");
        }
        for tag in tags {
            for key in ["aria-describedby", "aria-labelledby", "for"] {
                for id in tag.get(key).unwrap_or_default().split_whitespace() {
                    assert!(ids.contains(id), "{key}={id} leads nowhere in {name}");
                }
            }
        }
    });
}

#[test]
fn every_page_links_to_itself_in_the_other_language() {
    each(&ORDINARY, |lang, name, _, tags, _| {
        let links: Vec<_> = tags.iter().filter(|tag| tag.get("hreflang").is_some()).collect();
        assert_eq!(links.len(), 1, "{name}");
        assert_ne!(links[0].get("hreflang"), Some(lang.tag()), "{name}");
        let href = links[0].get("href").expect("an address");
        assert!(href.starts_with('/') && href.contains("lang="), "{href} in {name}");
    });
}

#[test]
fn nothing_from_outside_becomes_markup() {
    let ordinary: Vec<_> = pages(Lang::En, &ORDINARY)
        .into_iter()
        .map(|(_, page)| {
            parse(&page.into_string())
                .0
                .into_iter()
                .map(|tag| tag.name)
                .collect::<Vec<_>>()
        })
        .collect();
    for ((name, page), expected) in pages(Lang::En, &HOSTILE).into_iter().zip(ordinary) {
        let tags = parse(&page.into_string()).0;
        let names: Vec<_> = tags.into_iter().map(|tag| tag.name).collect();
        assert_eq!(names, expected, "{name}");
    }
}

#[test]
fn no_page_carries_script_or_style() {
    for outside in [&ORDINARY, &HOSTILE] {
        each(outside, |_, name, _, tags, _| {
            for tag in tags {
                assert!(
                    !["script", "style", "object", "embed", "base"].contains(&tag.name.as_str()),
                    "<{}> in {name}",
                    tag.name
                );
                // A frame shows a content, and may do nothing.
                let caged = |(key, value): &(String, String)| key == "sandbox" && value.is_empty();
                assert!(
                    tag.name != "iframe" || tag.attributes.iter().any(caged),
                    "a frame without a sandbox in {name}"
                );
                for (key, value) in &tag.attributes {
                    assert!(key != "style" && !key.starts_with("on"), "{key} in {name}");
                    if ["href", "action", "src"].contains(&key.as_str()) {
                        assert!(
                            (value.starts_with('/') && !value.starts_with("//")) || value.starts_with('#'),
                            "{key}={value} in {name}"
                        );
                    }
                }
            }
        });
    }
}

#[test]
fn every_field_has_a_label_and_every_form_a_token() {
    each(&ORDINARY, |_, name, html, tags, _| {
        let labels: HashSet<_> = tags
            .iter()
            .filter(|tag| tag.name == "label")
            .filter_map(|tag| tag.get("for"))
            .collect();
        for input in tags.iter().filter(|tag| tag.name == "input") {
            if input.get("type") != Some("hidden") {
                let id = input.get("id").expect("an id");
                assert!(labels.contains(id), "{id} has no label in {name}");
            }
        }
        for form in html.split("<form").skip(1) {
            let form = form.split("</form>").next().expect("a form ends");
            assert!(form.starts_with(" method=\"post\""), "{name}");
            let tokens = form
                .matches(r#"name="csrf" value="dGhpcyBpcyBhIGZvcm0gdG9rZW4""#)
                .count();
            assert_eq!(tokens, 1, "{name}");
            assert!(!form.contains("<form"), "a form in a form in {name}");
        }
    });
}

#[test]
fn failures_are_read_out_at_once() {
    each(&ORDINARY, |lang, name, html, tags, _| {
        let alerts = tags
            .iter()
            .filter(|tag| tag.get("role") == Some("alert") && tag.get("aria-live") == Some("assertive"))
            .count();
        let told = html.contains(&format!("<title>{}", Msg::ErrorPrefix.text(lang)));
        // A dead set-up link is told by its title and heading alone.
        if name != "setup-invalid" {
            assert_eq!(alerts == 1, told, "{name}");
        }
    });
}

#[test]
fn the_first_button_of_a_question_denies() {
    each(&ORDINARY, |_, name, _, tags, _| {
        let answers: Vec<_> = tags.iter().filter(|tag| tag.get("name") == Some("decision")).collect();
        if name.starts_with("consent") || name.starts_with("device-approve-") {
            let values: Vec<_> = answers.iter().filter_map(|tag| tag.get("value")).collect();
            assert_eq!(values, ["deny", "allow"], "{name}");
        }
    });
}

/// Names that are the same in every language, and what the samples bring along.
const NAMES: [&str; 29] = [
    "Pantry",
    "pantryd",
    "English",
    "client_id",
    "client_secret",
    "redirect_uri",
    "8KXH-Y8R",
    "user",
    "add",
    "app",
    "NAME",
    "EMAIL",
    "PASSWORD",
    "--email",
    "--password",
    "--admin",
    "--owner",
    "--name",
    "01JD8Z4V3M9Q",
    "x***@example.com",
    "photos.example.com",
    "com.example.photos",
    "https://photos.example.com/callback2",
    "curl/8.5",
    "MB",
    "GB",
    "TB",
    "KB",
    "B",
];

fn latin_words(text: &str) -> Vec<String> {
    let mut text = text.to_owned();
    let mut names = NAMES;
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    for name in names {
        text = text.replace(name, " ");
    }
    text.split(|c: char| !c.is_ascii_alphabetic())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{303f}' | '\u{3400}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}')
}

/// All that a person reads or hears of a page.
fn words(tags: &[Tag], text: &str) -> String {
    let mut all = text.to_owned();
    for tag in tags {
        for key in ["aria-label", "title", "placeholder", "alt"] {
            all.push('\n');
            all.push_str(tag.get(key).unwrap_or_default());
        }
    }
    all
}

#[test]
fn chinese_pages_have_no_english_left() {
    each(&ORDINARY, |lang, name, _, tags, text| {
        if lang == Lang::Zh {
            let left = latin_words(&words(tags, text));
            assert!(left.is_empty(), "{left:?} in {name}");
        }
    });
}

#[test]
fn english_pages_have_no_chinese_left() {
    each(&ORDINARY, |lang, name, _, tags, text| {
        if lang == Lang::En {
            let mut all = words(tags, text);
            for own in [ORDINARY.sandbox, ORDINARY.app, ORDINARY.person, "拾", "简体中文", "盘"] {
                all = all.replace(own, " ");
            }
            let left: String = all.chars().filter(|c| is_han(*c)).collect();
            assert!(left.is_empty(), "{left} in {name}");
        }
    });
}

#[test]
fn every_sentence_is_said_in_both_languages() {
    for msg in Msg::ALL {
        let (zh, en) = (msg.text(Lang::Zh), msg.text(Lang::En));
        assert_ne!(zh, en, "{msg:?}");
        assert!(zh.chars().any(is_han), "{msg:?}: {zh}");
        assert!(!en.chars().any(is_han), "{msg:?}: {en}");
        let left = latin_words(zh);
        assert!(left.is_empty(), "{left:?} in {msg:?}");
    }
}
