//! What a program is told of changes: the number of the latest, and the folders to list again.
//! Must not tell a number whose changes it did not tell.

use pantry_db::{
    Engine, Tx,
    books::{self, Books},
    changes,
};
use pantry_types::{GrantId, NodeId, UserId};

use crate::{Drive, Error};

/// The head of a person's change log, and what changed since the one that the caller knew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dolog {
    /// Number of the latest change.
    pub head: i64,
    /// Folders that exist and whose direct content changed, 0 for the root. Empty if the caller knew of none, and if
    /// what it knew is too old to list (or no number of ours).
    pub folders: Vec<NodeId>,
}

impl Drive {
    /// The head now, with what changed since `since`. Both are of one moment.
    ///
    /// # Errors
    /// [`Error::Unauthorized`]: there is no such person (any more).
    pub async fn dolog(&self, user: UserId, since: Option<i64>) -> Result<Dolog, Error> {
        self.db()
            .read((user, since, None), |tx, (user, since, up_to)| {
                Box::pin(async move { dolog(tx, *user, *since, *up_to).await })
            })
            .await
    }

    /// The head after a write of the caller's own, with what changed up to it and not later: what others wrote
    /// meanwhile comes after the head that is told.
    ///
    /// # Errors
    /// As [`Self::dolog`].
    pub async fn dolog_up_to(&self, user: UserId, since: Option<i64>, head: i64) -> Result<Dolog, Error> {
        if since.is_none_or(|s| s >= head) {
            return Ok(Dolog {
                head,
                folders: Vec::new(),
            });
        }
        self.db()
            .read((user, since, Some(head)), |tx, (user, since, up_to)| {
                Box::pin(async move { dolog(tx, *user, *since, *up_to).await })
            })
            .await
    }
}

async fn dolog(tx: &mut Tx<'_>, id: UserId, since: Option<i64>, up_to: Option<i64>) -> Result<Dolog, Error> {
    let (user, _) = books::read(tx, id, GrantId(0)).await?.ok_or(Error::Unauthorized)?;
    told(tx, &user, since, up_to).await
}

/// The same by the person's books, read before in the same transaction.
pub(super) async fn told(
    tx: &mut Tx<'_>,
    user: &Books,
    since: Option<i64>,
    up_to: Option<i64>,
) -> Result<Dolog, Error> {
    let head = up_to.unwrap_or(user.head);
    let mut folders = Vec::new();
    if let Some(since) = since.filter(|s| (user.floor..head).contains(s)) {
        folders = changes::folders_touched(tx, user.id, user.root_id, since, head).await?;
        for folder in &mut folders {
            if *folder == user.root_id {
                *folder = NodeId(0);
            }
        }
        folders.sort_unstable_by_key(|f| f.0);
        // On PostgreSQL the log may have been trimmed between the two statements; not what was written a moment ago.
        let settled = up_to.is_some() || tx.engine() == Engine::Sqlite;
        if !settled
            && books::read(tx, user.id, GrantId(0))
                .await?
                .is_none_or(|(now, _)| since < now.floor)
        {
            folders.clear();
        }
    }
    Ok(Dolog { head, folders })
}
