//! The parts that forms are made of. Owns their markup and what makes them
//! accessible: label, hint and error of a field belong together.

use maud::{Markup, html};
use pantry_core::auth::Term;

use super::AppView;
use super::format;
use super::lang::Lang;
use super::layout::Frame;
use super::paths;
use super::text::Msg;

/// The hidden form token.
pub(super) fn csrf(frame: &Frame<'_>) -> Markup {
    hidden("csrf", frame.csrf)
}

/// A hidden field.
pub(super) fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

/// Something went wrong; read out at once by a screen reader.
pub(super) fn alert(text: &str) -> Markup {
    html! { p.notice.bad #problem role="alert" aria-live="assertive" { (text) } }
}

/// One text field with its label. The name serves as id too.
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    pub(super) label: &'a str,
    pub(super) kind: &'a str,
    pub(super) value: &'a str,
    pub(super) autocomplete: &'a str,
    pub(super) hint: Option<&'a str>,
    pub(super) min: Option<usize>,
    /// The page's alert is about this field.
    pub(super) wrong: bool,
    pub(super) focus: bool,
}

impl<'a> Field<'a> {
    pub(super) fn new(name: &'a str, label: &'a str, kind: &'a str, autocomplete: &'a str) -> Self {
        Self {
            name,
            label,
            kind,
            autocomplete,
            value: "",
            hint: None,
            min: None,
            wrong: false,
            focus: false,
        }
    }

    pub(super) fn render(&self) -> Markup {
        let hint = self.hint.map(|_| format!("{}-hint", self.name));
        let described = match (&hint, self.wrong) {
            (Some(hint), true) => Some(format!("problem {hint}")),
            (Some(hint), false) => Some(hint.clone()),
            (None, true) => Some("problem".to_owned()),
            (None, false) => None,
        };
        // Names and passwords are typed exactly: no help from the keyboard.
        html! {
            div.field {
                label for=(self.name) { (self.label) }
                input #(self.name) name=(self.name) type=(self.kind) value=(self.value)
                    autocomplete=(self.autocomplete) autocapitalize="none" spellcheck="false"
                    minlength=[self.min] aria-describedby=[described]
                    aria-invalid=[self.wrong.then_some("true")]
                    required autofocus[self.focus];
                @if let (Some(id), Some(hint)) = (hint, self.hint) { p.hint #(id) { (hint) } }
            }
        }
    }
}

/// Name, maker and address of the app, above what it asks for. `rows` are
/// further rows of the table.
pub(super) fn app_facts(lang: Lang, app: &AppView<'_>, rows: &[(Msg, Markup)]) -> Markup {
    html! {
        dl.facts {
            div { dt { (Msg::ConsentOwner.text(lang)) } dd { (format::plain(app.owner)) } }
            div {
                dt { (Msg::ConsentSite.text(lang)) }
                dd {
                    @match app.home_host {
                        Some(host) => (host),
                        None => span.muted { (Msg::ConsentNoSite.text(lang)) },
                    }
                }
            }
            @for (label, value) in rows {
                div { dt { (label.text(lang)) } dd { (value) } }
            }
        }
    }
}

/// The app's tile: its first character, as apps bring no pictures of their own.
/// The name itself follows, so that it is not read out.
pub(super) fn app_tile(app: &AppView<'_>) -> Markup {
    let first: String = format::plain(app.name)
        .trim()
        .chars()
        .take(1)
        .flat_map(char::to_uppercase)
        .collect();
    html! { div.tile aria-hidden="true" { (first) } }
}

/// Who is signed in, and the way to be someone else: signing out leads back here.
pub(super) fn account(frame: &Frame<'_>) -> Markup {
    let lang = frame.lang;
    html! {
        @if let Some(user) = frame.user {
            div.account {
                p { (Msg::ConsentAccount.text(lang)) " " strong { (user) } }
                form method="post" action=(paths::LOGOUT) {
                    (csrf(frame))
                    (hidden("next", frame.path_and_query))
                    button.link type="submit" { (Msg::ConsentSwitch.text(lang)) }
                }
            }
        }
    }
}

/// For how long the answer holds (field `term`).
pub(super) fn term(lang: Lang, chosen: Term) -> Markup {
    html! {
        fieldset.scopes {
            legend { (Msg::TermTitle.text(lang)) }
            p.hint #term-hint { (Msg::TermHint.text(lang)) }
            @for term in Term::ALL {
                @let id = format!("term-{}", term.as_str());
                @let words = match term {
                    Term::UntilRevoked => Msg::TermUntilRevoked,
                    Term::Month => Msg::TermMonth,
                    Term::Hour => Msg::TermHour,
                };
                div.choice {
                    input #(id) type="radio" name="term" value=(term.as_str())
                        checked[term == chosen] aria-describedby="term-hint";
                    label for=(id) { (words.text(lang)) }
                }
            }
        }
    }
}

/// The two answers. Deny stands first: the Enter key presses a form's first
/// button, and must never grant anything.
pub(super) fn decision(lang: Lang, allow: Msg) -> Markup {
    html! {
        div.decision {
            button type="submit" name="decision" value="deny" { (Msg::ConsentDeny.text(lang)) }
            button.primary type="submit" name="decision" value="allow" { (allow.text(lang)) }
        }
    }
}
