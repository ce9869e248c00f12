//! `/web/v1/apps/{id}/webhook…`: a developer's webhook; and `/web/v1/admin/apps/{id}/webhook…`, an administrator's view of
//! it, without secrets.

use axum::extract::Path;
use pantry_api::web;
use pantry_core::{Error, auth::console::DeliveryState};

use super::{Administrator, Fault, Json, Paged, Reply, Signed, show};
use crate::envelope::Answer;

/// The webhook of one's own app.
pub async fn show(signed: Signed, Path(id): Path<String>) -> Reply<web::WebhookState> {
    let webhook = signed.drive().webhook(&signed.session, &id).await?;
    Ok(Answer(web::WebhookState {
        webhook: webhook.map(show::webhook),
    }))
}

/// Sets its address.
pub async fn set(
    signed: Signed,
    Path(id): Path<String>,
    Json(new): Json<web::SetWebhook>,
) -> Reply<web::WebhookWithSecret> {
    let drive = signed.drive();
    let set = drive
        .set_webhook(&signed.session, &id, &new.url, &signed.origin)
        .await?;
    Ok(Answer(show::webhook_set(set)))
}

/// Removes it.
pub async fn remove(signed: Signed, Path(id): Path<String>) -> Reply<web::Done> {
    let drive = signed.drive();
    drive.remove_webhook(&signed.session, &id, &signed.origin).await?;
    Ok(Answer(web::Done {}))
}

/// Another secret.
pub async fn rotate(
    signed: Signed,
    Path(id): Path<String>,
    Json(how): Json<web::Rotate>,
) -> Reply<web::WebhookWithSecret> {
    let (drive, keep) = (signed.drive(), how.keep_old_seconds);
    let set = drive
        .rotate_webhook_secret(&signed.session, &id, keep, &signed.origin)
        .await?;
    Ok(Answer(show::webhook_set(set)))
}

/// Ends the secret before the present one.
pub async fn end_old_secret(signed: Signed, Path(id): Path<String>) -> Reply<web::WebhookState> {
    let drive = signed.drive();
    let hook = drive
        .end_old_webhook_secret(&signed.session, &id, &signed.origin)
        .await?;
    Ok(Answer(web::WebhookState {
        webhook: Some(show::webhook(hook)),
    }))
}

/// Has a test sent.
pub async fn test(signed: Signed, Path(id): Path<String>) -> Reply<web::Delivery> {
    let delivery = signed.drive().test_webhook(&signed.session, &id).await?;
    Ok(Answer(show::delivery(delivery)))
}

fn wanted(paged: &Paged) -> Result<Option<DeliveryState>, Fault> {
    match paged.text("state").as_deref() {
        None => Ok(None),
        Some("waiting") => Ok(Some(DeliveryState::Waiting)),
        Some("sending") => Ok(Some(DeliveryState::Sending)),
        Some("delivered") => Ok(Some(DeliveryState::Delivered)),
        Some("dead") => Ok(Some(DeliveryState::Dead)),
        Some(_) => Err(Error::invalid("state", "must be waiting, sending, delivered or dead").into()),
    }
}

/// What was sent and what was not, the latest first.
pub async fn deliveries(signed: Signed, Path(id): Path<String>, paged: Paged) -> Reply<web::Page<web::Delivery>> {
    let (drive, state) = (signed.drive(), wanted(&paged)?);
    let page = drive
        .webhook_deliveries(&signed.session, &id, state, &paged.paging)
        .await?;
    Ok(Answer(show::page(page, show::delivery)))
}

/// Sends one again.
pub async fn redeliver(signed: Signed, Path((id, delivery)): Path<(String, String)>) -> Reply<web::Delivery> {
    let number = number(&delivery)?;
    let delivery = signed.drive().redeliver(&signed.session, &id, number).await?;
    Ok(Answer(show::delivery(delivery)))
}

/// Removes one from the list.
pub async fn discard(signed: Signed, Path((id, delivery)): Path<(String, String)>) -> Reply<web::Done> {
    let number = number(&delivery)?;
    signed.drive().discard_delivery(&signed.session, &id, number).await?;
    Ok(Answer(web::Done {}))
}

fn number(text: &str) -> Result<i64, Fault> {
    text.parse().map_err(|_| Error::NotFound("delivery").into())
}

/// The webhook of any app.
pub async fn show_any(admin: Administrator, Path(id): Path<String>) -> Reply<web::WebhookState> {
    let webhook = admin.drive().any_webhook(&admin.admin, &id).await?;
    Ok(Answer(web::WebhookState {
        webhook: webhook.map(show::webhook),
    }))
}

/// Removes it.
pub async fn remove_any(admin: Administrator, Path(id): Path<String>) -> Reply<web::Done> {
    admin.drive().remove_any_webhook(&admin.admin, &id).await?;
    Ok(Answer(web::Done {}))
}

/// What was sent of it and what was not.
pub async fn deliveries_of_any(
    admin: Administrator,
    Path(id): Path<String>,
    paged: Paged,
) -> Reply<web::Page<web::Delivery>> {
    let (drive, state) = (admin.drive(), wanted(&paged)?);
    let page = drive
        .any_webhook_deliveries(&admin.admin, &id, state, &paged.paging)
        .await?;
    Ok(Answer(show::page(page, show::delivery)))
}
