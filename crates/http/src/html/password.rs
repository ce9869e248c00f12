//! Setting a new password by a link that an administrator made. Owns the form and the answer to a link that does not
//! work; what makes a password good is decided elsewhere.

use maud::{Markup, html};

use super::form::{self, Field};
use super::layout::{Frame, Page, Width};
use super::paths;
use super::text::{self, Msg};

/// Why the form is shown again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordProblem {
    /// The password is shorter than [`PasswordView::min_password`].
    TooShort,
    /// It is longer than is hashed.
    TooLong,
    /// The two passwords differ.
    Differ,
    /// The form token was missing or stale.
    FormExpired,
}

/// The page. Posts `token`, `password`, `password_again`, `csrf` to [`paths::PASSWORD`].
#[derive(Clone, Copy)]
pub struct PasswordView<'a> {
    /// The secret of the link; comes back as the field `token`.
    pub token: &'a str,
    /// Login name of the account.
    pub account: &'a str,
    /// The least length of a password, in characters.
    pub min_password: usize,
    /// Why the last attempt failed.
    pub problem: Option<PasswordProblem>,
}

impl std::fmt::Debug for PasswordView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordView")
            .field("account", &self.account)
            .field("problem", &self.problem)
            .finish_non_exhaustive()
    }
}

/// Asks for a new password.
#[must_use]
pub fn password(frame: &Frame<'_>, view: &PasswordView<'_>) -> Markup {
    use PasswordProblem as P;
    let lang = frame.lang;
    let problem = view.problem.map(|problem| match problem {
        P::TooShort => text::setup_too_short(lang, view.min_password),
        P::TooLong => Msg::PasswordTooLong.text(lang).to_owned(),
        P::Differ => Msg::SetupPasswordsDiffer.text(lang).to_owned(),
        P::FormExpired => Msg::FormExpired.text(lang).to_owned(),
    });
    let min_hint = text::setup_min(lang, view.min_password);
    let mut new = Field::new("password", Msg::PasswordNew.text(lang), "password", "new-password");
    new.hint = Some(&min_hint);
    new.min = Some(view.min_password);
    new.wrong = matches!(view.problem, Some(P::TooShort | P::TooLong | P::Differ));
    new.focus = true;
    let mut again = Field::new("password_again", Msg::SetupAgain.text(lang), "password", "new-password");
    again.min = Some(view.min_password);
    again.wrong = view.problem == Some(P::Differ);
    let title = text::password_title(lang, view.account);
    Page {
        title: &title,
        failed: problem.is_some(),
        width: Width::Card,
        body: html! {
            h1 { (title) }
            p.lead { (Msg::PasswordLead.text(lang)) }
            @if let Some(problem) = &problem { (form::alert(problem)) }
            form method="post" action=(paths::PASSWORD) {
                (form::csrf(frame))
                (form::hidden("token", view.token))
                (new.render())
                (again.render())
                button.primary.full type="submit" { (Msg::PasswordSubmit.text(lang)) }
            }
        },
    }
    .render(frame)
}

/// Says that a link does not work, and what to do.
#[must_use]
pub fn password_closed(frame: &Frame<'_>) -> Markup {
    let lang = frame.lang;
    Page {
        title: Msg::PasswordClosedTitle.text(lang),
        failed: true,
        width: Width::Card,
        body: html! {
            div role="alert" aria-live="assertive" {
                h1 { (Msg::PasswordClosedTitle.text(lang)) }
                p.lead { (Msg::PasswordClosedBody.text(lang)) }
            }
            p { (Msg::LoginHelp.text(lang)) }
            a.button.primary.full href=(paths::LOGIN) { (Msg::SignIn.text(lang)) }
        },
    }
    .render(frame)
}
