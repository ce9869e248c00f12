//! The one-time set-up of the first administrator. Owns the form and the
//! answer to a link that does not work; what makes a name or a password good
//! is decided elsewhere.

use maud::{Markup, html};

use super::form::{self, Field};
use super::layout::{Frame, Page, Width};
use super::paths;
use super::text::{self, Msg};

/// Why the set-up form is shown again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupProblem {
    /// No user name was given.
    NameMissing,
    /// The user name has characters that it may not have, or is too long.
    NameIllegal,
    /// Another user has that name.
    NameTaken,
    /// Not an email address.
    EmailIllegal,
    /// Another user has that email address.
    EmailTaken,
    /// The password is shorter than [`SetupView::min_password`].
    PasswordTooShort,
    /// The two passwords differ.
    PasswordsDiffer,
    /// The form token was missing or stale.
    FormExpired,
}

/// The set-up page. Posts `token`, `name`, `email`, `password`,
/// `password_again`, `csrf` to [`paths::SETUP`].
#[derive(Clone, Copy)]
pub struct SetupView<'a> {
    /// The secret of the one-time link; comes back as the field `token`.
    pub token: &'a str,
    /// What was typed as the name.
    pub name: &'a str,
    /// What was typed as the email address.
    pub email: &'a str,
    /// The least length of a password, in characters.
    pub min_password: usize,
    /// Why the last attempt failed.
    pub problem: Option<SetupProblem>,
}

impl std::fmt::Debug for SetupView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetupView")
            .field("name", &self.name)
            .field("problem", &self.problem)
            .finish_non_exhaustive()
    }
}

/// Why a set-up link does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupClosed {
    /// The link is unknown or has expired.
    Invalid,
    /// There is an administrator already.
    Used,
}

/// Shows the set-up form.
#[must_use]
pub fn setup(frame: &Frame<'_>, view: &SetupView<'_>) -> Markup {
    use SetupProblem as P;
    let lang = frame.lang;
    let problem = view.problem.map(|problem| match problem {
        P::NameMissing => Msg::SetupNameMissing.text(lang).to_owned(),
        P::NameIllegal => Msg::SetupNameIllegal.text(lang).to_owned(),
        P::NameTaken => Msg::SetupNameTaken.text(lang).to_owned(),
        P::EmailIllegal => Msg::SetupEmailIllegal.text(lang).to_owned(),
        P::EmailTaken => Msg::SetupEmailTaken.text(lang).to_owned(),
        P::PasswordTooShort => text::setup_too_short(lang, view.min_password),
        P::PasswordsDiffer => Msg::SetupPasswordsDiffer.text(lang).to_owned(),
        P::FormExpired => Msg::FormExpired.text(lang).to_owned(),
    });
    let min_hint = text::setup_min(lang, view.min_password);

    let mut name = Field::new("name", Msg::SetupName.text(lang), "text", "username");
    name.value = view.name;
    name.hint = Some(Msg::SetupNameHint.text(lang));
    name.wrong = matches!(view.problem, Some(P::NameMissing | P::NameIllegal | P::NameTaken));
    let mut email = Field::new("email", Msg::SetupEmail.text(lang), "email", "email");
    email.value = view.email;
    email.wrong = matches!(view.problem, Some(P::EmailIllegal | P::EmailTaken));
    let mut password = Field::new("password", Msg::SetupPassword.text(lang), "password", "new-password");
    password.hint = Some(&min_hint);
    password.min = Some(view.min_password);
    password.wrong = matches!(view.problem, Some(P::PasswordTooShort | P::PasswordsDiffer));
    let mut again = Field::new("password_again", Msg::SetupAgain.text(lang), "password", "new-password");
    again.min = Some(view.min_password);
    again.wrong = view.problem == Some(P::PasswordsDiffer);

    // The cursor goes to what has to be mended; passwords are never sent back.
    email.focus = email.wrong;
    password.focus = password.wrong || view.problem == Some(P::FormExpired);
    name.focus = !email.focus && !password.focus;

    Page {
        title: Msg::SetupTitle.text(lang),
        failed: problem.is_some(),
        width: Width::Card,
        body: html! {
            h1 { (Msg::SetupTitle.text(lang)) }
            p.lead { (Msg::SetupLead.text(lang)) }
            @if let Some(problem) = &problem { (form::alert(problem)) }
            form method="post" action=(paths::SETUP) {
                (form::csrf(frame))
                (form::hidden("token", view.token))
                (name.render())
                (email.render())
                (password.render())
                (again.render())
                button.primary.full type="submit" { (Msg::SetupSubmit.text(lang)) }
            }
        },
    }
    .render(frame)
}

/// Shows why a set-up link does not work, and what to do instead.
#[must_use]
pub fn setup_closed(frame: &Frame<'_>, why: SetupClosed) -> Markup {
    let lang = frame.lang;
    let (title, body) = match why {
        SetupClosed::Invalid => (Msg::SetupInvalidTitle, Msg::SetupInvalidBody),
        SetupClosed::Used => (Msg::SetupUsedTitle, Msg::SetupUsedBody),
    };
    Page {
        title: title.text(lang),
        failed: why == SetupClosed::Invalid,
        width: Width::Card,
        body: html! {
            h1 { (title.text(lang)) }
            p.lead { (body.text(lang)) }
            @match why {
                SetupClosed::Invalid => {
                    p { (Msg::SetupInvalidNext.text(lang)) }
                    pre tabindex="0" { code {
                        "pantryd user add NAME --admin \\\n  --email EMAIL \\\n  --password PASSWORD"
                    } }
                }
                SetupClosed::Used => {
                    a.button.primary.full href=(paths::LOGIN) { (Msg::SignIn.text(lang)) }
                }
            }
        },
    }
    .render(frame)
}
