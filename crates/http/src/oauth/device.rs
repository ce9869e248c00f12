//! `/oauth/device` (RFC 8628, section 3.3): a person types a device's code, sees who asks, and answers.
//! Opening the page, even with the code filled in, looks nothing up and approves nothing.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{StatusCode, Uri};
use pantry_core::{
    Drive, Error,
    auth::{DeviceAsk, DeviceProblem, SessionActor, Term},
};
use pantry_types::Scope;

use super::authorize::{app_view, consent_of, sandbox};
use crate::{
    envelope::Failure,
    html::{
        consent::ConsentProblem,
        device::{
            DeviceApprovalView, DeviceEntryView, DeviceOutcome, DeviceProblem as Problem, device_approval, device_done,
            device_entry,
        },
        paths,
    },
    params::Params,
    visitor::{Visitor, encoded, field, fields, minutes},
};

/// Longest text that is shown again as a code.
const TYPED: usize = 24;

/// The page's address with a code filled in.
fn here(user_code: &str) -> String {
    if user_code.is_empty() {
        paths::DEVICE.to_owned()
    } else {
        format!("{}?user_code={}", paths::DEVICE, encoded(user_code.as_bytes()))
    }
}

/// What was typed, shortened to what a code can be.
fn typed(params: &Params) -> String {
    field(params, "user_code").chars().take(TYPED).collect()
}

fn entry(visitor: &Visitor, user_code: &str, problem: Option<Problem>) -> Response {
    let (csrf, here) = (visitor.csrf(), here(user_code));
    let page = device_entry(&visitor.frame(&here, &csrf), &DeviceEntryView { user_code, problem });
    let status = match problem {
        None => StatusCode::OK,
        Some(Problem::FormExpired) => StatusCode::FORBIDDEN,
        Some(Problem::Unknown) => StatusCode::NOT_FOUND,
        Some(Problem::Taken) => StatusCode::CONFLICT,
        Some(Problem::Malformed | Problem::Throttled { .. }) => StatusCode::BAD_REQUEST,
    };
    visitor.page(status, page, &[])
}

fn failed(visitor: &Visitor, user_code: &str, e: DeviceProblem) -> Response {
    match e {
        DeviceProblem::Malformed => entry(visitor, user_code, Some(Problem::Malformed)),
        DeviceProblem::Unknown => entry(visitor, user_code, Some(Problem::Unknown)),
        DeviceProblem::Taken => entry(visitor, user_code, Some(Problem::Taken)),
        DeviceProblem::Drive(Error::TooMany { retry_after }) => {
            let (csrf, here) = (visitor.csrf(), here(user_code));
            let wait_minutes = minutes(retry_after);
            let problem = Some(Problem::Throttled { wait_minutes });
            let page = device_entry(&visitor.frame(&here, &csrf), &DeviceEntryView { user_code, problem });
            visitor.wait_page(retry_after, page)
        }
        DeviceProblem::Drive(e) => Failure::from(e).into_response(),
    }
}

/// What the approval form must bring back unchanged, for this session.
fn check(drive: &Drive, session: &SessionActor, ask: &DeviceAsk) -> String {
    drive.form_token(session, &format!("device\n{}", ask.fingerprint()))
}

fn approval(
    visitor: &Visitor,
    session: &SessionActor,
    ask: &DeviceAsk,
    term: Term,
    problem: Option<ConsentProblem>,
) -> Response {
    let drive = visitor.drive();
    let (csrf, here) = (visitor.csrf(), here(&ask.user_code));
    let check = check(drive, session, ask);
    let scopes: Vec<Scope> = ask.scopes.iter().collect();
    let view = DeviceApprovalView {
        app: app_view(&ask.app, &ask.owner),
        scopes: &scopes,
        sandbox: &sandbox(&ask.app),
        user_code: &ask.user_code,
        address: &ask.address,
        agent: Some(ask.agent.as_str()).filter(|a| !a.is_empty()),
        asked_seconds_ago: u64::try_from(drive.now() - ask.asked_at).unwrap_or(0),
        hidden: &[("check", &check)],
        term,
        problem,
    };
    let status = if problem.is_some() {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::OK
    };
    visitor.page(status, device_approval(&visitor.frame(&here, &csrf), &view), &[])
}

/// Asks for the code.
pub(super) async fn show(visitor: Visitor, uri: Uri) -> Response {
    let user_code = typed(&Params::of_query(uri.query().unwrap_or_default()));
    if visitor.session.is_none() {
        return visitor.to_login(&here(&user_code));
    }
    entry(&visitor, &user_code, None)
}

/// Takes the code, and then the answer.
pub(super) async fn answer(visitor: Visitor, request: Request) -> Result<Response, Failure> {
    let form = fields(request).await?;
    let user_code = typed(&form);
    let Some(session) = &visitor.session else {
        return Ok(visitor.to_login(&here(&user_code)));
    };
    if !Drive::is_form_token(&visitor.csrf(), field(&form, "csrf")) {
        return Ok(entry(&visitor, &user_code, Some(Problem::FormExpired)));
    }
    let drive = visitor.drive();
    let ask = match drive.find_device(session, &user_code, &visitor.origin).await {
        Ok(ask) => ask,
        Err(e) => return Ok(failed(&visitor, &user_code, e)),
    };
    let decision = field(&form, "decision");
    if decision.is_empty() {
        return Ok(approval(&visitor, session, &ask, Term::default(), None));
    }
    // Another device than the one that was shown, or a time that was not.
    let right = Drive::is_form_token(&check(drive, session, &ask), field(&form, "check"));
    let Some(consent) = consent_of(&form).filter(|_| right) else {
        let problem = Some(ConsentProblem::FormExpired);
        return Ok(approval(&visitor, session, &ask, Term::default(), problem));
    };
    let (done, outcome) = if decision == "allow" {
        let approved = drive.approve_device(session, &ask, consent, &visitor.origin).await;
        (approved, DeviceOutcome::Approved(&ask.app.name))
    } else {
        let denied = drive.deny_device(session, &ask, &visitor.origin).await;
        (denied.map(|()| true), DeviceOutcome::Denied)
    };
    match done {
        Ok(true) => {
            let csrf = visitor.csrf();
            let page = device_done(&visitor.frame(paths::DEVICE, &csrf), outcome);
            Ok(visitor.page(StatusCode::OK, page, &[]))
        }
        Ok(false) => {
            let problem = Some(ConsentProblem::Nothing);
            Ok(approval(&visitor, session, &ask, consent.term, problem))
        }
        Err(e) => Ok(failed(&visitor, &user_code, e)),
    }
}
