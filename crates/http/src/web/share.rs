//! `/s/{code}`: the page of a share, its password, its folders and its buttons, until the web app takes the address over.
//! Must not decide whom a share lets in; core does.

use axum::{
    extract::{Path, Request, State},
    response::Response,
};
use http::{HeaderValue, StatusCode, header::CONTENT_SECURITY_POLICY};
use pantry_core::{
    Drive, Error, Kind,
    files::{FolderRef, Page, Selection},
    shares::{Closed, Details, Look, Shows, Visit},
};
use pantry_types::{NodeId, limits::CONTENT_BYTES};

use crate::{
    Params,
    download::safe,
    envelope::Failure,
    html::{
        self,
        share::{ClosedView, DropNote, DropView, FolderView, PasswordProblem, Preview, Row, ShareView},
    },
    params,
    state::AppState,
    visitor::{Visitor, encoded, field, fields, minutes},
};

/// The ticket of a share whose password was given, kept for the pages of that share alone.
const TICKET: &str = "pantry_share";
/// Entries of one page of a folder.
const ROWS: i64 = 200;

fn home(code: &str) -> String {
    format!("/s/{}", encoded(code.as_bytes()))
}

fn visit(visitor: &Visitor, code: &str) -> Visit {
    Visit {
        code: code.to_owned(),
        ticket: visitor.kept(TICKET).map(str::to_owned),
        origin: visitor.origin.clone(),
    }
}

/// A refusal at the door as a page; anything else goes on.
fn refused(visitor: &Visitor, e: Error) -> Result<Response, Failure> {
    match e {
        Error::ShareClosed(closed) => Ok(refuse(visitor, closed)),
        Error::NotFound(_) => Ok(refuse(visitor, Closed::NotFound)),
        e => Err(e.into()),
    }
}

/// `GET /s/{code}`
pub async fn show(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(code): Path<String>,
    query: Params,
) -> Result<Response, Failure> {
    let visit = visit(&visitor, &code);
    let look = match state.drive().look_at_share(&visit).await {
        Ok(look) => look,
        Err(e) => return refused(&visitor, e),
    };
    let Some(details) = &look.details else {
        return Ok(ask(&visitor, &code, &look.owner, None));
    };
    match details.shows {
        Shows::File => Ok(file(&state, &visitor, &code, &look, details)),
        Shows::Drop => Ok(drop_box(&visitor, &code, &look.owner, details, None)),
        Shows::Folder | Shows::Several => folder(&state, &visitor, &visit, &look, details, &query).await,
    }
}

/// `POST /s/{code}`: the password.
pub async fn enter(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(code): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let fields = fields(request).await?;
    let visit = visit(&visitor, &code);
    let owner = match state.drive().look_at_share(&visit).await {
        Ok(look) => look.owner,
        Err(e) => return refused(&visitor, e),
    };
    if !Drive::is_form_token(&visitor.anonymous_csrf(), field(&fields, "csrf")) {
        return Ok(ask(&visitor, &code, &owner, Some(PasswordProblem::FormExpired)));
    }
    match state.drive().verify_share(&visit, field(&fields, "password")).await {
        Ok(ticket) => {
            let home = home(&code);
            let response = visitor.see_other(&home);
            Ok(visitor.keep(response, TICKET, &ticket.text, &home, ticket.expires_in))
        }
        Err(Error::WrongPassword) => Ok(ask(&visitor, &code, &owner, Some(PasswordProblem::Wrong))),
        Err(Error::TooMany { retry_after }) => {
            let wait_minutes = minutes(retry_after);
            Ok(ask(
                &visitor,
                &code,
                &owner,
                Some(PasswordProblem::Throttled { wait_minutes }),
            ))
        }
        Err(e) => refused(&visitor, e),
    }
}

/// `GET /s/{code}/download`
pub async fn download(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(code): Path<String>,
    query: Params,
) -> Result<Response, Failure> {
    let file = match query.opt_text("file")? {
        None | Some("") => None,
        Some(text) => Some(NodeId(params::id("file", text)?)),
    };
    match state.drive().share_download(&visit(&visitor, &code), file, true).await {
        Ok(link) => Ok(visitor.see_other(&format!("{}{}", state.download_url(), link.path))),
        Err(Error::TicketRequired) => Ok(visitor.see_other(&home(&code))),
        Err(e) => refused(&visitor, e),
    }
}

/// `GET /s/{code}/archive`
pub async fn archive(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(code): Path<String>,
    query: Params,
) -> Result<Response, Failure> {
    let what = Selection {
        files: Vec::new(),
        folders: query.ids("folder")?,
    };
    match state.drive().share_archive(&visit(&visitor, &code), what, None).await {
        Ok(link) => Ok(visitor.see_other(&format!("{}{}", state.download_url(), link.path))),
        Err(Error::TicketRequired) => Ok(visitor.see_other(&home(&code))),
        Err(e) => refused(&visitor, e),
    }
}

fn ask(visitor: &Visitor, code: &str, owner: &str, problem: Option<PasswordProblem>) -> Response {
    let csrf = visitor.anonymous_csrf();
    let home = home(code);
    let page = html::share::password(&visitor.anonymous_frame(&home, &csrf), &home, owner, problem);
    let status = match problem {
        None => StatusCode::OK,
        Some(PasswordProblem::Throttled { .. }) => StatusCode::TOO_MANY_REQUESTS,
        Some(_) => StatusCode::FORBIDDEN,
    };
    visitor.page(status, page, &[])
}

fn file(state: &AppState, visitor: &Visitor, code: &str, look: &Look, details: &Details) -> Response {
    let csrf = visitor.csrf();
    let frame = visitor.frame(&visitor.path_and_query, &csrf);
    let Some(file) = details.items.iter().find(|item| item.kind == Kind::File) else {
        return refuse(visitor, Closed::NotFound);
    };
    let link = state.drive().preview_link(details, file);
    let link = link.map(|path| format!("{}{path}", state.download_url()));
    let view = ShareView {
        name: &file.name,
        size: u64::try_from(file.size).unwrap_or(0),
        owner: &look.owner,
        download: &format!("{}/download", home(code)),
        preview: link.as_deref().zip(preview(&file.mime)),
    };
    let page = html::share::share(&frame, &view);
    let mut response = visitor.page(StatusCode::OK, page, &[]);
    // What is shown in place comes from where links point, which may be another origin.
    let source = url::Url::parse(state.download_url()).map(|u| u.origin().ascii_serialization());
    let source = source.unwrap_or_else(|_| "'self'".into());
    let policy = format!(
        "{}; media-src {source}; frame-src {source}",
        html::content_security_policy(&[]).replace("img-src 'self'", &format!("img-src 'self' {source}"))
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// How a content may be looked at in place, if it may.
fn preview(mime: &str) -> Option<Preview> {
    if !safe::kind(mime).inline {
        return None;
    }
    let essence = mime.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match essence.split('/').next()? {
        "image" => Some(Preview::Image),
        "video" => Some(Preview::Video),
        "audio" => Some(Preview::Audio),
        "text" => Some(Preview::Text),
        // Browsers show these in a window of their own only.
        _ => Some(Preview::Link),
    }
}

/// The folder that is looked at: the one that is shared, or one below it. Several things are shown side by side.
fn wanted(details: &Details, query: &Params) -> Result<NodeId, Failure> {
    match query.opt_text("folder")? {
        None | Some("") => Ok(match (details.shows, details.items.first()) {
            (Shows::Folder, Some(item)) => item.id,
            _ => NodeId(0),
        }),
        Some(text) => Ok(NodeId(params::id("folder", text)?)),
    }
}

async fn folder(
    state: &AppState,
    visitor: &Visitor,
    visit: &Visit,
    look: &Look,
    details: &Details,
    query: &Params,
) -> Result<Response, Failure> {
    let id = wanted(details, query)?;
    let page = match query.opt_text("cursor")?.filter(|text| !text.is_empty()) {
        Some(cursor) => Page::Cursor(cursor.to_owned()),
        None => Page::Number(1),
    };
    let listed = match state.drive().list_share(visit, FolderRef::Id(id), page, ROWS).await {
        Ok(listed) => listed,
        Err(e) => return refused(visitor, e),
    };
    let home = home(&look.code);
    let hrefs: Vec<String> = listed
        .items
        .iter()
        .map(|item| match item.kind {
            Kind::Folder => format!("{home}?folder={}", item.id),
            Kind::File => format!("{home}/download?file={}", item.id),
        })
        .collect();
    let rows: Vec<Row<'_>> = listed
        .items
        .iter()
        .zip(&hrefs)
        .map(|(item, href)| Row {
            name: &item.name,
            href,
            size: (item.kind == Kind::File).then(|| u64::try_from(item.size).unwrap_or(0)),
        })
        .collect();
    let next = listed
        .next_cursor
        .as_ref()
        .map(|cursor| format!("{home}?folder={id}&cursor={}", encoded(cursor.as_bytes())));
    let all = match id.0 {
        0 => format!("{home}/archive"),
        id => format!("{home}/archive?folder={id}"),
    };
    let is_top = id.0 == 0 || (details.shows == Shows::Folder && details.items.iter().any(|item| item.id == id));
    let here = listed.folder.as_ref();
    let view = FolderView {
        name: here.map_or(details.name.as_str(), |folder| folder.name.as_str()),
        owner: &look.owner,
        rows: &rows,
        counts: here.map(|folder| (folder.folder_count, folder.file_count)),
        up: (!is_top).then_some(home.as_str()),
        next: next.as_deref(),
        all: Some(&all),
    };
    let csrf = visitor.csrf();
    let frame = visitor.frame(&visitor.path_and_query, &csrf);
    Ok(visitor.page(StatusCode::OK, html::share::folder(&frame, &view), &[]))
}

/// What one file of the page's form may have: what the folder takes, and what one request carries.
fn most(details: &Details) -> u64 {
    let own = u64::try_from(details.max_file_size).unwrap_or(0);
    if own == 0 {
        CONTENT_BYTES
    } else {
        own.min(CONTENT_BYTES)
    }
}

fn drop_box(visitor: &Visitor, code: &str, owner: &str, details: &Details, note: Option<DropNote>) -> Response {
    let csrf = visitor.anonymous_csrf();
    let home = home(code);
    let frame = visitor.anonymous_frame(&home, &csrf);
    let view = DropView {
        name: &details.name,
        owner,
        action: &format!("{home}/drop"),
        most: most(details),
        note,
    };
    let status = match note {
        None | Some(DropNote::Thanks) => StatusCode::OK,
        Some(DropNote::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
        Some(DropNote::Full) => StatusCode::INSUFFICIENT_STORAGE,
        Some(DropNote::FormExpired) => StatusCode::FORBIDDEN,
        Some(DropNote::None | DropNote::BadName) => StatusCode::BAD_REQUEST,
    };
    visitor.page(status, html::share::drop_box(&frame, &view), &[])
}

/// `POST /s/{code}/drop`: a file from the page's form.
pub async fn receive(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(code): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let visit = visit(&visitor, &code);
    let look = match state.drive().look_at_share(&visit).await {
        Ok(look) => look,
        Err(e) => return refused(&visitor, e),
    };
    let Some(details) = look.details else {
        return Ok(visitor.see_other(&home(&code)));
    };
    if details.shows != Shows::Drop {
        return Err(Error::NotDrop.into());
    }
    let note = match form::take(&state, &visitor, &visit, most(&details), request).await {
        Ok(note) => note,
        Err(Failure::Drive(Error::ShareClosed(closed))) => return Ok(refuse(&visitor, closed)),
        Err(e) => return Err(e),
    };
    Ok(drop_box(&visitor, &code, &look.owner, &details, Some(note)))
}

mod form {
    //! The form of a drop box: its token, then one file, taken as it comes.

    use axum::extract::Request;
    use http::header::CONTENT_TYPE;
    use pantry_core::{Drive, Error, shares::Visit};
    use pantry_types::Name;

    use crate::{envelope::Failure, html::share::DropNote, state::AppState, visitor::Visitor};

    /// Bytes of a form token and more.
    const TOKEN_BYTES: usize = 256;

    fn broken(e: &multer::Error) -> Failure {
        Failure::Drive(Error::BodyBroken(e.to_string()))
    }

    pub async fn take(
        state: &AppState,
        visitor: &Visitor,
        visit: &Visit,
        most: u64,
        request: Request,
    ) -> Result<DropNote, Failure> {
        let kind = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("");
        let Ok(boundary) = multer::parse_boundary(kind) else {
            return Err(Failure::MediaType(kind.to_owned()));
        };
        let mut form = multer::Multipart::new(request.into_body().into_data_stream(), boundary);
        let mut trusted = false;
        while let Some(mut field) = form.next_field().await.map_err(|e| broken(&e))? {
            if field.name() == Some("csrf") {
                let mut token = Vec::new();
                while let Some(chunk) = field.chunk().await.map_err(|e| broken(&e))? {
                    token.extend_from_slice(&chunk);
                    if token.len() > TOKEN_BYTES {
                        return Ok(DropNote::FormExpired);
                    }
                }
                let token = String::from_utf8_lossy(&token);
                trusted = Drive::is_form_token(&visitor.anonymous_csrf(), &token);
                continue;
            }
            if field.name() != Some("file") {
                continue;
            }
            if !trusted {
                return Ok(DropNote::FormExpired);
            }
            // Browsers of old send the whole local path.
            let sent = field.file_name().unwrap_or("");
            let sent = sent.rsplit(['/', '\\']).next().unwrap_or("").to_owned();
            if sent.is_empty() {
                return Ok(DropNote::None);
            }
            let Ok(name) = Name::parse(&sent) else {
                return Ok(DropNote::BadName);
            };
            let Some(_memory) = state.form_memory(most) else {
                return Err(Error::Busy.into());
            };
            let mime = field.content_type().map(ToString::to_string);
            let mut receiver = state.drive().drop_content(visit, name, mime, most).await?;
            while let Some(chunk) = field.chunk().await.map_err(|e| broken(&e))? {
                state.metrics().bytes_in.inc_by(chunk.len() as u64);
                match receiver.write(&chunk).await {
                    Err(Error::TooLarge { .. }) => return Ok(DropNote::TooLarge),
                    written => written?,
                }
            }
            return match receiver.finish().await {
                Ok(_) => Ok(DropNote::Thanks),
                Err(Error::Quota { .. } | Error::TooMany { .. }) => Ok(DropNote::Full),
                Err(Error::TooLarge { .. }) => Ok(DropNote::TooLarge),
                Err(e) => Err(e.into()),
            };
        }
        Ok(DropNote::None)
    }
}

fn refuse(visitor: &Visitor, closed: Closed) -> Response {
    let csrf = visitor.csrf();
    let frame = visitor.frame(&visitor.path_and_query, &csrf);
    let closed = match closed {
        Closed::NotFound => ClosedView::NotFound,
        Closed::Cancelled => ClosedView::Cancelled,
        Closed::Expired => ClosedView::Expired,
        Closed::UsedUp => ClosedView::UsedUp,
        Closed::Trashed => ClosedView::Trashed,
    };
    visitor.page(StatusCode::NOT_FOUND, html::share::closed(&frame, closed), &[])
}
