//! What a person allowed apps, and taking it back: `/user/apps`. Owns what is told of each; how access ends is decided
//! elsewhere.

use maud::{Markup, html};
use pantry_types::Scope;

use super::form;
use super::format;
use super::lang::Lang;
use super::layout::{Frame, Page, Width};
use super::paths;
use super::scopes;
use super::text::{self, Msg};

/// What one app was allowed.
#[derive(Debug, Clone, Copy)]
pub struct GrantView<'a> {
    /// Names it in the form.
    pub id: i64,
    /// The app's name.
    pub app: &'a str,
    /// User name of the person who registered the app.
    pub owner: &'a str,
    /// The app is suspended.
    pub suspended: bool,
    /// What it may do.
    pub scopes: &'a [Scope],
    /// The person signed in to it by password, which gives it the whole drive.
    pub whole_drive: bool,
    /// Full path of its folder, where it has one.
    pub sandbox: Option<&'a str>,
    /// Bytes in it, and whether that is all.
    pub bytes: (u64, bool),
    /// Seconds since it was allowed.
    pub given: u64,
    /// Seconds since it was last used.
    pub used: u64,
    /// Address of that use, empty before the first.
    pub address: &'a str,
    /// Seconds until it ends by itself.
    pub ends: Option<u64>,
    /// Shares that it made and that serve.
    pub shares: u64,
    /// The latest of them.
    pub latest_shares: &'a [SharedView<'a>],
}

/// A share that an app made.
#[derive(Debug, Clone, Copy)]
pub struct SharedView<'a> {
    /// What it shows; empty if that is gone for good.
    pub name: &'a str,
    /// Names it in addresses.
    pub code: &'a str,
}

/// What the last form did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppsNote {
    /// Access was taken back.
    Ended,
    /// Access was taken back, and what was shared is no more.
    EndedWithShares,
    /// The form token was missing or stale.
    FormExpired,
}

/// The page. Each form posts `grant` (an id, or `all`) and `csrf` to [`paths::USER_APPS`].
#[derive(Debug, Clone, Copy)]
pub struct AppsView<'a> {
    /// What apps were allowed, oldest first.
    pub grants: &'a [GrantView<'a>],
    /// Address of the next page, on all but the last.
    pub next: Option<&'a str>,
    /// What the last form did.
    pub note: Option<AppsNote>,
}

/// Shows who has access.
#[must_use]
pub fn apps(frame: &Frame<'_>, view: &AppsView<'_>) -> Markup {
    let lang = frame.lang;
    Page {
        title: Msg::AppsTitle.text(lang),
        failed: view.note == Some(AppsNote::FormExpired),
        width: Width::Wide,
        body: html! {
            h1 { (Msg::AppsTitle.text(lang)) }
            p.lead { (Msg::AppsLead.text(lang)) }
            @match view.note {
                Some(AppsNote::Ended) => p.notice.good role="status" { (Msg::AppsEnded.text(lang)) },
                Some(AppsNote::EndedWithShares) => p.notice.good role="status" { (Msg::AppsEndedWithShares.text(lang)) },
                Some(AppsNote::FormExpired) => (form::alert(Msg::FormExpired.text(lang))),
                None => {},
            }
            @if view.grants.is_empty() {
                section.card {
                    p { (Msg::AppsNone.text(lang)) }
                    p.muted { (Msg::AppsNoneHint.text(lang)) }
                }
            } @else {
                ul.apps {
                    @for grant in view.grants { li.card { (one(frame, grant)) } }
                }
            }
            @if let Some(next) = view.next {
                p.after { a.button href=(next) { (Msg::AppsMore.text(lang)) } }
            }
            @if view.grants.len() > 1 {
                section.card.after aria-labelledby="all" {
                    h2 #all { (Msg::AppsAllTitle.text(lang)) }
                    p.muted { (Msg::AppsAllHint.text(lang)) }
                    form method="post" action=(paths::USER_APPS) {
                        (form::csrf(frame))
                        (form::hidden("grant", "all"))
                        @if view.grants.iter().any(|g| g.shares > 0) || view.next.is_some() {
                            (with_shares("all-shares", Msg::AppsEndAllShares.text(lang)))
                        }
                        button.danger type="submit" { (Msg::AppsEndAll.text(lang)) }
                    }
                }
            }
            p.after { a href=(paths::HOME) { (Msg::BackHome.text(lang)) } }
        },
    }
    .render(frame)
}

fn one(frame: &Frame<'_>, grant: &GrantView<'_>) -> Markup {
    let lang = frame.lang;
    let name = format::plain(grant.app);
    let row = |label: Msg, value: Markup| {
        html! { div { dt { (label.text(lang)) } dd { (value) } } }
    };
    html! {
        h2 { (name) }
        @if grant.suspended { p.notice.warn { (Msg::AppsSuspended.text(lang)) } }
        ul.granted {
            @for scope in grant.scopes { li { (scopes::told(lang, *scope)) } }
            @if grant.whole_drive { li { (Msg::AppsWholeDrive.text(lang)) } }
        }
        dl.facts {
            (row(Msg::ConsentOwner, html! { (format::plain(grant.owner)) }))
            @if let Some(path) = grant.sandbox {
                (row(Msg::AppsFolder, html! {
                    span.path lang="zh-CN" { (path) } " "
                    span.muted { (size(lang, grant.bytes)) }
                }))
            }
            (row(Msg::AppsGiven, html! { (format::ago(lang, grant.given)) }))
            (row(Msg::AppsUsed, html! {
                @if grant.address.is_empty() {
                    span.muted { (Msg::AppsNeverUsed.text(lang)) }
                } @else {
                    (format::ago(lang, grant.used)) " · " (grant.address)
                }
            }))
            @if let Some(ends) = grant.ends {
                (row(Msg::AppsEnds, html! { (text::within(lang, ends)) }))
            }
            @if grant.shares > 0 {
                (row(Msg::AppsShares, shares(lang, grant)))
            }
        }
        form method="post" action=(paths::USER_APPS) {
            (form::csrf(frame))
            (form::hidden("grant", &grant.id.to_string()))
            @if grant.shares > 0 {
                (with_shares(&format!("shares-{}", grant.id), &text::apps_end_shares(lang, grant.shares)))
            }
            button.danger type="submit" aria-label=(text::apps_end(lang, &name)) { (Msg::AppsEnd.text(lang)) }
        }
    }
}

/// Shares that are shown without being asked for.
const LITTLE: u64 = 3;

/// What the app shared, open where it is little.
fn shares(lang: Lang, grant: &GrantView<'_>) -> Markup {
    let shown = grant.latest_shares.len() as u64;
    html! {
        details.shares open[grant.shares <= LITTLE] {
            summary { (text::apps_shares(lang, grant.shares)) }
            ul {
                @for share in grant.latest_shares {
                    li {
                        a href={ (paths::SHARE) "/" (share.code) } {
                            @if share.name.is_empty() { (share.code) } @else { (format::plain(share.name)) }
                        }
                    }
                }
                @if grant.shares > shown { li.muted { (text::apps_more_shares(lang, grant.shares - shown)) } }
            }
        }
    }
}

fn with_shares(id: &str, label: &str) -> Markup {
    html! {
        div.also {
            input #(id) type="checkbox" name="shares" value="cancel";
            label for=(id) { (label) }
        }
    }
}

fn size(lang: Lang, (bytes, complete): (u64, bool)) -> String {
    let size = format::bytes(bytes);
    if complete { size } else { text::more_than(lang, &size) }
}
