//! `/v1/user/*`: profile, space, and the switch for sharing. Sizes in bytes, times in Unix seconds.

use serde::{Deserialize, Serialize};

/// `GET /v1/user/info`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UserInfo {
    /// Id.
    pub uid: i64,
    /// Login name.
    pub username: String,
    /// Name shown to others.
    pub nickname: String,
    /// Mail address, masked: `j***@example.com`.
    pub email: String,
    /// Address of the picture, empty without one.
    pub avatar_url: String,
    /// Whether there is a plan that has not ended.
    pub is_vip: bool,
    /// Plan, 0 without one.
    pub vip_group: i64,
    /// End of the plan, 0 for never or no plan.
    pub vip_expire_ts: i64,
    /// Bytes allowed.
    pub storage_quota_bytes: i64,
    /// When the account was made.
    pub created_at_ts: i64,
    /// What the token is.
    pub oauth: OAuthInfo,
}

/// What the token of a request is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OAuthInfo {
    /// The app.
    pub client_id: String,
    /// Scopes of this token.
    pub scopes: Vec<String>,
}

/// `GET /v1/user/quota`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Quota {
    /// Bytes allowed.
    pub total_bytes: i64,
    /// Bytes used: contents, old versions, the bin. What running uploads reserved is left out.
    pub used_bytes: i64,
    /// Bytes that a new upload could take: what running uploads reserved is taken off.
    pub free_bytes: i64,
    /// Percent used, two digits after the point.
    pub used_pct: f64,
}

/// `POST /v1/user/share-enable`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShareEnabled {
    /// Whether shares may be made now.
    pub enabled: bool,
    /// The same as a sentence.
    pub note: String,
}
