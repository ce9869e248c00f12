//! From the drive's words to the wire's. Must not ask the drive anything.

use pantry_api::web;
use pantry_core::{
    Error,
    auth::console::{
        AppInfo, AuditLine, Delivery, DeliveryState, GrantInfo, HookInfo, HookSet, Page, RequestState, ScopeRequest,
        SessionInfo, TakenBack, UserRecord,
    },
};
use pantry_types::{Scope, Scopes};

use super::Fault;

/// A page of entries.
pub fn page<T, U>(page: Page<T>, entry: impl FnMut(T) -> U) -> web::Page<U> {
    web::Page {
        items: page.items.into_iter().map(entry).collect(),
        next_cursor: page.next,
    }
}

/// Scopes, one text each.
pub fn scopes(scopes: Scopes) -> Vec<String> {
    scopes.iter().map(|s| s.as_str().to_owned()).collect()
}

/// Scopes as they were sent.
pub fn read_scopes(names: &[String]) -> Result<Scopes, Fault> {
    let parsed = names.iter().map(|name| Scope::parse(name));
    parsed
        .collect::<Result<Scopes, _>>()
        .map_err(|e| Error::invalid("scopes", e.to_string()).into())
}

/// The part of a request that is granted: an empty one would be a refusal, which has a word of its own.
pub fn granted(names: &[String]) -> Result<Scopes, Fault> {
    let scopes = read_scopes(names)?;
    if scopes.is_empty() {
        return Err(Error::invalid("scopes", "names no scope; leave it out to grant all, or refuse").into());
    }
    Ok(scopes)
}

fn icon_url(client_id: &str, tag: &str) -> Option<String> {
    (!tag.is_empty()).then(|| format!("/web/v1/icons/{client_id}/{tag}"))
}

/// The path of a picture that was just set.
pub fn icon_set(client_id: &str, tag: &str) -> web::IconSet {
    web::IconSet {
        icon_url: icon_url(client_id, tag),
    }
}

/// An app.
pub fn app(info: AppInfo) -> web::App {
    let r = info.record;
    let mut secrets = Vec::new();
    if !r.app.public {
        secrets.push(web::SecretEntry {
            created_at: r.secret_at,
            ends_at: None,
        });
        if info.old_secret_until > 0 {
            secrets.push(web::SecretEntry {
                created_at: r.old_secret_at,
                ends_at: Some(info.old_secret_until),
            });
        }
    }
    web::App {
        icon_url: icon_url(&r.app.client_id, &r.icon),
        client_id: r.app.client_id,
        name: r.app.name,
        owner: r.owner_name,
        owner_uid: r.app.owner.0,
        description: r.description,
        home_page: r.home_page,
        redirect_uris: r.app.redirect_uris,
        public: r.app.public,
        weipan: r.app.weipan,
        scopes: scopes(info.may_ask),
        secrets,
        users: info.users,
        suspended_at: r.suspended_at,
        suspended_reason: r.suspended_why,
        created_at: r.app.created_at,
    }
}

/// A webhook.
pub fn webhook(info: HookInfo) -> web::Webhook {
    let hook = info.hook;
    let mut secrets = vec![web::SecretEntry {
        created_at: hook.secret_at,
        ends_at: None,
    }];
    if info.old_secret_until > 0 {
        secrets.push(web::SecretEntry {
            created_at: hook.old_secret_at,
            ends_at: Some(info.old_secret_until),
        });
    }
    web::Webhook {
        url: hook.url,
        on: hook.is_on,
        since: hook.state_at,
        secrets,
        open: info.open,
        dead: info.dead,
        created_at: hook.created_at,
    }
}

/// A webhook that was set.
pub fn webhook_set(set: HookSet) -> web::WebhookWithSecret {
    web::WebhookWithSecret {
        webhook: webhook(set.hook),
        secret: set.secret.map(|s| s.into_exposed()),
    }
}

/// A delivery of a webhook.
pub fn delivery(d: Delivery) -> web::Delivery {
    web::Delivery {
        id: d.id,
        delivery: d.message,
        test: d.is_test,
        users: d.people,
        state: match d.state {
            DeliveryState::Waiting => web::DeliveryState::Waiting,
            DeliveryState::Sending => web::DeliveryState::Sending,
            DeliveryState::Delivered => web::DeliveryState::Delivered,
            DeliveryState::Dead => web::DeliveryState::Dead,
        },
        attempts: d.attempts,
        next_at: if d.state == DeliveryState::Waiting {
            d.next_at
        } else {
            0
        },
        status: d.status,
        error: d.error,
        sent_at: d.sent_at,
        created_at: d.created_at,
    }
}

/// A request for scopes.
pub fn request(r: ScopeRequest) -> web::ScopeRequest {
    web::ScopeRequest {
        id: r.id,
        client_id: r.client_id,
        app_name: r.app_name,
        owner: r.owner_name,
        scopes: scopes(r.scopes),
        reason: r.reason,
        state: match r.state {
            RequestState::Open => web::RequestState::Open,
            RequestState::Granted => web::RequestState::Granted,
            RequestState::Refused => web::RequestState::Refused,
            RequestState::Withdrawn => web::RequestState::Withdrawn,
        },
        granted: scopes(r.granted),
        note: r.note,
        decided_at: r.decided_at,
        created_at: r.created_at,
    }
}

/// What an app was allowed.
pub fn grant(g: GrantInfo) -> web::GrantEntry {
    web::GrantEntry {
        id: g.id.0,
        icon_url: icon_url(&g.client_id, &g.icon),
        client_id: g.client_id,
        app_name: g.app_name,
        owner: g.owner_name,
        home_page: g.home_page,
        suspended: g.suspended,
        scopes: scopes(g.scopes),
        sandbox_path: g.sandbox,
        sandbox_bytes: g.size.bytes,
        sandbox_files: g.size.files,
        sandbox_complete: g.size.complete,
        created_at: g.created_at,
        last_used_at: g.last_used_at,
        last_address: g.last_address,
        expires_at: g.expires_at,
        weipan_at: g.weipan_at,
        shares: g.shares,
    }
}

/// What taking access back did.
pub fn taken_back(done: TakenBack) -> web::GrantsEnded {
    web::GrantsEnded {
        ended: done.grants,
        shares: done.shares,
    }
}

/// A session.
pub fn session(s: SessionInfo) -> web::SessionEntry {
    web::SessionEntry {
        id: s.id,
        current: s.current,
        auth_time: s.auth_time,
        seen_at: s.seen_at,
        expires_at: s.expires_at,
        address: s.address,
        agent: s.agent,
    }
}

/// An account.
pub fn user(u: UserRecord) -> web::User {
    web::User {
        uid: u.id.0,
        username: u.name,
        email: u.email,
        is_admin: u.is_admin,
        is_disabled: u.is_disabled,
        quota_bytes: u.quota,
        used_bytes: u.used,
        created_at: u.created_at,
    }
}

/// An entry of the audit log.
pub fn audit(line: AuditLine) -> web::AuditEntry {
    web::AuditEntry {
        id: line.id,
        at: line.entry.at,
        event: line.entry.event,
        uid: line.entry.user.0,
        username: line.user_name,
        client_id: line.entry.client_id,
        app_name: line.app_name,
        address: line.entry.address,
        detail: line.entry.detail,
        by_admin: line.actor.0 != 0,
        admin_name: line.actor_name,
    }
}
