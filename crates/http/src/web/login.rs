//! `/login`: signing in, and on to where one was going.

use axum::{extract::Request, response::Response};
use http::{StatusCode, Uri};
use pantry_core::{Drive, Error, auth::AuthorizeRequest};

use crate::{
    envelope::Failure,
    html::{
        login::{LoginProblem, LoginView, login},
        paths,
    },
    params::Params,
    visitor::{Visitor, encoded, field, fields, local, minutes},
};

/// Longest name of an account that is shown again.
const TYPED: usize = 254;

/// The name of the app that waits for the sign-in, if one does.
async fn waiting_app(drive: &Drive, next: &str) -> Option<String> {
    let query = next.strip_prefix(paths::AUTHORIZE)?.strip_prefix('?')?;
    let params = Params::of_query(query);
    let one = |name| params.all(name).next().map(str::to_owned);
    // Only what decides whose page it is: anything else is told later.
    let request = AuthorizeRequest {
        client_id: one("client_id"),
        redirect_uri: one("redirect_uri"),
        response_type: one("response_type"),
        scope: one("scope"),
        code_challenge: one("code_challenge"),
        code_challenge_method: one("code_challenge_method"),
        ..AuthorizeRequest::default()
    };
    Some(drive.check_authorization(&request).await.ok()?.app.name)
}

/// Whom an app that waits takes the person for (OpenID Connect Core 1.0, section 3.1.2.1, `login_hint`).
fn hinted(next: &str) -> Option<String> {
    let query = next.strip_prefix(paths::AUTHORIZE)?.strip_prefix('?')?;
    let params = Params::of_query(query);
    Some(params.all("login_hint").next()?.chars().take(TYPED).collect())
}

async fn form(visitor: &Visitor, account: &str, next: &str, problem: Option<LoginProblem>) -> Response {
    let csrf = visitor.anonymous_csrf();
    let here = format!("{}?next={}", paths::LOGIN, encoded(next.as_bytes()));
    let app = waiting_app(visitor.drive(), next).await;
    let view = LoginView {
        account,
        next,
        app: app.as_deref(),
        problem,
    };
    let page = login(&visitor.anonymous_frame(&here, &csrf), &view);
    let status = match problem {
        None => StatusCode::OK,
        // Not 401, which would have to name an HTTP authentication scheme.
        Some(_) => StatusCode::FORBIDDEN,
    };
    visitor.page(status, page, &[])
}

/// The form; also for one who is signed in and wants to be someone else.
pub(super) async fn show(visitor: Visitor, uri: Uri) -> Response {
    let query = Params::of_query(uri.query().unwrap_or_default());
    let next = local(field(&query, "next"));
    let account = hinted(next).unwrap_or_default();
    form(&visitor, &account, next, None).await
}

/// Signs in.
pub(super) async fn sign_in(visitor: Visitor, request: Request) -> Result<Response, Failure> {
    let fields = fields(request).await?;
    let next = local(field(&fields, "next"));
    let account: String = field(&fields, "account").chars().take(TYPED).collect();
    if !Drive::is_form_token(&visitor.anonymous_csrf(), field(&fields, "csrf")) {
        return Ok(form(&visitor, &account, next, Some(LoginProblem::FormExpired)).await);
    }
    let password = field(&fields, "password");
    let old = visitor.session_cookie();
    match visitor.drive().sign_in(&account, password, &visitor.origin, old).await {
        Ok(Some(signed)) => Ok(visitor.with_session(visitor.see_other(next), &signed)),
        Ok(None) => Ok(form(&visitor, &account, next, Some(LoginProblem::Wrong)).await),
        Err(Error::TooMany { retry_after }) => {
            let wait_minutes = minutes(retry_after);
            let csrf = visitor.anonymous_csrf();
            let view = LoginView {
                account: &account,
                next,
                app: None,
                problem: Some(LoginProblem::Throttled { wait_minutes }),
            };
            let page = login(&visitor.anonymous_frame(paths::LOGIN, &csrf), &view);
            Ok(visitor.wait_page(retry_after, page))
        }
        Err(e) => Err(e.into()),
    }
}
