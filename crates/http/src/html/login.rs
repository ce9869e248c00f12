//! Signing in and out. Owns the two pages; whether a password is right is
//! decided elsewhere.

use maud::{Markup, html};

use super::form::{self, Field};
use super::format;
use super::layout::{Frame, Page, Width};
use super::paths;
use super::text::{self, Msg};

/// Why the sign-in form is shown again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginProblem {
    /// No such account, or not its password; which of the two is not told.
    Wrong,
    /// Too many failures; open again after so many minutes (at least one).
    Throttled {
        /// Minutes to wait, rounded up.
        wait_minutes: u64,
    },
    /// The form token was missing or stale.
    FormExpired,
}

/// The sign-in page. Posts `account`, `password`, `next`, `csrf` to
/// [`paths::LOGIN`].
#[derive(Debug, Clone, Copy)]
pub struct LoginView<'a> {
    /// What was typed as the account.
    pub account: &'a str,
    /// Where to go afterwards; comes back as the field `next`.
    pub next: &'a str,
    /// Name of the app that waits for the sign-in.
    pub app: Option<&'a str>,
    /// Why the last attempt failed.
    pub problem: Option<LoginProblem>,
}

/// Shows the sign-in form.
#[must_use]
pub fn login(frame: &Frame<'_>, view: &LoginView<'_>) -> Markup {
    let lang = frame.lang;
    let problem = view.problem.map(|problem| match problem {
        LoginProblem::Wrong => Msg::LoginWrong.text(lang).to_owned(),
        LoginProblem::Throttled { wait_minutes } => text::login_throttled(lang, wait_minutes),
        LoginProblem::FormExpired => Msg::FormExpired.text(lang).to_owned(),
    });
    let wrong = view.problem == Some(LoginProblem::Wrong);
    let mut account = Field::new("account", Msg::LoginAccount.text(lang), "text", "username");
    account.value = view.account;
    account.focus = view.account.is_empty();
    account.wrong = wrong;
    let mut password = Field::new(
        "password",
        Msg::LoginPassword.text(lang),
        "password",
        "current-password",
    );
    password.focus = !view.account.is_empty();
    password.wrong = wrong;
    Page {
        title: Msg::LoginTitle.text(lang),
        failed: problem.is_some(),
        width: Width::Card,
        body: html! {
            h1 { (Msg::LoginTitle.text(lang)) }
            @if let Some(app) = view.app { p.lead { (text::login_continue(lang, &format::plain(app))) } }
            @if let Some(problem) = &problem { (form::alert(problem)) }
            form method="post" action=(paths::LOGIN) {
                (form::csrf(frame))
                (form::hidden("next", view.next))
                (account.render())
                (password.render())
                button.primary.full type="submit" { (Msg::SignIn.text(lang)) }
            }
            p.hint.after { (Msg::LoginHelp.text(lang)) }
        },
    }
    .render(frame)
}

/// Says that the browser is signed out.
#[must_use]
pub fn signed_out(frame: &Frame<'_>) -> Markup {
    let lang = frame.lang;
    Page {
        title: Msg::SignedOutTitle.text(lang),
        failed: false,
        width: Width::Card,
        body: html! {
            h1 { (Msg::SignedOutTitle.text(lang)) }
            p { (Msg::SignedOutBody.text(lang)) }
            a.button.primary.full href=(paths::LOGIN) { (Msg::SignInAgain.text(lang)) }
        },
    }
    .render(frame)
}
