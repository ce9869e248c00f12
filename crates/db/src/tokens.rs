//! Rows of access and refresh tokens, by the hash of their text.
//! Must not know when a token may be used again.

use pantry_types::{GrantId, Scopes, UserId};

use crate::{DbError, Row, Tx};

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// The API.
    Access,
    /// A new pair.
    Refresh,
}

impl TokenKind {
    fn code(self) -> i64 {
        match self {
            TokenKind::Access => 0,
            TokenKind::Refresh => 1,
        }
    }

    fn from_code(n: i64) -> Self {
        if n == 0 { TokenKind::Access } else { TokenKind::Refresh }
    }
}

/// A token.
#[derive(Debug, Clone)]
pub struct Token {
    /// SHA-256 of the token.
    pub hash: Vec<u8>,
    /// What it opens.
    pub kind: TokenKind,
    /// In whose name.
    pub user: UserId,
    /// The grant.
    pub grant: GrantId,
    /// The grant's epoch when it was made; the token is dead in any other.
    pub epoch: i64,
    /// The app.
    pub client_id: String,
    /// Scopes.
    pub scopes: Scopes,
    /// Names all tokens that one code led to.
    pub family: i64,
    /// Names the two tokens of one answer.
    pub pair: i64,
    /// Access: was shown. Refresh: was exchanged.
    pub used: bool,
    /// When a refresh token was exchanged, 0 before.
    pub used_at: i64,
    /// The pair that it was exchanged for, 0 before.
    pub next_pair: i64,
    /// That pair's answer, sealed under a key made from this token.
    pub answer: Option<Vec<u8>>,
    /// When it was made.
    pub created_at: i64,
    /// From when on it is dead.
    pub expires_at: i64,
}

macro_rules! columns {
    () => {
        "hash, kind, user_id, grant_id, epoch, client_id, scopes, family, pair, used, used_at, next_pair, answer, \
         created_at, expires_at"
    };
}

fn map(r: &Row<'_>) -> Result<Token, DbError> {
    Ok(Token {
        hash: r.get(0)?,
        kind: TokenKind::from_code(r.get(1)?),
        user: UserId(r.get(2)?),
        grant: GrantId(r.get(3)?),
        epoch: r.get(4)?,
        client_id: r.get(5)?,
        scopes: Scopes::from_bits(r.get(6)?),
        family: r.get(7)?,
        pair: r.get(8)?,
        used: r.get::<i64>(9)? != 0,
        used_at: r.get(10)?,
        next_pair: r.get(11)?,
        answer: r.get(12)?,
        created_at: r.get(13)?,
        expires_at: r.get(14)?,
    })
}

/// An access token as a request needs it, with the grant and the person as they are now.
#[derive(Debug, Clone)]
pub struct LiveAccess {
    /// In whose name.
    pub user: UserId,
    /// The grant.
    pub grant: GrantId,
    /// The epoch of token and grant.
    pub epoch: i64,
    /// The app.
    pub client_id: String,
    /// Scopes of the token.
    pub scopes: Scopes,
    /// Scopes of the grant.
    pub granted: Scopes,
    /// Whether it was shown before.
    pub used: bool,
    /// From when on it is dead, the end of its grant counted.
    pub expires_at: i64,
}

/// Finds an access token whose grant stands in the same epoch and whose person may sign in: one keyed read.
pub async fn live_access(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<LiveAccess>, DbError> {
    tx.query_opt(
        "SELECT t.user_id, t.grant_id, t.epoch, t.client_id, t.scopes, g.scopes, t.used, \
         CASE WHEN g.expires_at > 0 AND g.expires_at < t.expires_at THEN g.expires_at ELSE t.expires_at END \
         FROM tokens t JOIN grants g ON g.user_id = t.user_id AND g.id = t.grant_id AND g.epoch = t.epoch \
         JOIN users u ON u.id = t.user_id AND u.is_disabled = 0 WHERE t.hash = $1 AND t.kind = 0",
        &[&hash],
        |r| {
            Ok(LiveAccess {
                user: UserId(r.get(0)?),
                grant: GrantId(r.get(1)?),
                epoch: r.get(2)?,
                client_id: r.get(3)?,
                scopes: Scopes::from_bits(r.get(4)?),
                granted: Scopes::from_bits(r.get(5)?),
                used: r.get::<i64>(6)? != 0,
                expires_at: r.get(7)?,
            })
        },
    )
    .await
}

/// Notes that an access token was shown.
pub async fn mark_shown(tx: &mut Tx<'_>, hash: &[u8]) -> Result<(), DbError> {
    tx.execute(
        "UPDATE tokens SET used = 1 WHERE hash = $1 AND kind = 0 AND used = 0",
        &[&hash],
    )
    .await?;
    Ok(())
}

/// Adds a token.
pub async fn insert(tx: &mut Tx<'_>, t: &Token) -> Result<(), DbError> {
    tx.execute(
        concat!(
            "INSERT INTO tokens (",
            columns!(),
            ") VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)"
        ),
        &[
            &t.hash,
            &t.kind.code(),
            &t.user.0,
            &t.grant.0,
            &t.epoch,
            &t.client_id,
            &t.scopes.to_bits(),
            &t.family,
            &t.pair,
            &i64::from(t.used),
            &t.used_at,
            &t.next_pair,
            &t.answer,
            &t.created_at,
            &t.expires_at,
        ],
    )
    .await?;
    Ok(())
}

/// Reads a token.
pub async fn get(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<Token>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM tokens WHERE hash = $1");
    tx.query_opt(sql, &[&hash], map).await
}

/// Exchanges a refresh token, once; `false` if it was exchanged before or is gone.
pub async fn rotate(tx: &mut Tx<'_>, hash: &[u8], now: i64, next_pair: i64, answer: &[u8]) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "UPDATE tokens SET used = 1, used_at = $2, next_pair = $3, answer = $4 \
             WHERE hash = $1 AND kind = 1 AND used = 0",
            &[&hash, &now, &next_pair, &answer],
        )
        .await?;
    Ok(n == 1)
}

/// Whether both tokens of a pair are there and neither was used.
pub async fn pair_is_fresh(tx: &mut Tx<'_>, pair: i64) -> Result<bool, DbError> {
    let used = tx
        .query("SELECT used FROM tokens WHERE pair = $1", &[&pair], |r| r.get::<i64>(0))
        .await?;
    Ok(used == [0, 0])
}

/// Removes one token; `false` if it is gone.
pub async fn remove(tx: &mut Tx<'_>, hash: &[u8]) -> Result<bool, DbError> {
    let n = tx.execute("DELETE FROM tokens WHERE hash = $1", &[&hash]).await?;
    Ok(n == 1)
}

/// Removes every token that one code led to, those included that a refresh under way is adding.
pub async fn remove_family(tx: &mut Tx<'_>, family: i64) -> Result<u64, DbError> {
    let mut removed = 0;
    loop {
        // On PostgreSQL this waits for a refresh that holds a token of the family, without seeing
        // what that refresh added: the next statement does.
        let n = tx.execute("DELETE FROM tokens WHERE family = $1", &[&family]).await?;
        if n == 0 {
            return Ok(removed);
        }
        removed += n;
    }
}

/// Removes every token of a grant.
pub async fn remove_of_grant(tx: &mut Tx<'_>, user: UserId, grant: GrantId) -> Result<u64, DbError> {
    tx.execute(
        "DELETE FROM tokens WHERE user_id = $1 AND grant_id = $2",
        &[&user.0, &grant.0],
    )
    .await
}

/// Forgets up to `limit` sealed answers of exchanges before `before`, and says how many.
pub async fn sweep_answers(tx: &mut Tx<'_>, before: i64, limit: i64) -> Result<u64, DbError> {
    tx.execute(
        "UPDATE tokens SET answer = NULL WHERE hash IN \
         (SELECT hash FROM tokens WHERE answer IS NOT NULL AND used_at < $1 LIMIT $2)",
        &[&before, &limit],
    )
    .await
}

/// Removes up to `limit` tokens that died before `before`, and says how many.
pub async fn sweep(tx: &mut Tx<'_>, before: i64, limit: i64) -> Result<u64, DbError> {
    tx.execute(
        "DELETE FROM tokens WHERE hash IN (SELECT hash FROM tokens WHERE expires_at < $1 LIMIT $2)",
        &[&before, &limit],
    )
    .await
}
