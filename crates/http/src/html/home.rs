//! The start page. Owns what it shows to one who is signed in and to one who
//! is not.

use maud::{Markup, html};

use super::format;
use super::layout::{Frame, Page, Width};
use super::paths;
use super::text::{self, Msg};

/// How full a person's drive is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes in use: files, old versions and the bin.
    pub used: u64,
    /// Bytes that can still be written, reservations taken off; `None` without
    /// a limit.
    pub free: Option<u64>,
    /// Bytes of the quota; `None` without a limit.
    pub total: Option<u64>,
}

/// The start page of one who is signed in.
#[derive(Debug, Clone, Copy)]
pub struct HomeView<'a> {
    /// The name to greet by: nickname, else user name.
    pub name: &'a str,
    /// The user name, as commands take it.
    pub account: &'a str,
    /// Masked or full email address, shown below the name.
    pub email: &'a str,
    /// Whether this person runs the place.
    pub is_admin: bool,
    /// How much space is used.
    pub space: Space,
}

/// From here on the bar warns.
const ALMOST_FULL_PERCENT: u64 = 90;

/// Shows who is signed in, how full the drive is, and what can be done next.
#[must_use]
pub fn home(frame: &Frame<'_>, view: &HomeView<'_>) -> Markup {
    let lang = frame.lang;
    let title = text::home_hello(lang, view.name);
    let app_hint = if view.is_admin {
        Msg::HomeAppBody
    } else {
        Msg::HomeAppAsk
    };
    Page {
        title: &title,
        failed: false,
        width: Width::Wide,
        body: html! {
            h1 { (title) }
            p.lead { (view.email) }
            section.card aria-labelledby="space" {
                h2 #space { (Msg::HomeSpace.text(lang)) }
                (space(frame, view.space))
            }
            h2.between { (Msg::HomeNext.text(lang)) }
            div.tiles {
                section.card {
                    h3 { (Msg::HomeDeviceTitle.text(lang)) }
                    p { (Msg::HomeDeviceBody.text(lang)) }
                    a.button.primary href=(paths::DEVICE) { (Msg::HomeDeviceAction.text(lang)) }
                }
                section.card {
                    h3 { (Msg::HomeAppsTitle.text(lang)) }
                    p { (Msg::HomeAppsBody.text(lang)) }
                    a.button href=(paths::USER_APPS) { (Msg::HomeAppsAction.text(lang)) }
                }
                section.card {
                    h3 { (Msg::HomeAppTitle.text(lang)) }
                    p { (app_hint.text(lang)) }
                    pre tabindex="0" { code {
                        "pantryd app add \\\n  --owner " (shell_word(view.account))
                        " \\\n  --name '" (Msg::HomeAppPlaceholder.text(lang)) "'"
                    } }
                }
            }
        },
    }
    .render(frame)
}

fn space(frame: &Frame<'_>, space: Space) -> Markup {
    let lang = frame.lang;
    let unlimited = || Msg::HomeUnlimited.text(lang).to_owned();
    let size = |bytes: Option<u64>| bytes.map_or_else(unlimited, format::bytes);
    let percent = space.total.map(|total| format::percent(space.used, total));
    let almost_full = percent.is_some_and(|percent| percent >= ALMOST_FULL_PERCENT);
    html! {
        @if let Some(percent) = percent {
            @let label = text::home_percent(lang, percent);
            p.figure { (label) }
            progress.full[almost_full] value=(percent) max="100" aria-label=(label) {}
        }
        dl.amounts {
            div { dt { (Msg::HomeUsed.text(lang)) } dd { (format::bytes(space.used)) } }
            div { dt { (Msg::HomeFree.text(lang)) } dd { (size(space.free)) } }
            div { dt { (Msg::HomeTotal.text(lang)) } dd { (size(space.total)) } }
        }
        @if almost_full { p.notice.warn { (Msg::HomeAlmostFull.text(lang)) } }
    }
}

/// A word that a POSIX shell takes as it stands.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@') || !c.is_ascii();
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Says what this is to one who is not signed in.
#[must_use]
pub fn welcome(frame: &Frame<'_>) -> Markup {
    let lang = frame.lang;
    Page {
        title: Msg::HomeTagline.text(lang),
        failed: false,
        width: Width::Wide,
        body: html! {
            div.hero {
                h1 { (Msg::HomeTagline.text(lang)) }
                p.lead { (Msg::HomeLead.text(lang)) }
                a.button.primary href=(paths::LOGIN) { (Msg::SignIn.text(lang)) }
            }
            ul.points {
                li { (Msg::HomePointSandbox.text(lang)) }
                li { (Msg::HomePointDevices.text(lang)) }
                li { (Msg::HomePointOpen.text(lang)) }
            }
        },
    }
    .render(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_for_pasting_is_one_word() {
        for (word, expected) in [
            ("alice", "alice"),
            ("小明", "小明"),
            ("a b", "'a b'"),
            ("a'; rm", r"'a'\''; rm'"),
            ("-x", "'-x'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(word), expected);
        }
    }
}
