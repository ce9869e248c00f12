//! Connecting a device by its code: entry, approval, outcome. Owns the three
//! pages; looking codes up is done elsewhere.

use maud::{Markup, html};
use pantry_core::auth::Term;
use pantry_types::Scope;

use super::AppView;
use super::consent::ConsentProblem;
use super::form;
use super::format;
use super::layout::{Frame, Page, Width};
use super::paths;
use super::scopes;
use super::text::{self, Msg};

/// Why the code is asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceProblem {
    /// It cannot be a code.
    Malformed,
    /// No device waits with that code (any more).
    Unknown,
    /// The code was approved or denied already.
    Taken,
    /// Too many wrong codes; open again after so many minutes (at least one).
    Throttled {
        /// Minutes to wait, rounded up.
        wait_minutes: u64,
    },
    /// The form token was missing or stale.
    FormExpired,
}

/// The entry page. Posts `user_code` and `csrf` to [`paths::DEVICE`].
#[derive(Clone, Copy)]
pub struct DeviceEntryView<'a> {
    /// What was typed, or came with the address.
    pub user_code: &'a str,
    /// Why the last code was not taken.
    pub problem: Option<DeviceProblem>,
}

/// The approval page. Posts the hidden fields, `user_code`, `decision`
/// (`allow` or `deny`), one `scope` per ticked sensitive scope, `term`, and `csrf` to
/// [`paths::DEVICE`].
#[derive(Clone, Copy)]
pub struct DeviceApprovalView<'a> {
    /// Who asks.
    pub app: AppView<'a>,
    /// What is asked for, in the order to show.
    pub scopes: &'a [Scope],
    /// Full path of the app's sandbox folder.
    pub sandbox: &'a str,
    /// The code as the device shows it, such as `8KXH-Y8R`.
    pub user_code: &'a str,
    /// Address that the device asked from.
    pub address: &'a str,
    /// What the device calls itself, roughly.
    pub agent: Option<&'a str>,
    /// How many seconds ago it asked.
    pub asked_seconds_ago: u64,
    /// What the handler needs back, as hidden fields (name, value).
    pub hidden: &'a [(&'a str, &'a str)],
    /// For how long, as it is chosen when the page opens.
    pub term: Term,
    /// Why the last answer was not taken.
    pub problem: Option<ConsentProblem>,
}

/// How the person answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceOutcome<'a> {
    /// Approved, for the app of that name.
    Approved(&'a str),
    /// Denied.
    Denied,
}

/// Seven letters and digits, dashes and spaces wherever they like.
const CODE_PATTERN: &str = r"[\s\-]*([A-Za-z0-9][\s\-]*){7}";

/// Asks for the code.
#[must_use]
pub fn device_entry(frame: &Frame<'_>, view: &DeviceEntryView<'_>) -> Markup {
    let lang = frame.lang;
    let problem = view.problem.map(|problem| match problem {
        DeviceProblem::Malformed => Msg::DeviceMalformed.text(lang).to_owned(),
        DeviceProblem::Unknown => Msg::DeviceUnknown.text(lang).to_owned(),
        DeviceProblem::Taken => Msg::DeviceTaken.text(lang).to_owned(),
        DeviceProblem::Throttled { wait_minutes } => text::device_throttled(lang, wait_minutes),
        DeviceProblem::FormExpired => Msg::FormExpired.text(lang).to_owned(),
    });
    let wrong = matches!(
        view.problem,
        Some(DeviceProblem::Malformed | DeviceProblem::Unknown | DeviceProblem::Taken)
    );
    let described = if wrong {
        "problem user_code-hint"
    } else {
        "user_code-hint"
    };
    Page {
        title: Msg::DeviceTitle.text(lang),
        failed: problem.is_some(),
        width: Width::Card,
        body: html! {
            h1 { (Msg::DeviceTitle.text(lang)) }
            p.lead { (Msg::DeviceLead.text(lang)) }
            @if let Some(problem) = &problem { (form::alert(problem)) }
            form method="post" action=(paths::DEVICE) {
                (form::csrf(frame))
                div.field {
                    label for="user_code" { (Msg::DeviceCode.text(lang)) }
                    input.code #user_code name="user_code" type="text" value=(view.user_code)
                        autocomplete="off" autocapitalize="characters" spellcheck="false"
                        pattern=(CODE_PATTERN) maxlength="24"
                        title=(Msg::DeviceCodeHint.text(lang))
                        aria-describedby=(described) aria-invalid=[wrong.then_some("true")]
                        required autofocus;
                    p.hint #user_code-hint { (Msg::DeviceCodeHint.text(lang)) }
                }
                button.primary.full type="submit" { (Msg::DeviceSubmit.text(lang)) }
            }
            (form::account(frame))
        },
    }
    .render(frame)
}

/// Asks whether the device is the person's own, and may do what it asks.
#[must_use]
pub fn device_approval(frame: &Frame<'_>, view: &DeviceApprovalView<'_>) -> Markup {
    let lang = frame.lang;
    let title = text::device_approve_title(lang, &format::plain(view.app.name));
    let agent = match view.agent {
        Some(agent) => html! { (format::plain(agent)) },
        None => html! { span.muted { (Msg::DeviceAgentUnknown.text(lang)) } },
    };
    let asked = [
        (Msg::DeviceFrom, html! { (view.address) }),
        (Msg::DeviceAgent, agent),
        (Msg::DeviceWhen, html! { (format::ago(lang, view.asked_seconds_ago)) }),
    ];
    Page {
        title: &title,
        failed: view.problem.is_some(),
        width: Width::Card,
        body: html! {
            (form::app_tile(&view.app))
            h1.centred { (title) }
            div.question {
                p.code aria-label=(Msg::DeviceCode.text(lang)) { (view.user_code) }
                p { strong { (Msg::DeviceQuestion.text(lang)) } }
                p { (Msg::DeviceWarning.text(lang)) }
            }
            (form::app_facts(lang, &view.app, &asked))
            @if let Some(problem) = view.problem { (form::alert(problem.text(lang))) }
            form method="post" action=(paths::DEVICE) {
                (form::csrf(frame))
                (form::hidden("user_code", view.user_code))
                @for (name, value) in view.hidden { (form::hidden(name, value)) }
                (scopes::list(lang, view.scopes, view.sandbox))
                (form::term(lang, view.term))
                (form::decision(lang, Msg::DeviceApprove))
            }
            (form::account(frame))
        },
    }
    .render(frame)
}

/// Says what became of it.
#[must_use]
pub fn device_done(frame: &Frame<'_>, outcome: DeviceOutcome<'_>) -> Markup {
    let lang = frame.lang;
    let (title, body) = match outcome {
        DeviceOutcome::Approved(_) => (Msg::DeviceApprovedTitle, Msg::DeviceApprovedBody),
        DeviceOutcome::Denied => (Msg::DeviceDeniedTitle, Msg::DeviceDeniedBody),
    };
    let approved = matches!(outcome, DeviceOutcome::Approved(_));
    Page {
        title: title.text(lang),
        failed: false,
        width: Width::Card,
        body: html! {
            div.outcome .good[approved] aria-hidden="true" {}
            h1.centred { (title.text(lang)) }
            div.centred role="status" aria-live="polite" {
                @if let DeviceOutcome::Approved(app) = outcome {
                    p { (text::device_approved(lang, &format::plain(app))) }
                }
                p { (body.text(lang)) }
            }
            p.centred.after {
                a href=(paths::DEVICE) { (Msg::DeviceAnother.text(lang)) }
            }
        },
    }
    .render(frame)
}
