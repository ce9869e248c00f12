//! Rows of webhooks' deliveries: what waits, is under way, was delivered or given up, and whom each names.
//! Must not know when a failed one is tried again, nor what is sent. Whoever changes one holds the webhook's row.

use pantry_types::{GrantId, NodeId, Scopes, UserId};

use crate::{DbError, Row, Tx};

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

impl DeliveryState {
    fn code(self) -> i64 {
        match self {
            DeliveryState::Waiting => 0,
            DeliveryState::Sending => 1,
            DeliveryState::Delivered => 2,
            DeliveryState::Dead => 3,
        }
    }

    fn from_code(n: i64) -> Self {
        match n {
            0 => DeliveryState::Waiting,
            1 => DeliveryState::Sending,
            2 => DeliveryState::Delivered,
            _ => DeliveryState::Dead,
        }
    }
}

/// A delivery. Times in Unix seconds.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Number among the app's.
    pub id: i64,
    /// Names it to whoever gets it, the same at every attempt.
    pub message: String,
    /// The app.
    pub client_id: String,
    /// Asked for in the console; names nobody.
    pub is_test: bool,
    /// People that it named when it was made.
    pub people: i64,
    /// How far it has come.
    pub state: DeliveryState,
    /// Attempts since it was last asked for.
    pub attempts: i64,
    /// When it is sent next; of one being sent, until when whoever does so is believed to be at it.
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

macro_rules! columns {
    () => {
        "id, message, client_id, is_test, people, state, attempts, next_at, status, error, sent_at, created_at"
    };
}

fn map(r: &Row<'_>) -> Result<Delivery, DbError> {
    Ok(Delivery {
        id: r.get(0)?,
        message: r.get(1)?,
        client_id: r.get(2)?,
        is_test: r.get::<i64>(3)? != 0,
        people: r.get(4)?,
        state: DeliveryState::from_code(r.get(5)?),
        attempts: r.get(6)?,
        next_at: r.get(7)?,
        status: r.get(8)?,
        error: r.get(9)?,
        sent_at: r.get(10)?,
        created_at: r.get(11)?,
    })
}

/// A delivery to be made.
#[derive(Debug, Clone)]
pub struct NewDelivery<'a> {
    /// Number among the app's.
    pub id: i64,
    /// Names it to whoever gets it.
    pub message: &'a str,
    /// The app.
    pub client_id: &'a str,
    /// Asked for in the console.
    pub is_test: bool,
    /// People that it names.
    pub people: i64,
    /// When it is made, and may be sent.
    pub now: i64,
}

/// Adds a delivery that waits.
pub async fn insert(tx: &mut Tx<'_>, d: &NewDelivery<'_>) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO hook_deliveries (id, message, client_id, is_test, people, next_at, created_at) \
         VALUES ($1,$2,$3,$4,$5,$6,$6)",
        &[
            &d.id,
            &d.message,
            &d.client_id,
            &i64::from(d.is_test),
            &d.people,
            &d.now,
        ],
    )
    .await?;
    Ok(())
}

/// Reads one delivery of an app.
pub async fn get(tx: &mut Tx<'_>, client_id: &str, id: i64) -> Result<Option<Delivery>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM hook_deliveries WHERE client_id = $1 AND id = $2"
    );
    tx.query_opt(sql, &[&client_id, &id], map).await
}

/// A page of an app's deliveries, the latest first, from before `before`: all, or those in one state.
pub async fn page(
    tx: &mut Tx<'_>,
    client_id: &str,
    state: Option<DeliveryState>,
    before: i64,
    limit: i64,
) -> Result<Vec<Delivery>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM hook_deliveries WHERE client_id = $1 AND id < $2 AND (CAST($3 AS BIGINT) < 0 OR state = $3) \
         ORDER BY id DESC LIMIT $4"
    );
    let code = state.map_or(-1, DeliveryState::code);
    tx.query(sql, &[&client_id, &before, &code, &limit], map).await
}

/// How many deliveries of an app are not delivered and not given up, and how many were given up.
pub async fn counts(tx: &mut Tx<'_>, client_id: &str) -> Result<(i64, i64), DbError> {
    tx.query_one(
        "SELECT COUNT(CASE WHEN state < 2 THEN 1 END), COUNT(CASE WHEN state = 3 THEN 1 END) \
         FROM hook_deliveries WHERE client_id = $1",
        &[&client_id],
        |r| Ok((r.get(0)?, r.get(1)?)),
    )
    .await
}

/// Apps with a delivery to be sent at `now`, one whose sender seems to be gone included, and fewer than `at_once` being
/// sent; who waits longest first.
pub async fn due(tx: &mut Tx<'_>, now: i64, at_once: i64, limit: i64) -> Result<Vec<String>, DbError> {
    tx.query(
        "SELECT d.client_id FROM hook_deliveries d WHERE d.state < 2 AND d.next_at <= $1 \
         AND (SELECT COUNT(*) FROM hook_deliveries w WHERE w.client_id = d.client_id AND w.state = 1 \
         AND w.state < 2 AND w.next_at > $1) < $2 GROUP BY d.client_id ORDER BY MIN(d.next_at), d.client_id LIMIT $3",
        &[&now, &at_once, &limit],
        |r| r.get(0),
    )
    .await
}

/// How many deliveries of an app are being sent at `now`.
pub async fn under_way(tx: &mut Tx<'_>, client_id: &str, now: i64) -> Result<i64, DbError> {
    // The second condition on the state is the index's own.
    tx.query_one(
        "SELECT COUNT(*) FROM hook_deliveries WHERE client_id = $1 AND state = 1 AND state < 2 AND next_at > $2",
        &[&client_id, &now],
        |r| r.get(0),
    )
    .await
}

/// A delivery that this caller sends now.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The delivery.
    pub delivery: Delivery,
    /// Tells this attempt from any other of the same delivery.
    pub claim: i64,
}

/// Claims the delivery of an app that waits longest, until `until`; none is due at `now`: `None`.
pub async fn claim(tx: &mut Tx<'_>, client_id: &str, now: i64, until: i64) -> Result<Option<Claimed>, DbError> {
    let sql = concat!(
        "UPDATE hook_deliveries SET state = 1, next_at = $3, attempts = attempts + 1, claims = claims + 1 \
         WHERE client_id = $1 AND id = (SELECT id FROM hook_deliveries WHERE client_id = $1 AND state < 2 AND next_at <= $2 \
         ORDER BY next_at, id LIMIT 1) AND state < 2 AND next_at <= $2 RETURNING ",
        columns!(),
        ", claims"
    );
    tx.query_opt(sql, &[&client_id, &now, &until], |r| {
        Ok(Claimed {
            delivery: map(r)?,
            claim: r.get(12)?,
        })
    })
    .await
}

/// Somebody whom a delivery names, with the grant that lets the app hear of them. Times in Unix seconds.
#[derive(Debug, Clone)]
pub struct Named {
    /// Who.
    pub user: UserId,
    /// Number of the change that the app is told of.
    pub seq: i64,
    /// It was anywhere in the drive, and not in the app's folder for certain.
    pub whole: bool,
    /// The grant.
    pub grant: GrantId,
    /// What was consented to and has not ended.
    pub scopes: Scopes,
    /// What of it was consented to without an end.
    pub lasting: Scopes,
    /// The app's folder, 0 for none.
    pub sandbox: NodeId,
    /// The grant's epoch.
    pub epoch: i64,
    /// The person's `/`.
    pub root: NodeId,
}

/// Whom a delivery names, but for those who took the grant back, whose grant is over at `now`, or who are disabled.
pub async fn named(tx: &mut Tx<'_>, client_id: &str, delivery: i64, now: i64) -> Result<Vec<Named>, DbError> {
    tx.query(
        "SELECT d.user_id, d.seq, d.whole, g.id, g.scopes, g.lasting_scopes, g.sandbox_id, g.epoch, u.root_id \
         FROM hook_delivery_people d JOIN users u ON u.id = d.user_id \
         JOIN grants g ON g.user_id = d.user_id AND g.client_id = d.client_id \
         WHERE d.client_id = $1 AND d.delivery_id = $2 AND u.is_disabled = 0 AND g.revoked_at = 0 \
         AND (g.expires_at = 0 OR g.expires_at > $3) ORDER BY d.user_id",
        &[&client_id, &delivery, &now],
        |r| {
            Ok(Named {
                user: UserId(r.get(0)?),
                seq: r.get(1)?,
                whole: r.get::<i64>(2)? != 0,
                grant: GrantId(r.get(3)?),
                scopes: Scopes::from_bits(r.get(4)?),
                lasting: Scopes::from_bits(r.get(5)?),
                sandbox: NodeId(r.get(6)?),
                epoch: r.get(7)?,
                root: NodeId(r.get(8)?),
            })
        },
    )
    .await
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// The app.
    pub client_id: &'a str,
    /// The delivery.
    pub id: i64,
    /// Which attempt.
    pub claim: i64,
    /// What becomes of the delivery.
    pub state: DeliveryState,
    /// When it is sent again, if it is.
    pub next_at: i64,
    /// HTTP status of the answer, 0 without one.
    pub status: i64,
    /// Why it failed, empty if it did not.
    pub error: &'a str,
    /// When.
    pub now: i64,
}

/// Writes how an attempt ended; `false` if the delivery is gone, or another is at it since.
pub async fn end(tx: &mut Tx<'_>, e: &Ended<'_>) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "UPDATE hook_deliveries SET state = $4, next_at = $5, status = $6, error = $7, sent_at = $8 \
             WHERE client_id = $1 AND id = $2 AND claims = $3 AND state = 1",
            &[
                &e.client_id,
                &e.id,
                &e.claim,
                &e.state.code(),
                &e.next_at,
                &e.status,
                &e.error,
                &e.now,
            ],
        )
        .await?;
    Ok(n == 1)
}

/// After a delivery: forgets whom it named, and what waits and would tell nothing newer of the same people.
pub async fn supersede(tx: &mut Tx<'_>, client_id: &str, id: i64) -> Result<(), DbError> {
    for sql in [
        "DELETE FROM hook_delivery_people WHERE client_id = $1 AND delivery_id <> $2 AND delivery_id IN \
         (SELECT id FROM hook_deliveries WHERE client_id = $1 AND state = 0) AND EXISTS (SELECT 1 FROM \
         hook_delivery_people d WHERE d.client_id = $1 AND d.delivery_id = $2 \
         AND d.user_id = hook_delivery_people.user_id AND d.seq >= hook_delivery_people.seq)",
        "DELETE FROM hook_delivery_people WHERE client_id = $1 AND delivery_id = $2",
        "DELETE FROM hook_deliveries WHERE client_id = $1 AND id <> $2 AND state = 0 AND is_test = 0 AND NOT EXISTS \
         (SELECT 1 FROM hook_delivery_people d WHERE d.client_id = $1 AND d.delivery_id = hook_deliveries.id)",
    ] {
        let values: &[&dyn crate::Param] = &[&client_id, &id];
        tx.execute(sql, values).await?;
    }
    Ok(())
}

/// Gives up all deliveries of an app that are not delivered.
pub async fn give_up(tx: &mut Tx<'_>, client_id: &str, error: &str) -> Result<(), DbError> {
    tx.execute(
        "UPDATE hook_deliveries SET state = 3, error = $2 WHERE client_id = $1 AND state < 2",
        &[&client_id, &error],
    )
    .await?;
    Ok(())
}

/// Sends a delivery that waits or was given up as if it were new, at `now`; `false` if it is neither.
pub async fn ask_again(tx: &mut Tx<'_>, client_id: &str, id: i64, now: i64) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "UPDATE hook_deliveries SET state = 0, attempts = 0, next_at = $3 \
             WHERE client_id = $1 AND id = $2 AND state IN (0, 3)",
            &[&client_id, &id, &now],
        )
        .await?;
    Ok(n == 1)
}

/// The same with all that wait.
pub async fn ask_all_again(tx: &mut Tx<'_>, client_id: &str, now: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE hook_deliveries SET attempts = 0, next_at = $2 WHERE client_id = $1 AND state = 0",
        &[&client_id, &now],
    )
    .await?;
    Ok(())
}

/// Removes a delivery that nobody is sending; `false` if it is not there or being sent at `now`.
pub async fn remove(tx: &mut Tx<'_>, client_id: &str, id: i64, now: i64) -> Result<bool, DbError> {
    let n = tx
        .execute(
            "DELETE FROM hook_deliveries WHERE client_id = $1 AND id = $2 AND (state <> 1 OR next_at <= $3)",
            &[&client_id, &id, &now],
        )
        .await?;
    if n == 1 {
        forget_people(tx, client_id, id).await?;
    }
    Ok(n == 1)
}

/// Removes a delivery that this caller has claimed: there is nobody left whom it could name.
pub async fn drop_claimed(tx: &mut Tx<'_>, client_id: &str, id: i64) -> Result<(), DbError> {
    tx.execute(
        "DELETE FROM hook_deliveries WHERE client_id = $1 AND id = $2",
        &[&client_id, &id],
    )
    .await?;
    forget_people(tx, client_id, id).await
}

async fn forget_people(tx: &mut Tx<'_>, client_id: &str, id: i64) -> Result<(), DbError> {
    tx.execute(
        "DELETE FROM hook_delivery_people WHERE client_id = $1 AND delivery_id = $2",
        &[&client_id, &id],
    )
    .await?;
    Ok(())
}

/// Removes up to `limit` deliveries that are over and were made before `before`, and says how many.
pub async fn sweep(tx: &mut Tx<'_>, before: i64, limit: i64) -> Result<usize, DbError> {
    let old = tx
        .query(
            "SELECT client_id, id FROM hook_deliveries WHERE created_at < $1 AND state >= 2 \
             ORDER BY created_at LIMIT $2",
            &[&before, &limit],
            |r| Ok((r.get::<String>(0)?, r.get::<i64>(1)?)),
        )
        .await?;
    for (client_id, id) in &old {
        drop_claimed(tx, client_id, *id).await?;
    }
    Ok(old.len())
}

/// Of an app's deliveries that were delivered, or given up, keeps the latest `keep` of each, and says how many went.
pub async fn thin_out(tx: &mut Tx<'_>, client_id: &str, keep: i64) -> Result<u64, DbError> {
    let mut gone = 0;
    for state in [DeliveryState::Delivered, DeliveryState::Dead] {
        let oldest = tx
            .query_opt(
                "SELECT id FROM hook_deliveries WHERE client_id = $1 AND state = $2 ORDER BY id DESC LIMIT 1 OFFSET $3",
                &[&client_id, &state.code(), &keep],
                |r| r.get::<i64>(0),
            )
            .await?;
        let Some(oldest) = oldest else { continue };
        let values: &[&dyn crate::Param] = &[&client_id, &state.code(), &oldest];
        tx.execute(
            "DELETE FROM hook_delivery_people WHERE client_id = $1 AND delivery_id IN \
             (SELECT id FROM hook_deliveries WHERE client_id = $1 AND state = $2 AND id <= $3)",
            values,
        )
        .await?;
        gone += tx
            .execute(
                "DELETE FROM hook_deliveries WHERE client_id = $1 AND state = $2 AND id <= $3",
                values,
            )
            .await?;
    }
    Ok(gone)
}

/// Apps that have a webhook, by id, from after `after`.
pub async fn apps(tx: &mut Tx<'_>, after: &str, limit: i64) -> Result<Vec<String>, DbError> {
    tx.query(
        "SELECT client_id FROM hooks WHERE client_id > $1 ORDER BY client_id LIMIT $2",
        &[&after, &limit],
        |r| r.get(0),
    )
    .await
}
