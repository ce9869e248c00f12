//! `/web/v1/apps` and `/web/v1/icons`: a developer's own apps, and the pictures of all.

use axum::{
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
};
use pantry_api::web;
use pantry_core::auth::console::{AppDraft, AppEdit};

use super::{Fault, Json, Paged, Reply, Signed, show, signed::body};
use crate::{
    envelope::{Answer, Failure},
    state::AppState,
};

/// Largest body that is looked at as a picture; the rule itself is the drive's.
const ICON_LIMIT: usize = 1024 * 1024;

/// The person's own apps.
pub async fn list(signed: Signed, paged: Paged) -> Reply<web::Page<web::App>> {
    let page = signed.drive().own_apps(&signed.session, &paged.paging).await?;
    Ok(Answer(show::page(page, show::app)))
}

/// Registers one.
pub async fn create(signed: Signed, Json(new): Json<web::NewApp>) -> Reply<web::AppWithSecret> {
    let draft = AppDraft {
        name: new.name,
        description: new.description,
        home_page: new.home_page,
        redirect_uris: new.redirect_uris,
        public: new.public,
    };
    let added = signed
        .drive()
        .create_app(&signed.session, draft, &signed.origin)
        .await?;
    let app = signed.drive().own_app(&signed.session, &added.client_id).await?;
    Ok(Answer(web::AppWithSecret {
        app: show::app(app),
        client_secret: added.client_secret.map(|s| s.into_exposed()),
    }))
}

/// One of them.
pub async fn show(signed: Signed, Path(id): Path<String>) -> Reply<web::App> {
    let app = signed.drive().own_app(&signed.session, &id).await?;
    Ok(Answer(show::app(app)))
}

/// Changes one.
pub async fn change(
    signed: Signed,
    Path(id): Path<String>,
    Json(change): Json<web::AppChange>,
) -> Reply<web::AppWithSecret> {
    let edit = AppEdit {
        name: change.name,
        description: change.description,
        home_page: change.home_page,
        redirect_uris: change.redirect_uris,
        public: change.public,
    };
    let edited = signed
        .drive()
        .edit_app(&signed.session, &id, edit, &signed.origin)
        .await?;
    Ok(Answer(web::AppWithSecret {
        app: show::app(edited.app),
        client_secret: edited.client_secret.map(|s| s.into_exposed()),
    }))
}

/// Deletes one, whose name is typed again.
pub async fn delete(signed: Signed, Path(id): Path<String>, Json(typed): Json<web::DeleteApp>) -> Reply<web::Ended> {
    let drive = signed.drive();
    let ended = drive
        .delete_app(&signed.session, &id, &typed.name, &signed.origin)
        .await?;
    Ok(Answer(web::Ended {
        ended: ended.grants as u64,
    }))
}

/// Another secret.
pub async fn rotate(signed: Signed, Path(id): Path<String>, Json(how): Json<web::Rotate>) -> Reply<web::AppWithSecret> {
    let (drive, keep) = (signed.drive(), how.keep_old_seconds);
    let secret = drive.rotate_secret(&signed.session, &id, keep, &signed.origin).await?;
    let app = drive.own_app(&signed.session, &id).await?;
    Ok(Answer(web::AppWithSecret {
        app: show::app(app),
        client_secret: Some(secret.into_exposed()),
    }))
}

/// Ends the secret before the present one.
pub async fn end_old_secret(signed: Signed, Path(id): Path<String>) -> Reply<web::App> {
    signed
        .drive()
        .end_old_secret(&signed.session, &id, &signed.origin)
        .await?;
    let app = signed.drive().own_app(&signed.session, &id).await?;
    Ok(Answer(show::app(app)))
}

/// Sets the picture: the body is the file.
pub async fn set_icon(signed: Signed, Path(id): Path<String>, request: Request) -> Reply<web::IconSet> {
    let bytes = body(request, ICON_LIMIT).await?.to_vec();
    let drive = signed.drive();
    let tag = drive
        .set_app_icon(&signed.session, &id, Some(bytes), &signed.origin)
        .await?;
    Ok(Answer(show::icon_set(&id, &tag)))
}

/// Takes the picture away.
pub async fn remove_icon(signed: Signed, Path(id): Path<String>) -> Reply<web::IconSet> {
    let drive = signed.drive();
    let tag = drive.set_app_icon(&signed.session, &id, None, &signed.origin).await?;
    Ok(Answer(show::icon_set(&id, &tag)))
}

/// A picture, for whoever has its address: it stands on pages for people who are not signed in, too.
pub async fn icon(State(state): State<AppState>, Path((id, tag)): Path<(String, String)>) -> Result<Response, Fault> {
    let Some(icon) = state.drive().app_icon(&id, &tag).await? else {
        return Err(Failure::UnknownUrl.into());
    };
    // Told by its bytes when it was set, one of three; never what the sender called it.
    let kind = HeaderValue::from_str(&icon.mime).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = [
        (CONTENT_TYPE, kind),
        (
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ),
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'"),
        ),
        (
            http::HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ];
    Ok((headers, icon.content).into_response())
}
