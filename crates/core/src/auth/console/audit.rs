//! Reading the audit log: an administrator all of it, each person what concerns their account.
//! Must not write it.

use pantry_db::{
    Tx, audit,
    audit::{Filter, Line},
};
use pantry_types::UserId;

use super::{Admin, ConsoleError, Page, Paging};
use crate::{Drive, Error, auth::SessionActor};

/// One entry, with the names of whom it names.
pub type AuditLine = Line;

/// Which entries are wanted; what is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct AuditWanted {
    /// Of this account. Not for a person, who sees their own.
    pub user: Option<UserId>,
    /// About this app.
    pub client_id: Option<String>,
    /// Of this kind.
    pub event: Option<String>,
    /// Not before this time, Unix seconds.
    pub since: Option<i64>,
    /// Before this time, Unix seconds.
    pub until: Option<i64>,
}

async fn read(tx: &mut Tx<'_>, (filter, before, limit): &(Filter, i64, i64)) -> Result<Vec<Line>, Error> {
    Ok(audit::page(tx, filter, *before, *limit).await?)
}

impl Drive {
    /// The audit log of this installation, newest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] (cursor).
    pub async fn audit_log(
        &self,
        _: &Admin,
        wanted: AuditWanted,
        paging: &Paging,
    ) -> Result<Page<AuditLine>, ConsoleError> {
        self.read_audit(wanted, paging).await
    }

    /// What happened to the person's own account, newest first. Who among the administrators did it is not told.
    ///
    /// # Errors
    /// [`Error::Invalid`] (cursor).
    pub async fn own_audit_log(
        &self,
        session: &SessionActor,
        wanted: AuditWanted,
        paging: &Paging,
    ) -> Result<Page<AuditLine>, ConsoleError> {
        let own = AuditWanted {
            user: Some(session.user),
            ..wanted
        };
        let page = self.read_audit(own, paging).await?;
        // An administrator's address is theirs.
        Ok(page.map(|mut line| {
            if line.actor.0 != 0 && line.actor != session.user {
                line.actor_name = String::new();
                line.entry.address = String::new();
            }
            line
        }))
    }

    async fn read_audit(&self, wanted: AuditWanted, paging: &Paging) -> Result<Page<AuditLine>, ConsoleError> {
        let filter = Filter {
            user: wanted.user,
            client_id: wanted.client_id,
            event: wanted.event,
            since: wanted.since,
            until: wanted.until,
        };
        let args = (filter, paging.number(i64::MAX)?, paging.fetch());
        let found = self.0.db.read(args, |tx, a| Box::pin(read(tx, a))).await?;
        Ok(Page::of(found, paging.limit(), |l| l.id.to_string()))
    }
}
