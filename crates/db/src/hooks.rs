//! Rows of webhooks: where apps are told of changes, and whom they have yet to be told of.
//! Must not know what a scope lets an app read, nor how a secret is sealed; what was sent stands in [`crate::deliveries`].

use pantry_types::{GrantId, NodeId, Scopes, UserId};

use crate::{DbError, IdList, Row, Tx, dialect};

/// Where an app is told of changes. Times in Unix seconds.
#[derive(Debug, Clone)]
pub struct Hook {
    /// The app.
    pub client_id: String,
    /// Where to.
    pub url: String,
    /// What deliveries are signed with, sealed.
    pub secret: Vec<u8>,
    /// When it was made.
    pub secret_at: i64,
    /// The one before, sealed; empty if there was none.
    pub old_secret: Vec<u8>,
    /// When that one was made.
    pub old_secret_at: i64,
    /// Until when that one signs too.
    pub old_secret_until: i64,
    /// Whether anything is sent.
    pub is_on: bool,
    /// Since when that is so.
    pub state_at: i64,
    /// Changes from before are not told.
    pub since: i64,
    /// When it was first set.
    pub created_at: i64,
}

macro_rules! columns {
    () => {
        "client_id, url, secret, secret_at, old_secret, old_secret_at, old_secret_until, state, state_at, since, \
         created_at"
    };
}

fn map(r: &Row<'_>) -> Result<Hook, DbError> {
    Ok(Hook {
        client_id: r.get(0)?,
        url: r.get(1)?,
        secret: r.get(2)?,
        secret_at: r.get(3)?,
        old_secret: r.get(4)?,
        old_secret_at: r.get(5)?,
        old_secret_until: r.get(6)?,
        is_on: r.get::<i64>(7)? == 0,
        state_at: r.get(8)?,
        since: r.get(9)?,
        created_at: r.get(10)?,
    })
}

/// Reads the webhook of an app.
pub async fn get(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<Hook>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM hooks WHERE client_id = $1");
    tx.query_opt(sql, &[&client_id], map).await
}

/// The same, its row held until the transaction ends: whoever makes, sends or ends deliveries of an app does this first.
pub async fn lock(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<Hook>, DbError> {
    let sql = dialect::sql(
        tx.engine(),
        "SELECT client_id FROM hooks WHERE client_id = $1",
        "SELECT client_id FROM hooks WHERE client_id = $1 FOR UPDATE",
    );
    if tx
        .query_opt(sql, &[&client_id], |r| r.get::<String>(0))
        .await?
        .is_none()
    {
        return Ok(None);
    }
    get(tx, client_id).await
}

/// Adds a webhook that is on from `now`; `false` if the app has one.
pub async fn insert(tx: &mut Tx<'_>, client_id: &str, url: &str, sealed: &[u8], now: i64) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "INSERT INTO hooks (client_id, url, secret, secret_at, state_at, since, created_at) \
             VALUES ($1,$2,$3,$4,$4,$4,$4) ON CONFLICT DO NOTHING",
            &[&client_id, &url, &sealed, &now],
        )
        .await?;
    Ok(n == 1)
}

/// Replaces the address.
pub async fn set_url(tx: &mut Tx<'_>, client_id: &str, url: &str) -> Result<(), DbError> {
    tx.execute("UPDATE hooks SET url = $2 WHERE client_id = $1", &[&client_id, &url])
        .await?;
    Ok(())
}

/// Switches it on (changes from `now` on are told) or off.
pub async fn set_on(tx: &mut Tx<'_>, client_id: &str, on: bool, now: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE hooks SET state = $2, state_at = $3, since = $3 WHERE client_id = $1",
        &[&client_id, &i64::from(!on), &now],
    )
    .await?;
    Ok(())
}

/// Replaces the secret; the one before signs too until `old_until`.
pub async fn set_secret(
    tx: &mut Tx<'_>,
    client_id: &str,
    sealed: &[u8],
    now: i64,
    old_until: i64,
) -> Result<(), DbError> {
    tx.execute(
        "UPDATE hooks SET old_secret = secret, old_secret_at = secret_at, old_secret_until = $4, secret = $2, \
         secret_at = $3 WHERE client_id = $1",
        &[&client_id, &sealed, &now, &old_until],
    )
    .await?;
    Ok(())
}

/// Ends the secret before the present one; `false` if it signed nothing at `now` any more.
pub async fn end_old_secret(tx: &mut Tx<'_>, client_id: &str, now: i64) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "UPDATE hooks SET old_secret_until = $2 WHERE client_id = $1 AND old_secret_until > $2",
            &[&client_id, &now],
        )
        .await?;
    Ok(n == 1)
}

/// Removes a webhook with all that it has sent or was to send.
pub async fn remove(tx: &mut Tx<'_>, client_id: &str) -> Result<(), DbError> {
    for sql in [
        "DELETE FROM hooks WHERE client_id = $1",
        "DELETE FROM hook_people WHERE client_id = $1",
        "DELETE FROM hook_delivery_people WHERE client_id = $1",
        "DELETE FROM hook_deliveries WHERE client_id = $1",
    ] {
        tx.execute(sql, &[&client_id]).await?;
    }
    Ok(())
}

/// Forgets whom an app was still to be told of, and the deliveries that are under way.
pub async fn forget_open(tx: &mut Tx<'_>, client_id: &str) -> Result<(), DbError> {
    for sql in [
        "DELETE FROM hook_people WHERE client_id = $1",
        "DELETE FROM hook_delivery_people WHERE client_id = $1 AND delivery_id IN \
         (SELECT id FROM hook_deliveries WHERE client_id = $1 AND state < 2)",
        "DELETE FROM hook_deliveries WHERE client_id = $1 AND state < 2",
    ] {
        tx.execute(sql, &[&client_id]).await?;
    }
    Ok(())
}

/// Forgets one person, for an app that may no longer hear of them. What of a delivery is left without people is sent to
/// nobody.
pub async fn forget_person(tx: &mut Tx<'_>, client_id: &str, user: UserId) -> Result<(), DbError> {
    for sql in [
        "DELETE FROM hook_people WHERE client_id = $1 AND user_id = $2",
        "DELETE FROM hook_delivery_people WHERE client_id = $1 AND user_id = $2",
    ] {
        tx.execute(sql, &[&client_id, &user.0]).await?;
    }
    Ok(())
}

/// From when on changes matter to any webhook that is on; none if none is.
pub async fn since(tx: &mut Tx<'_>) -> Result<Option<i64>, DbError> {
    tx.query_one("SELECT MIN(since) FROM hooks WHERE state = 0", &[], |r| r.get(0))
        .await
}

/// Somebody in whose drive something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// Who.
    pub user: UserId,
    /// Number of the first change of the time that was asked for.
    pub first: i64,
    /// When the last of them was.
    pub latest: i64,
}

/// Who has changes since `from`, by id, from after `after`.
pub async fn changed(tx: &mut Tx<'_>, from: i64, after: UserId, limit: i64) -> Result<Vec<Changed>, DbError> {
    // By the index of times alone: without the fence SQLite may walk everybody's log to spare itself the sorting.
    tx.query(
        "WITH recent AS MATERIALIZED (SELECT user_id, seq, at FROM changes WHERE at >= $1) \
         SELECT user_id, MIN(seq), MAX(at) FROM recent WHERE user_id > $2 \
         GROUP BY user_id ORDER BY user_id LIMIT $3",
        &[&from, &after.0, &limit],
        |r| {
            Ok(Changed {
                user: UserId(r.get(0)?),
                first: r.get(1)?,
                latest: r.get(2)?,
            })
        },
    )
    .await
}

/// A grant to an app whose webhook is on, of somebody whose log may have more than the app was told.
#[derive(Debug, Clone)]
pub struct Listens {
    /// Whose.
    pub user: UserId,
    /// The app.
    pub client_id: String,
    /// The grant.
    pub grant: GrantId,
    /// What was consented to.
    pub scopes: Scopes,
    /// The app's folder, 0 for none.
    pub sandbox: NodeId,
    /// Number of the person's latest change.
    pub head: i64,
    /// Changes from before are not told.
    pub since: i64,
    /// Up to where the app was or is to be told, 0 if never yet.
    pub seen: i64,
}

/// Grants that stand at `now`, of these people to apps whose webhook is on, where there may be news.
pub async fn listening(tx: &mut Tx<'_>, users: &IdList, now: i64) -> Result<Vec<Listens>, DbError> {
    let sql = format!(
        "SELECT g.user_id, g.client_id, g.id, g.scopes, g.sandbox_id, u.head, h.since, COALESCE(p.seen, 0) \
         FROM users u JOIN grants g ON g.user_id = u.id JOIN hooks h ON h.client_id = g.client_id \
         JOIN apps a ON a.client_id = g.client_id \
         LEFT JOIN hook_people p ON p.client_id = g.client_id AND p.user_id = g.user_id \
         WHERE u.id {} AND u.is_disabled = 0 AND g.revoked_at = 0 AND (g.expires_at = 0 OR g.expires_at > $2) \
         AND h.state = 0 AND a.suspended_at = 0 AND (p.seen IS NULL OR p.seen < u.head) \
         ORDER BY g.user_id, g.client_id",
        dialect::in_list(tx.engine(), 1)
    );
    tx.query(&sql, &[users, &now], |r| {
        Ok(Listens {
            user: UserId(r.get(0)?),
            client_id: r.get(1)?,
            grant: GrantId(r.get(2)?),
            scopes: Scopes::from_bits(r.get(3)?),
            sandbox: NodeId(r.get(4)?),
            head: r.get(5)?,
            since: r.get(6)?,
            seen: r.get(7)?,
        })
    })
    .await
}

/// The number of a person's latest change after `after` that came into this sandbox, left it or was inside it.
pub async fn latest_inside(tx: &mut Tx<'_>, user: UserId, sandbox: NodeId, after: i64) -> Result<Option<i64>, DbError> {
    tx.query_opt(
        "SELECT seq FROM changes WHERE user_id = $1 AND seq > $3 AND (sandbox_before = $2 OR sandbox_after = $2) \
         ORDER BY seq DESC LIMIT 1",
        &[&user.0, &sandbox.0, &after],
        |r| r.get(0),
    )
    .await
}

/// What an app is to be told of somebody.
#[derive(Debug, Clone)]
pub struct Due {
    /// The app.
    pub client_id: String,
    /// Of whom.
    pub user: UserId,
    /// Number of the change.
    pub seq: i64,
    /// It was anywhere in the drive, and not in the app's folder for certain.
    pub whole: bool,
}

/// Notes that an app is to be told; `false` if it was or is to be told of a later change.
pub async fn note(tx: &mut Tx<'_>, due: &Due, now: i64) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "INSERT INTO hook_people (client_id, user_id, seen, due, due_at, whole) VALUES ($1,$2,$3,$3,$4,$5) \
             ON CONFLICT (client_id, user_id) DO UPDATE SET seen = excluded.seen, due = excluded.due, \
             due_at = CASE WHEN hook_people.due > 0 THEN hook_people.due_at ELSE excluded.due_at END, \
             whole = excluded.whole WHERE hook_people.seen < excluded.seen",
            &[&due.client_id, &due.user.0, &due.seq, &now, &i64::from(due.whole)],
        )
        .await?;
    Ok(n == 1)
}

/// Apps that are to be told something and may be at `now`, who waits longest first. One with `most_open` deliveries that
/// are not delivered waits until one of them is.
pub async fn ready(tx: &mut Tx<'_>, now: i64, most_open: i64, limit: i64) -> Result<Vec<String>, DbError> {
    // Asked in the order of an index that holds only whom an app is to be told of: most are not.
    tx.query(
        "SELECT h.client_id FROM hooks h WHERE h.state = 0 AND h.next_at <= $1 \
         AND (SELECT p.due_at FROM hook_people p WHERE p.client_id = h.client_id AND p.due > 0 \
         ORDER BY p.due_at LIMIT 1) IS NOT NULL \
         AND (SELECT COUNT(*) FROM hook_deliveries d WHERE d.client_id = h.client_id AND d.state < 2 \
         AND d.is_test = 0) < $2 ORDER BY h.next_at, h.client_id LIMIT $3",
        &[&now, &most_open, &limit],
        |r| r.get(0),
    )
    .await
}

/// Takes the right to make the app's next delivery, and says when the one after it may be made; `false` if another took it.
pub async fn take_turn(tx: &mut Tx<'_>, client_id: &str, now: i64, next_at: i64) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "UPDATE hooks SET next_at = $3 WHERE client_id = $1 AND state = 0 AND next_at <= $2",
            &[&client_id, &now, &next_at],
        )
        .await?;
    Ok(n == 1)
}

/// Says anew when the app's next delivery may be made.
pub async fn set_turn(tx: &mut Tx<'_>, client_id: &str, next_at: i64) -> Result<(), DbError> {
    let sql = "UPDATE hooks SET next_at = $2 WHERE client_id = $1";
    tx.execute(sql, &[&client_id, &next_at]).await?;
    Ok(())
}

/// The number of the app's next delivery.
pub async fn next_number(tx: &mut Tx<'_>, client_id: &str) -> Result<i64, DbError> {
    tx.query_one(
        "UPDATE hooks SET made = made + 1 WHERE client_id = $1 RETURNING made",
        &[&client_id],
        |r| r.get(0),
    )
    .await
}

/// Moves up to `limit` people of whom the app is to be told into a delivery, and says how many.
pub async fn move_due(tx: &mut Tx<'_>, client_id: &str, delivery: i64, limit: i64) -> Result<u64, DbError> {
    let moved = tx
        .execute(
            "INSERT INTO hook_delivery_people (client_id, delivery_id, user_id, seq, whole) \
             SELECT client_id, $2, user_id, due, whole FROM hook_people WHERE client_id = $1 AND due > 0 \
             ORDER BY due_at, user_id LIMIT $3",
            &[&client_id, &delivery, &limit],
        )
        .await?;
    // What became due meanwhile stays so.
    tx.execute(
        "UPDATE hook_people SET due = 0 WHERE client_id = $1 AND due > 0 AND EXISTS (SELECT 1 FROM \
         hook_delivery_people d WHERE d.client_id = $1 AND d.delivery_id = $2 AND d.user_id = hook_people.user_id \
         AND d.seq = hook_people.due)",
        &[&client_id, &delivery],
    )
    .await?;
    Ok(moved)
}

/// How many webhooks have no app, for the check of the books. Whom one is to tell of is noted without a lock: what is left of a
/// webhook that ended meanwhile does no harm.
pub async fn loose(tx: &mut Tx<'_>) -> Result<i64, DbError> {
    tx.query_one(
        "SELECT COUNT(*) FROM hooks h WHERE NOT EXISTS (SELECT 1 FROM apps a WHERE a.client_id = h.client_id)",
        &[],
        |r| r.get(0),
    )
    .await
}
