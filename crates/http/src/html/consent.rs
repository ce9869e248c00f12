//! The consent page: an app asks, the person answers. Owns what is told before
//! the answer; what the answer grants is decided elsewhere.

use maud::{Markup, html};
use pantry_core::auth::Term;
use pantry_types::Scope;

use super::AppView;
use super::form;
use super::format;
use super::lang::Lang;
use super::layout::{Frame, Page, Width};
use super::scopes;
use super::text::{self, Msg};

/// Where the browser goes after the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnTo<'a> {
    /// A site, by its host.
    Site(&'a str),
    /// A program that listens on the person's own machine (loopback address).
    ThisComputer,
    /// An installed app, by the scheme of its private addresses.
    App(&'a str),
}

/// Why the consent page is shown again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentProblem {
    /// Allowed, but nothing was ticked and nothing is included.
    Nothing,
    /// The form token was missing or stale.
    FormExpired,
}

impl ConsentProblem {
    pub(super) const fn text(self, lang: Lang) -> &'static str {
        match self {
            Self::Nothing => Msg::ConsentNothing.text(lang),
            Self::FormExpired => Msg::FormExpired.text(lang),
        }
    }
}

/// The consent page. Posts the hidden fields, `decision` (`allow` or `deny`),
/// one `scope` per ticked sensitive scope, `term`, and `csrf`.
#[derive(Clone, Copy)]
pub struct ConsentView<'a> {
    /// Who asks.
    pub app: AppView<'a>,
    /// What is asked for, in the order to show.
    pub scopes: &'a [Scope],
    /// Full path of the app's sandbox folder, such as `/我的应用数据/Notes/`.
    pub sandbox: &'a str,
    /// Where the browser goes after the answer.
    pub return_to: ReturnTo<'a>,
    /// Where the form posts to.
    pub action: &'a str,
    /// What the handler needs back, as hidden fields (name, value).
    pub hidden: &'a [(&'a str, &'a str)],
    /// For how long, as it is chosen when the page opens.
    pub term: Term,
    /// Why the last answer was not taken.
    pub problem: Option<ConsentProblem>,
}

/// Asks for consent.
#[must_use]
pub fn consent(frame: &Frame<'_>, view: &ConsentView<'_>) -> Markup {
    let lang = frame.lang;
    let title = text::consent_title(lang, &format::plain(view.app.name));
    let return_to = match view.return_to {
        ReturnTo::Site(host) => html! { strong { (host) } },
        ReturnTo::ThisComputer => html! { (Msg::ConsentReturnHere.text(lang)) },
        ReturnTo::App(scheme) => html! { code { (scheme) ":" } },
    };
    Page {
        title: &title,
        failed: view.problem.is_some(),
        width: Width::Card,
        body: html! {
            (form::app_tile(&view.app))
            h1.centred { (title) }
            (form::app_facts(lang, &view.app, &[(Msg::ConsentReturn, return_to)]))
            @if let Some(problem) = view.problem { (form::alert(problem.text(lang))) }
            form method="post" action=(view.action) {
                (form::csrf(frame))
                @for (name, value) in view.hidden { (form::hidden(name, value)) }
                (scopes::list(lang, view.scopes, view.sandbox))
                (form::term(lang, view.term))
                (form::decision(lang, Msg::ConsentAllow))
            }
            (form::account(frame))
        },
    }
    .render(frame)
}
