//! Rows of device codes: asked for by a device, answered by a person, fetched by the device.
//! Must not know who may answer.

use pantry_types::{GrantId, Scopes, UserId};

use crate::{DbError, Row, Tx};

/// How far a device code has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceState {
    /// Nobody has answered.
    Pending,
    /// A person approved, and the device has not fetched.
    Approved,
    /// A person refused.
    Denied,
    /// The device fetched its tokens, or spoiled the code.
    Used,
}

impl DeviceState {
    fn code(self) -> i64 {
        match self {
            DeviceState::Pending => 0,
            DeviceState::Approved => 1,
            DeviceState::Denied => 2,
            DeviceState::Used => 3,
        }
    }

    fn from_code(n: i64) -> Self {
        match n {
            0 => DeviceState::Pending,
            1 => DeviceState::Approved,
            2 => DeviceState::Denied,
            _ => DeviceState::Used,
        }
    }
}

/// A device code, by the hash of its text.
#[derive(Debug, Clone)]
pub struct Device {
    /// SHA-256 of the device code.
    pub hash: Vec<u8>,
    /// Keyed hash of the code that the person types.
    pub user_code_hash: Vec<u8>,
    /// The app.
    pub client_id: String,
    /// What is asked for; after approval, what was consented to.
    pub scopes: Scopes,
    /// PKCE challenge (S256), empty without one.
    pub challenge: String,
    /// Address of the device.
    pub address: String,
    /// The network that its address counts for.
    pub network: String,
    /// What it calls itself.
    pub agent: String,
    /// How far it has come.
    pub state: DeviceState,
    /// Who answered, 0 before.
    pub user: UserId,
    /// The grant, 0 before.
    pub grant: GrantId,
    /// The grant's epoch at approval.
    pub epoch: i64,
    /// Names all tokens that it led to.
    pub family: i64,
    /// When it was asked for.
    pub created_at: i64,
    /// From when on it is dead.
    pub expires_at: i64,
}

macro_rules! columns {
    () => {
        "hash, user_code_hash, client_id, scopes, challenge, address, agent, state, user_id, grant_id, epoch, \
         family, created_at, expires_at, network"
    };
}

fn map(r: &Row<'_>) -> Result<Device, DbError> {
    Ok(Device {
        hash: r.get(0)?,
        user_code_hash: r.get(1)?,
        client_id: r.get(2)?,
        scopes: Scopes::from_bits(r.get(3)?),
        challenge: r.get(4)?,
        address: r.get(5)?,
        agent: r.get(6)?,
        state: DeviceState::from_code(r.get(7)?),
        user: UserId(r.get(8)?),
        grant: GrantId(r.get(9)?),
        epoch: r.get(10)?,
        family: r.get(11)?,
        created_at: r.get(12)?,
        expires_at: r.get(13)?,
        network: r.get(14)?,
    })
}

/// Adds a device code; `false` if the code to type is in use.
pub async fn insert(tx: &mut Tx<'_>, d: &Device) -> Result<bool, DbError> {
    let n = tx
        .execute(
            concat!(
                "INSERT INTO devices (",
                columns!(),
                ") VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15) ON CONFLICT DO NOTHING"
            ),
            &[
                &d.hash,
                &d.user_code_hash,
                &d.client_id,
                &d.scopes.to_bits(),
                &d.challenge,
                &d.address,
                &d.agent,
                &d.state.code(),
                &d.user.0,
                &d.grant.0,
                &d.epoch,
                &d.family,
                &d.created_at,
                &d.expires_at,
                &d.network,
            ],
        )
        .await?;
    Ok(n == 1)
}

/// Device codes of one network that wait for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Of all apps.
    pub all: i64,
    /// Of one app.
    pub of_app: i64,
    /// When the first of them dies, 0 if there is none.
    pub first_ends: i64,
}

/// Counts the device codes of a network that wait.
pub async fn waiting(tx: &mut Tx<'_>, network: &str, client_id: &str, now: i64) -> Result<Waiting, DbError> {
    tx.query_one(
        "SELECT COUNT(*), COUNT(CASE WHEN client_id = $2 THEN 1 END), COALESCE(MIN(expires_at), 0) \
         FROM devices WHERE network = $1 AND state = 0 AND expires_at > $3",
        &[&network, &client_id, &now],
        |r| {
            Ok(Waiting {
                all: r.get(0)?,
                of_app: r.get(1)?,
                first_ends: r.get(2)?,
            })
        },
    )
    .await
}

/// Reads a device code as the device names it.
pub async fn get(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<Device>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM devices WHERE hash = $1");
    tx.query_opt(sql, &[&hash], map).await
}

/// Reads a device code as the person names it.
pub async fn by_user_code(tx: &mut Tx<'_>, user_code_hash: &[u8]) -> Result<Option<Device>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM devices WHERE user_code_hash = $1");
    tx.query_opt(sql, &[&user_code_hash], map).await
}

/// Writes a person's answer, if there is none yet; `false` if there is.
pub async fn answer(tx: &mut Tx<'_>, d: &Device) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "UPDATE devices SET state = $2, user_id = $3, grant_id = $4, epoch = $5, family = $6, scopes = $7 \
             WHERE hash = $1 AND state = 0",
            &[
                &d.hash,
                &d.state.code(),
                &d.user.0,
                &d.grant.0,
                &d.epoch,
                &d.family,
                &d.scopes.to_bits(),
            ],
        )
        .await?;
    Ok(n == 1)
}

/// Uses an approved code up; `false` if it is not approved, or used.
pub async fn consume(tx: &mut Tx<'_>, hash: &[u8]) -> Result<bool, DbError> {
    let n = tx
        .execute("UPDATE devices SET state = 3 WHERE hash = $1 AND state = 1", &[&hash])
        .await?;
    Ok(n == 1)
}

/// Removes up to `limit` codes that died before `before`, and says how many.
pub async fn sweep(tx: &mut Tx<'_>, before: i64, limit: i64) -> Result<u64, DbError> {
    tx.execute(
        "DELETE FROM devices WHERE hash IN (SELECT hash FROM devices WHERE expires_at < $1 LIMIT $2)",
        &[&before, &limit],
    )
    .await
}
