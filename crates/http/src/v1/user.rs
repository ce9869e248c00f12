//! `/v1/user/*`: profile, space, and the switch for sharing.

use axum::extract::State;
use pantry_api::{OAuthInfo, Quota, ShareEnabled, UserInfo};
use pantry_core::account::Space;

use super::bearer::{Scoped, ShareCreate, UserRead};
use crate::{
    envelope::{Answer, Reply},
    state::AppState,
};

/// `GET /v1/user/info`
pub async fn info(State(state): State<AppState>, scoped: Scoped<UserRead>) -> Reply<UserInfo> {
    let caller = &scoped.caller;
    let user = state.drive().account(&caller.actor()).await?;
    let now = state.drive().now();
    Ok(Answer(UserInfo {
        uid: user.id.0,
        username: user.name,
        nickname: user.nickname,
        email: masked(&user.email),
        avatar_url: user.avatar_url,
        is_vip: user.vip_group > 0 && (user.vip_expire == 0 || user.vip_expire > now),
        vip_group: user.vip_group,
        vip_expire_ts: user.vip_expire,
        storage_quota_bytes: user.quota,
        created_at_ts: user.created_at,
        oauth: OAuthInfo {
            client_id: caller.0.client_id.clone(),
            scopes: caller.0.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        },
    }))
}

/// `GET /v1/user/quota`
pub async fn quota(State(state): State<AppState>, scoped: Scoped<UserRead>) -> Reply<Quota> {
    let user = state.drive().account(&scoped.caller.actor()).await?;
    let space = Space::of(&user);
    Ok(Answer(Quota {
        total_bytes: space.total,
        used_bytes: space.used,
        free_bytes: space.free,
        used_pct: space.percent(),
    }))
}

/// `POST /v1/user/share-enable`
pub async fn share_enable(State(state): State<AppState>, scoped: Scoped<ShareCreate>) -> Reply<ShareEnabled> {
    state.drive().enable_share(&scoped.caller.actor()).await?;
    Ok(Answer(ShareEnabled {
        enabled: true,
        note: "Sharing is switched on for this app.".to_owned(),
    }))
}

/// A mail address that its owner knows again, and nobody else can write to: `j***@example.com`.
fn masked(email: &str) -> String {
    match email.rsplit_once('@') {
        Some((local, domain)) => {
            let first: String = local.chars().take(1).collect();
            format!("{first}***@{domain}")
        }
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    //! Masks.
    use super::*;

    #[test]
    fn a_masked_address_shows_one_character_and_the_domain() {
        assert_eq!(masked("jam@example.com"), "j***@example.com");
        assert_eq!(masked("照@example.com"), "照***@example.com");
        assert_eq!(masked(""), "");
    }
}
