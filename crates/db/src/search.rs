//! The index of names: which nodes of a person may contain a text.
//! Must not answer a search: a hit here is a candidate, to be compared and
//! checked for access by the caller.

use pantry_types::{NodeId, UserId, search::Gram};

use crate::{DbError, Engine, IdList, Tx};

/// A gram of one person's names as a word of the SQLite index.
fn word(user: UserId, gram: &Gram) -> String {
    format!("{:x}u{}", user.0, gram.text())
}

/// A gram of one person's names as a number of the PostgreSQL index. Two may
/// meet in one number; hits are compared anyway.
fn number(user: UserId, gram: &Gram) -> i64 {
    let pair = (i64::from(u32::from(gram.a)) << 21) | gram.b.map_or(0, |b| i64::from(u32::from(b)));
    pair ^ user.0.wrapping_mul(0x1E37_79B9_7F4A_7C15)
}

/// Adds a node's name to the index.
pub async fn add(tx: &mut Tx<'_>, user: UserId, node: NodeId, grams: &[Gram]) -> Result<(), DbError> {
    match tx.engine() {
        Engine::Sqlite => {
            let words: Vec<String> = grams.iter().map(|g| word(user, g)).collect();
            tx.execute(
                "INSERT INTO node_grams (rowid, grams) VALUES ($1, $2)",
                &[&node.0, &words.join(" ")],
            )
            .await?;
        }
        Engine::Postgres => {
            let numbers: IdList = grams.iter().map(|g| number(user, g)).collect();
            tx.execute(
                "INSERT INTO node_grams (user_id, node_id, grams) VALUES ($1, $2, $3)",
                &[&user.0, &node.0, &numbers],
            )
            .await?;
        }
    }
    Ok(())
}

/// Takes a node out of the index.
pub async fn remove(tx: &mut Tx<'_>, user: UserId, node: NodeId) -> Result<(), DbError> {
    match tx.engine() {
        Engine::Sqlite => {
            tx.execute("DELETE FROM node_grams WHERE rowid = $1", &[&node.0])
                .await?;
        }
        Engine::Postgres => {
            tx.execute(
                "DELETE FROM node_grams WHERE user_id = $1 AND node_id = $2",
                &[&user.0, &node.0],
            )
            .await?;
        }
    }
    Ok(())
}

/// Takes several nodes out of the index.
pub async fn remove_all(tx: &mut Tx<'_>, user: UserId, nodes: &[NodeId]) -> Result<(), DbError> {
    let list: IdList = nodes.iter().map(|n| n.0).collect();
    match tx.engine() {
        Engine::Sqlite => {
            tx.execute(
                "DELETE FROM node_grams WHERE rowid IN (SELECT value FROM json_each($1))",
                &[&list],
            )
            .await?;
        }
        Engine::Postgres => {
            tx.execute(
                "DELETE FROM node_grams WHERE user_id = $1 AND node_id = ANY($2)",
                &[&user.0, &list],
            )
            .await?;
        }
    }
    Ok(())
}

/// Nodes that have all the grams, latest id first, below `before`.
pub async fn candidates(
    tx: &mut Tx<'_>,
    user: UserId,
    grams: &[Gram],
    before: NodeId,
    limit: i64,
) -> Result<Vec<NodeId>, DbError> {
    match tx.engine() {
        Engine::Sqlite => {
            let words: Vec<String> = grams.iter().map(|g| format!("\"{}\"", word(user, g))).collect();
            tx.query(
                "SELECT rowid FROM node_grams WHERE node_grams MATCH $1 AND rowid < $2 \
                 ORDER BY rowid DESC LIMIT $3",
                &[&words.join(" AND "), &before.0, &limit],
                |r| Ok(NodeId(r.get(0)?)),
            )
            .await
        }
        Engine::Postgres => {
            let numbers: IdList = grams.iter().map(|g| number(user, g)).collect();
            tx.query(
                "SELECT node_id FROM node_grams WHERE user_id = $1 AND grams @> $2 AND node_id < $3 \
                 ORDER BY node_id DESC LIMIT $4",
                &[&user.0, &numbers, &before.0, &limit],
                |r| Ok(NodeId(r.get(0)?)),
            )
            .await
        }
    }
}
