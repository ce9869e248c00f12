//! The device grant (RFC 8628): a device asks, a person answers elsewhere, the device fetches.
//! Must not approve anything by itself.

use std::sync::Mutex;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use pantry_db::{
    Outcome, Tx, apps, audit, devices,
    devices::{Device, DeviceState},
    dialect, oidc as sign_ins, throttle as rows,
};
use pantry_types::{GrantId, Scope, Scopes, SecretText, UserId, random};
use quick_cache::unsync::Cache;

use super::{
    App, OAuthCode, OAuthError, Origin, SessionActor, TokenAnswer,
    apps::asked,
    authorize::{consented, pkce},
    exchange::verifies,
    grant::{self, Given, Lives, Mint, Pair, entry},
    hash, lock,
    oidc::SignedInAs,
    term::{self, Consent, told},
    throttle::{Limit, count},
};
use crate::{Drive, Error, keys::Keys};

/// No vowels, and nothing that looks like another: no 0 O 1 I L 2 Z 5 S 6 G 8 B at once, no U V.
/// Of each such group at most one is here.
const ALPHABET: &str = "3478CDFHJKMNPQRTWXY9";
const USER_CODE: usize = 7;
/// Bytes of a device code; 48 characters.
const DEVICE_CODE: usize = 36;
/// How many codes to type are drawn before giving up.
const DRAWS: usize = 8;
/// Seconds over which wrong codes are counted.
const WINDOW: i64 = 600;
/// How many times more wrong codes an address takes than a person.
const PER_ADDRESS: i64 = 4;
/// How many times more devices of all apps may wait at an address than of one.
const ALL_APPS: i64 = 5;
/// Questions that a device may ask at once before it must keep to the interval.
const BUCKET: i64 = 3;
/// Devices whose questions are counted.
const COUNTED: usize = 16_384;

/// Where a device asks: the answers differ (the document's list has no `slow_down`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceAddress {
    /// `/oauth/device-token`.
    Document,
    /// `/oauth/token` (RFC 8628, section 3.4).
    Standard,
}

/// What a device asks for.
#[derive(Debug, Clone, Default)]
pub struct DeviceRequest {
    /// Scopes with spaces between them.
    pub scope: Option<String>,
    /// PKCE.
    pub code_challenge: Option<String>,
    /// PKCE: `S256`.
    pub code_challenge_method: Option<String>,
}

/// What a device is answered (RFC 8628, section 3.2).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeviceAnswer {
    /// What it fetches its tokens by.
    pub device_code: SecretText,
    /// What the person types, such as `8KXH-Y8R`.
    pub user_code: String,
    /// Seconds that both live.
    pub expires_in: i64,
    /// Seconds between two questions.
    pub interval: i64,
}

/// A device's request, as a person is asked about it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeviceAsk {
    /// Who asks.
    pub app: App,
    /// Login name of the app's owner.
    pub owner: String,
    /// What is asked for.
    pub scopes: Scopes,
    /// The code as the device shows it.
    pub user_code: String,
    /// Address of the device.
    pub address: String,
    /// What it calls itself.
    pub agent: String,
    /// When it asked, Unix seconds.
    pub asked_at: i64,
    hash: Vec<u8>,
}

impl DeviceAsk {
    /// What a form must bring back unchanged: one request of one device.
    pub fn fingerprint(&self) -> String {
        format!("{} {}", hex::encode(&self.hash), self.scopes)
    }
}

/// Why a code that was typed leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum DeviceProblem {
    /// It cannot be a code.
    #[error("a code has seven letters and digits, such as 8KXH-Y8R")]
    Malformed,
    /// No device waits with it.
    #[error("no device waits with this code")]
    Unknown,
    /// It was answered already.
    #[error("this code was answered already")]
    Taken,
    /// Too many wrong codes, or the drive could not serve it.
    #[error(transparent)]
    Drive(#[from] Error),
}

impl From<pantry_db::DbError> for DeviceProblem {
    fn from(e: pantry_db::DbError) -> Self {
        DeviceProblem::Drive(e.into())
    }
}

/// Counts devices' questions: a bucket for each, refilled by one each interval.
pub(super) struct Polls(Mutex<Cache<[u8; 32], (i64, i64)>>);

impl Polls {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Cache::new(COUNTED)))
    }

    /// Whether a device may ask now. In thousandths of a question.
    fn may_ask(&self, key: [u8; 32], now_ms: i64, interval: i64) -> bool {
        let mut polls = lock(&self.0);
        let (left, at) = polls.get(&key).copied().unwrap_or((BUCKET * 1000, now_ms));
        let refilled = (now_ms - at).max(0) / interval.max(1);
        let left = (left + refilled).min(BUCKET * 1000);
        let may = left >= 1000;
        polls.insert(key, (if may { left - 1000 } else { left }, now_ms));
        may
    }
}

/// The code without dash, space and case; `None` if it cannot be one.
fn normal(text: &str) -> Option<String> {
    let code: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| c.to_ascii_uppercase())
        .take(USER_CODE + 1)
        .collect();
    (code.chars().count() == USER_CODE && code.chars().all(|c| ALPHABET.contains(c))).then_some(code)
}

/// The code as it is shown.
fn shown_code(code: &str) -> String {
    format!("{}-{}", &code[..4], &code[4..])
}

/// A code to type is short, so its row holds a hash under a key of the server's.
fn user_code_hash(keys: &Keys, code: &str) -> Vec<u8> {
    let key = keys.derive("pantry 2026 user codes");
    blake3::keyed_hash(&key, code.as_bytes()).as_bytes().to_vec()
}

fn is_device_code(text: &str) -> bool {
    text.len() == DEVICE_CODE / 3 * 4
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

struct Start {
    device: Device,
    /// Of codes to type, one of which is free.
    hashes: Vec<Vec<u8>>,
    /// Devices of one app and address that may wait; 0 is no limit.
    max: i64,
}

async fn start_tx(tx: &mut Tx<'_>, a: &Start) -> Outcome<usize, Error> {
    start_rows(tx, a).await.into()
}

async fn start_rows(tx: &mut Tx<'_>, Start { device, hashes, max }: &Start) -> Result<usize, Error> {
    // Two that ask at once may both be the last: the limit keeps rows few, not exact.
    if *max > 0 {
        let now = device.created_at;
        let w = devices::waiting(tx, &device.network, &device.client_id, now).await?;
        if w.of_app >= *max || w.all >= max.saturating_mul(ALL_APPS) {
            return Err(Error::TooMany {
                retry_after: (w.first_ends - now).max(1),
            });
        }
    }
    for (i, hash) in hashes.iter().enumerate() {
        let mut device = device.clone();
        device.user_code_hash.clone_from(hash);
        if devices::insert(tx, &device).await? {
            return Ok(i);
        }
    }
    Err(Error::Busy)
}

struct Poll {
    hash: [u8; 32],
    client_id: String,
    verifier: Option<String>,
    at: DeviceAddress,
    pair: Pair,
    now: i64,
    lives: Lives,
}

fn refused(code: OAuthCode, why: &'static str) -> OAuthError {
    OAuthError::refused(code, why)
}

const PENDING: &str = "the person has not answered yet; ask again after the interval";
const DEAD: &str = "the device code has expired or was used; ask for a new one";

/// What a code that leads nowhere is answered.
fn gone(at: DeviceAddress) -> OAuthError {
    match at {
        DeviceAddress::Document => refused(OAuthCode::ExpiredToken, DEAD),
        DeviceAddress::Standard => refused(OAuthCode::InvalidGrant, DEAD),
    }
}

type Fetched = (TokenAnswer, SignedInAs);

async fn poll_tx(tx: &mut Tx<'_>, a: &Poll) -> Outcome<Result<Fetched, OAuthError>, OAuthError> {
    match poll_rows(tx, a).await {
        Ok(answer) => Outcome::Commit(Ok(answer)),
        // A wrong verifier burns the code.
        Err(e @ OAuthError::Refused { .. }) => Outcome::Commit(Err(e)),
        Err(e) => Outcome::Rollback(e),
    }
}

/// What a read can tell: most questions are asked too early and need no write.
async fn look(tx: &mut Tx<'_>, a: &(Vec<u8>, String, DeviceAddress, i64)) -> Result<(), OAuthError> {
    let (hash, client_id, at, now) = a;
    let device = devices::get(tx, hash).await?;
    ready(device.as_ref(), client_id, *at, *now)
}

/// Whether a device's tokens can be fetched.
fn ready(device: Option<&Device>, client_id: &str, at: DeviceAddress, now: i64) -> Result<(), OAuthError> {
    let Some(d) = device.filter(|d| d.client_id == client_id) else {
        return Err(gone(at));
    };
    match d.state {
        DeviceState::Used => Err(gone(at)),
        _ if now >= d.expires_at => Err(refused(OAuthCode::ExpiredToken, DEAD)),
        DeviceState::Denied => Err(refused(OAuthCode::AccessDenied, "the person refused")),
        DeviceState::Pending => Err(refused(OAuthCode::AuthorizationPending, PENDING)),
        DeviceState::Approved => Ok(()),
    }
}

async fn poll_rows(tx: &mut Tx<'_>, a: &Poll) -> Result<Fetched, OAuthError> {
    let device = devices::get(tx, &a.hash).await?;
    ready(device.as_ref(), &a.client_id, a.at, a.now)?;
    let Some(d) = device else { return Err(gone(a.at)) };
    if !devices::consume(tx, &a.hash).await? {
        return Err(gone(a.at));
    }
    if !verifies(&d.challenge, a.verifier.as_deref()) {
        return Err(refused(
            OAuthCode::InvalidGrant,
            "code_verifier does not answer the code_challenge; ask for a new code",
        ));
    }
    let given = Given {
        user: d.user,
        grant: d.grant,
        epoch: d.epoch,
    };
    if !grant::stands(tx, given, a.now).await? {
        return Err(gone(a.at));
    }
    let m = Mint {
        given,
        client_id: &d.client_id,
        scopes: d.scopes,
        refreshable: d.scopes,
        family: d.family,
        pair: dialect::next_id(tx).await?,
        now: a.now,
        lives: a.lives,
    };
    let answer = grant::mint(tx, &a.pair, &m).await?;
    let auth_time = sign_ins::device_auth_time(tx, &a.hash).await?;
    if d.scopes.contains(Scope::OpenId) {
        sign_ins::set_auth_time(tx, m.pair, auth_time).await?;
    }
    let who = SignedInAs {
        user: d.user,
        auth_time,
        nonce: String::new(),
        at: a.now,
    };
    Ok((answer, who))
}

struct LookUp {
    user_code_hash: Vec<u8>,
    limits: Vec<Limit>,
    now: i64,
}

/// Finds a code that waits. A wrong one stays counted, a right one does not.
async fn find_tx(tx: &mut Tx<'_>, a: &LookUp) -> Outcome<Result<(Device, App, String), DeviceProblem>, DeviceProblem> {
    match find_rows(tx, a).await {
        Ok(found) => Outcome::Commit(found),
        Err(e) => Outcome::Rollback(e),
    }
}

async fn find_rows(tx: &mut Tx<'_>, a: &LookUp) -> Result<Result<(Device, App, String), DeviceProblem>, DeviceProblem> {
    if let Err(e) = count(tx, &a.limits, a.now).await {
        return Ok(Err(e.into()));
    }
    let found = devices::by_user_code(tx, &a.user_code_hash)
        .await?
        .filter(|d| a.now < d.expires_at);
    let Some(device) = found else {
        return Ok(Err(DeviceProblem::Unknown));
    };
    let Some((app, owner)) = apps::with_owner(tx, &device.client_id).await? else {
        return Ok(Err(DeviceProblem::Unknown));
    };
    for limit in &a.limits {
        rows::take_back(tx, &limit.key).await?;
    }
    if device.state != DeviceState::Pending {
        return Ok(Err(DeviceProblem::Taken));
    }
    Ok(Ok((device, app, owner)))
}

struct Answer {
    hash: Vec<u8>,
    user: UserId,
    auth_time: i64,
    client_id: String,
    /// `None` refuses.
    scopes: Option<Scopes>,
    /// When consent ends, 0 for never.
    ends_at: i64,
    now: i64,
    origin: Origin,
}

async fn answer_tx(tx: &mut Tx<'_>, a: &Answer) -> Outcome<(), DeviceProblem> {
    answer_rows(tx, a).await.into()
}

async fn answer_rows(tx: &mut Tx<'_>, a: &Answer) -> Result<(), DeviceProblem> {
    let mut device = devices::get(tx, &a.hash)
        .await?
        .filter(|d| a.now < d.expires_at && d.client_id == a.client_id)
        .ok_or(DeviceProblem::Unknown)?;
    device.user = a.user;
    match a.scopes {
        None => device.state = DeviceState::Denied,
        Some(scopes) => {
            let given = grant::give(tx, a.user, &a.client_id, scopes, a.ends_at, a.now).await?;
            device.state = DeviceState::Approved;
            device.grant = given.grant;
            device.epoch = given.epoch;
            device.scopes = scopes;
            device.family = dialect::next_id(tx).await?;
            term::limit(tx, given, device.family, scopes, a.ends_at).await?;
            let mut entry = entry(a.now, a.user, &a.client_id, "grant_given", &a.origin);
            entry.detail = format!("device {}: {}", device.address, told(scopes, a.ends_at));
            audit::append(tx, &entry).await?;
        }
    }
    if devices::answer(tx, &device).await? {
        sign_ins::set_device_auth_time(tx, &a.hash, a.auth_time).await?;
        Ok(())
    } else {
        Err(DeviceProblem::Taken)
    }
}

impl Drive {
    /// Begins the device grant.
    ///
    /// # Errors
    /// `invalid_scope`, `invalid_request`.
    pub async fn start_device(
        &self,
        app: &App,
        r: &DeviceRequest,
        origin: &Origin,
    ) -> Result<DeviceAnswer, OAuthError> {
        let scopes = asked(app, r.scope.as_deref())?;
        let challenge = pkce(r.code_challenge.as_deref(), r.code_challenge_method.as_deref())?;
        let random = &*self.0.random;
        let device_code = URL_SAFE_NO_PAD.encode(random::bytes::<DEVICE_CODE>(random));
        let codes: Vec<String> = (0..DRAWS)
            .map(|_| random::choose(random, ALPHABET, USER_CODE))
            .collect();
        let hashes: Vec<_> = codes.iter().map(|c| user_code_hash(&self.0.keys, c)).collect();
        let now = self.now();
        let settings = &self.0.settings.oauth;
        let device = Device {
            hash: hash(&device_code).to_vec(),
            user_code_hash: Vec::new(),
            client_id: app.client_id.clone(),
            scopes,
            challenge,
            address: origin.address(),
            network: origin.network(),
            agent: origin.agent().to_owned(),
            state: DeviceState::Pending,
            user: UserId(0),
            grant: GrantId(0),
            epoch: 0,
            family: 0,
            created_at: now,
            expires_at: now + settings.device_seconds,
        };
        let args = Start {
            device,
            hashes,
            max: self.0.settings.limits.waiting_devices,
        };
        let taken = self.0.db.write(args, |tx, a| Box::pin(start_tx(tx, a))).await?;
        Ok(DeviceAnswer {
            device_code: SecretText::new(device_code),
            user_code: shown_code(&codes[taken]),
            expires_in: settings.device_seconds,
            interval: settings.device_interval,
        })
    }

    /// A device asks for its tokens.
    ///
    /// # Errors
    /// `authorization_pending`, `access_denied`, `expired_token`; at `/oauth/token` also `slow_down` and `invalid_grant`.
    pub async fn poll_device(
        &self,
        app: &App,
        device_code: &str,
        verifier: Option<&str>,
        at: DeviceAddress,
    ) -> Result<TokenAnswer, OAuthError> {
        if !is_device_code(device_code) {
            return Err(gone(at));
        }
        let key = hash(device_code);
        let interval = self.0.settings.oauth.device_interval;
        if !self.0.auth.polls.may_ask(key, self.0.clock.now_ms(), interval) {
            return Err(match at {
                DeviceAddress::Document => refused(OAuthCode::AuthorizationPending, PENDING),
                DeviceAddress::Standard => {
                    refused(OAuthCode::SlowDown, "asked too often; add 5 seconds to the interval")
                }
            });
        }
        let now = self.now();
        let first = (key.to_vec(), app.client_id.clone(), at, now);
        self.0.db.read(first, |tx, a| Box::pin(look(tx, a))).await?;
        let args = Poll {
            hash: key,
            client_id: app.client_id.clone(),
            verifier: verifier.map(str::to_owned),
            at,
            pair: self.new_pair(),
            now,
            lives: (&self.0.settings.oauth).into(),
        };
        let (answer, who) = self.0.db.write(args, |tx, a| Box::pin(poll_tx(tx, a))).await??;
        Ok(self.with_id_token(answer, &app.client_id, &who).await?)
    }

    /// Writes a code as devices show it, if it can be one. Looks nothing up.
    pub fn device_user_code(text: &str) -> Option<String> {
        normal(text).map(|c| shown_code(&c))
    }

    /// The request of the device that shows this code. Wrong codes are limited by person and by address.
    ///
    /// # Errors
    /// [`DeviceProblem`].
    pub async fn find_device(
        &self,
        person: &SessionActor,
        user_code: &str,
        origin: &Origin,
    ) -> Result<DeviceAsk, DeviceProblem> {
        let code = normal(user_code).ok_or(DeviceProblem::Malformed)?;
        let max = self.0.settings.limits.bad_user_codes;
        let limit = |key: String, max| Limit {
            key,
            max,
            window: WINDOW,
        };
        let args = LookUp {
            user_code_hash: user_code_hash(&self.0.keys, &code),
            limits: vec![
                limit(format!("device user {}", person.user), max),
                limit(
                    format!("device from {}", origin.network()),
                    max.saturating_mul(PER_ADDRESS),
                ),
            ]
            .into_iter()
            .filter(|l| l.max > 0)
            .collect(),
            now: self.now(),
        };
        let (device, app, owner) = self.0.db.write(args, |tx, a| Box::pin(find_tx(tx, a))).await??;
        Ok(DeviceAsk {
            app,
            owner,
            scopes: device.scopes,
            user_code: shown_code(&code),
            address: device.address,
            agent: device.agent,
            asked_at: device.created_at,
            hash: device.hash,
        })
    }

    /// Writes the person's approval, with the sensitive scopes that were ticked and for the time chosen. `false`: nothing is left to approve.
    ///
    /// # Errors
    /// [`DeviceProblem`].
    pub async fn approve_device(
        &self,
        person: &SessionActor,
        ask: &DeviceAsk,
        consent: impl Into<Consent>,
        origin: &Origin,
    ) -> Result<bool, DeviceProblem> {
        let consent = consent.into();
        let scopes = consented(ask.scopes, consent.ticked);
        if scopes.is_empty() {
            return Ok(false);
        }
        let args = Answer {
            scopes: Some(scopes),
            ends_at: consent.term.ends_at(self.now()),
            ..self.device_answer(person, ask, origin)
        };
        self.answer_device(args).await?;
        Ok(true)
    }

    /// Writes the person's refusal.
    ///
    /// # Errors
    /// [`DeviceProblem`].
    pub async fn deny_device(
        &self,
        person: &SessionActor,
        ask: &DeviceAsk,
        origin: &Origin,
    ) -> Result<(), DeviceProblem> {
        self.answer_device(self.device_answer(person, ask, origin)).await
    }

    /// A refusal.
    fn device_answer(&self, person: &SessionActor, ask: &DeviceAsk, origin: &Origin) -> Answer {
        Answer {
            hash: ask.hash.clone(),
            user: person.user,
            auth_time: person.auth_time,
            client_id: ask.app.client_id.clone(),
            scopes: None,
            ends_at: 0,
            now: self.now(),
            origin: origin.clone(),
        }
    }

    async fn answer_device(&self, args: Answer) -> Result<(), DeviceProblem> {
        self.0.db.write(args, |tx, a| Box::pin(answer_tx(tx, a))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_without_case_dash_and_space() {
        for text in ["8KXH-Y8R", "8kxh-y8r", " 8k x h y8r ", "8KXHY8R", "--8KXHY8R"] {
            assert_eq!(Drive::device_user_code(text).as_deref(), Some("8KXH-Y8R"), "{text}");
        }
        for text in ["", "8KXH-Y8", "8KXH-Y8RR", "8KXH-Y8O", "8KXH-Y8中", "ſKXH-Y8R"] {
            assert_eq!(Drive::device_user_code(text), None, "{text}");
        }
    }

    #[test]
    fn the_alphabet_has_one_of_each_look_alike_at_most() {
        for group in ["0ODQ", "1ILJ", "2Z", "5S", "6G", "8B", "UV", "4A"] {
            let there = group.chars().filter(|c| ALPHABET.contains(*c)).count();
            assert!(there <= 2, "{group}");
        }
        assert!(!ALPHABET.contains(['0', 'O', '1', 'I', 'L', '2', 'Z', '5', 'S', 'B', 'U', 'V']));
        assert!(random::choose(&pantry_types::SeededRandom::new(1), ALPHABET, 7).len() == 7);
    }

    #[test]
    fn a_bucket_takes_three_at_once_then_one_each_interval() {
        let polls = Polls::new();
        let ask = |ms| polls.may_ask([1; 32], ms, 5);
        assert_eq!([ask(0), ask(0), ask(1), ask(2)], [true, true, true, false]);
        assert!(!ask(4_900) && ask(5_200) && !ask(5_300));
        assert!(polls.may_ask([2; 32], 5_300, 5), "each device has its own");
        assert!(ask(60_000) && ask(60_000) && ask(60_000) && !ask(60_000));
    }
}
