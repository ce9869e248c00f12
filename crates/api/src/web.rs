//! `/web/v1/*`: the JSON of the web page's own API: console, administration, what one allowed apps.
//! Sizes in bytes, times in Unix seconds. Successes and failures stand in the same envelope as on v1.

use serde::{Deserialize, Serialize};

/// One page of something. The next one is asked for with `cursor`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

/// `GET /web/v1/session`: who is signed in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionState {
    /// Id.
    pub uid: i64,
    /// Login name.
    pub username: String,
    /// Name shown to others.
    pub nickname: String,
    /// Mail address.
    pub email: String,
    /// May administer this installation.
    pub is_admin: bool,
    /// When the password was shown last.
    pub auth_time: i64,
    /// Until when what needs a fresh password may be done without showing it again.
    pub fresh_until: i64,
    /// To be sent as `X-Pantry-CSRF` with every request that changes something.
    pub csrf: String,
}

/// `POST /web/v1/session/confirm`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Confirm {
    /// The password.
    pub password: String,
}

/// `POST /web/v1/password`.
#[derive(Clone, Serialize, Deserialize)]
pub struct NewPassword {
    /// The password as it is.
    pub old_password: String,
    /// The one that is to be.
    pub new_password: String,
}

/// One of `GET /web/v1/sessions`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionEntry {
    /// Names it; opens nothing.
    pub id: String,
    /// The one that asks.
    pub current: bool,
    /// When the password was shown there.
    pub auth_time: i64,
    /// Last visit, within an hour.
    pub seen_at: i64,
    /// When it ends without another visit.
    pub expires_at: i64,
    /// Address that it was made from.
    pub address: String,
    /// What the browser called itself.
    pub agent: String,
}

/// `GET /web/v1/sessions`: all of them, the latest visit first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sessions {
    /// The sessions.
    pub sessions: Vec<SessionEntry>,
}

/// How many things a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ended {
    /// That many.
    pub ended: u64,
}

/// Nothing to tell but that it was done: `{}`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Done {}

/// One of `GET /web/v1/grants`: what one app was allowed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GrantEntry {
    /// Id.
    pub id: i64,
    /// The app.
    pub client_id: String,
    /// Its name.
    pub app_name: String,
    /// Login name of its owner.
    pub owner: String,
    /// Address of its home page, empty without one.
    pub home_page: String,
    /// Path of its picture, `null` without one.
    pub icon_url: Option<String>,
    /// An administrator suspended the app: it gets nothing meanwhile.
    pub suspended: bool,
    /// What was consented to.
    pub scopes: Vec<String>,
    /// Full path of its folder, `null` while there is none.
    pub sandbox_path: Option<String>,
    /// Bytes of the files in it, old versions left out.
    pub sandbox_bytes: i64,
    /// Files in it.
    pub sandbox_files: i64,
    /// Whether all of it was counted: in a list at most 2,000 entries are, alone 100,000.
    pub sandbox_complete: bool,
    /// When it was first given.
    pub created_at: i64,
    /// Last use, within minutes.
    pub last_used_at: i64,
    /// Address of that use, empty before the first.
    pub last_address: String,
    /// When it ends by itself, 0 for never.
    pub expires_at: i64,
    /// When the person last signed in to the app by password, 0 for never: the app has the whole drive then.
    pub weipan_at: i64,
    /// Shares that it made and that serve; they stay when its access ends, unless they are ended with it.
    pub shares: i64,
}

/// `DELETE /web/v1/grants/{id}`, `POST /web/v1/grants/revoke-all`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GrantsEnded {
    /// Grants that ended.
    pub ended: u64,
    /// Shares that were cancelled with them.
    pub shares: u64,
}

/// `POST /web/v1/apps`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NewApp {
    /// Name: a legal name of a folder, at most 64 characters.
    pub name: String,
    /// What it is for, at most 1,000 characters.
    pub description: String,
    /// Address of its home page, empty for none.
    pub home_page: String,
    /// Addresses to return to after consent, at most 20.
    pub redirect_uris: Vec<String>,
    /// Cannot keep a secret.
    pub public: bool,
}

/// `PATCH /web/v1/apps/{client_id}`: what is left out stays.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AppChange {
    /// Name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Address of its home page, empty for none.
    pub home_page: Option<String>,
    /// Addresses to return to after consent.
    pub redirect_uris: Option<Vec<String>>,
    /// Cannot keep a secret.
    pub public: Option<bool>,
}

/// One secret of an app; the secret itself is told only when it is made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SecretEntry {
    /// When it was made.
    pub created_at: i64,
    /// From when on it is dead; `null` for the present one.
    pub ends_at: Option<i64>,
}

/// An app, as its owner and administrators see it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct App {
    /// Ten digits.
    pub client_id: String,
    /// Name.
    pub name: String,
    /// Login name of its owner.
    pub owner: String,
    /// Id of its owner.
    pub owner_uid: i64,
    /// What it is for.
    pub description: String,
    /// Address of its home page, empty without one.
    pub home_page: String,
    /// Path of its picture, `null` without one.
    pub icon_url: Option<String>,
    /// Addresses to return to after consent.
    pub redirect_uris: Vec<String>,
    /// Cannot keep a secret.
    pub public: bool,
    /// May use the weipan API.
    pub weipan: bool,
    /// What it may ask people for.
    pub scopes: Vec<String>,
    /// Its secrets that are right now: the present one, and the one before while that is.
    pub secrets: Vec<SecretEntry>,
    /// People who use it, counted to 10,000.
    pub users: i64,
    /// When it was suspended, 0 while it may act.
    pub suspended_at: i64,
    /// What the administrator said then.
    pub suspended_reason: String,
    /// When it was registered.
    pub created_at: i64,
}

/// `POST /web/v1/apps`, `PATCH /web/v1/apps/{client_id}`, `POST /web/v1/apps/{client_id}/secret`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppWithSecret {
    /// The app as it is now.
    pub app: App,
    /// Its new secret, told this once; `null` if it got none.
    pub client_secret: Option<String>,
}

/// `POST /web/v1/apps/{client_id}/secret`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rotate {
    /// Seconds that the secret before is still right, 0 to 2,592,000.
    pub keep_old_seconds: i64,
}

/// `DELETE /web/v1/apps/{client_id}`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeleteApp {
    /// The app's name, typed again.
    pub name: String,
}

/// `PUT /web/v1/apps/{client_id}/icon`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IconSet {
    /// Path of the picture, `null` without one.
    pub icon_url: Option<String>,
}

/// Where an app is told of changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Webhook {
    /// Where to.
    pub url: String,
    /// Whether anything is sent; `false` after the address answered 410.
    pub on: bool,
    /// Since when that is so.
    pub since: i64,
    /// Its secrets that are right now: the present one, and the one before while that signs too.
    pub secrets: Vec<SecretEntry>,
    /// Deliveries that wait or are under way.
    pub open: i64,
    /// Deliveries that were given up.
    pub dead: i64,
    /// When it was first set.
    pub created_at: i64,
}

/// `GET /web/v1/apps/{client_id}/webhook`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WebhookState {
    /// The webhook, `null` if the app has none.
    pub webhook: Option<Webhook>,
}

/// `PUT /web/v1/apps/{client_id}/webhook`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SetWebhook {
    /// Where to, `https`.
    pub url: String,
}

/// `PUT /web/v1/apps/{client_id}/webhook`, `POST /web/v1/apps/{client_id}/webhook/secret`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookWithSecret {
    /// As it is now.
    pub webhook: Webhook,
    /// Its new secret, told this once; `null` if it got none.
    pub secret: Option<String>,
}

/// How far a delivery has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Not sent yet, or to be sent again.
    Waiting,
    /// Being sent.
    Sending,
    /// The address took it.
    Delivered,
    /// Given up.
    Dead,
}

/// A delivery of a webhook.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// Its number among the app's.
    pub id: i64,
    /// Its name in the body and in `webhook-id`.
    pub delivery: String,
    /// Asked for in the console; names nobody.
    pub test: bool,
    /// People that it named when it was made.
    pub users: i64,
    /// How far it has come.
    pub state: DeliveryState,
    /// Attempts since it was made, or last asked for.
    pub attempts: i64,
    /// When it is sent next, 0 if it does not wait.
    pub next_at: i64,
    /// HTTP status of the last answer, 0 without one.
    pub status: i64,
    /// Why the last attempt failed, empty if it did not.
    pub error: String,
    /// When the last attempt ended, 0 before.
    pub sent_at: i64,
    /// When it was made.
    pub created_at: i64,
}

/// `POST /web/v1/apps/{client_id}/scope-requests`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AskScopes {
    /// Scopes that need a review.
    pub scopes: Vec<String>,
    /// What the app needs them for, at most 2,000 characters.
    pub reason: String,
}

/// Where a request for scopes stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// Nobody has decided yet.
    Open,
    /// Granted in whole or in part.
    Granted,
    /// Refused.
    Refused,
    /// Taken back by the developer.
    Withdrawn,
}

/// A request for scopes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ScopeRequest {
    /// Id.
    pub id: i64,
    /// The app.
    pub client_id: String,
    /// Its name.
    pub app_name: String,
    /// Login name of its owner.
    pub owner: String,
    /// What was asked for.
    pub scopes: Vec<String>,
    /// Why.
    pub reason: String,
    /// Where it stands.
    pub state: RequestState,
    /// What was granted.
    pub granted: Vec<String>,
    /// What the administrator says to the developer.
    pub note: String,
    /// When it was decided, 0 before.
    pub decided_at: i64,
    /// When it was made.
    pub created_at: i64,
}

/// What an administrator decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Grant: all that was asked for, or the part that is named.
    Approve,
    /// Grant nothing.
    Refuse,
}

/// `POST /web/v1/admin/scope-requests/{id}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Review {
    /// The decision.
    pub decision: Verdict,
    /// The part that is granted; left out or `null`: all.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// For the developer, at most 2,000 characters.
    #[serde(default)]
    pub note: String,
}

/// `POST /web/v1/admin/apps/{client_id}/suspend`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Suspend {
    /// Why, for its owner; at most 500 characters.
    pub reason: String,
}

/// An account, as an administrator sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct User {
    /// Id.
    pub uid: i64,
    /// Login name.
    pub username: String,
    /// Mail address.
    pub email: String,
    /// May administer this installation.
    pub is_admin: bool,
    /// May not sign in, nor may any app in their name.
    pub is_disabled: bool,
    /// Bytes allowed.
    pub quota_bytes: i64,
    /// Bytes used.
    pub used_bytes: i64,
    /// When the account was made.
    pub created_at: i64,
}

/// `PATCH /web/v1/admin/users/{uid}`: what is left out stays.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UserChange {
    /// May not sign in.
    pub is_disabled: Option<bool>,
    /// Bytes allowed.
    pub quota_bytes: Option<i64>,
}

/// `POST /web/v1/admin/users/{uid}/password-link`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordLink {
    /// Where the person sets a new password, once. A secret, told this once.
    pub url: String,
    /// Until when it works.
    pub expires_at: i64,
}

/// One of `GET /web/v1/audit` and `GET /web/v1/admin/audit`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Id; later ones are greater.
    pub id: i64,
    /// When.
    pub at: i64,
    /// What happened, in snake case.
    pub event: String,
    /// Whose account, 0 for nobody's.
    pub uid: i64,
    /// Login name of that person.
    pub username: String,
    /// The app, empty for none.
    pub client_id: String,
    /// Its name, empty if it is gone.
    pub app_name: String,
    /// From which address, empty for the operator's own commands.
    pub address: String,
    /// More, for people.
    pub detail: String,
    /// An administrator did it, not the person.
    pub by_admin: bool,
    /// Login name of that administrator; told to administrators.
    pub admin_name: String,
}
