//! Grants that follow what became of their app, in batches; and what the console leaves behind, swept.
//! Must not decide what becomes of an app.

use pantry_db::{
    Outcome, Tx,
    app_states::{self, AppState},
    audit, password_links,
};

use crate::{Drive, Error};

/// Grants of one transaction.
const BATCH: i64 = 200;
/// Rows of one statement.
const ROWS: i64 = 500;
/// Seconds that an app is looked at again: what was on its way when it was suspended has ended by then.
const AGAIN: i64 = 3600;
const DAY: i64 = 86_400;

/// What was swept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweptConsole {
    /// Entries of the audit log.
    pub audit: u64,
    /// Links that set a password.
    pub links: u64,
    /// Grants that followed their app.
    pub grants: usize,
}

async fn follow_tx(tx: &mut Tx<'_>, (id, now): &(String, i64)) -> Outcome<usize, Error> {
    follow_rows(tx, id, *now).await.into()
}

async fn follow_rows(tx: &mut Tx<'_>, id: &str, now: i64) -> Result<usize, Error> {
    // What is so now: it may have been resumed meanwhile.
    match app_states::get(tx, id).await? {
        Some(state) => Ok(app_states::follow(tx, id, state, now, BATCH).await?),
        None => Ok(0),
    }
}

async fn states(tx: &mut Tx<'_>, after: &str) -> Result<Vec<(String, AppState)>, Error> {
    Ok(app_states::page(tx, after, ROWS).await?)
}

async fn forget_tx(tx: &mut Tx<'_>, before: &i64) -> Outcome<u64, Error> {
    app_states::forget(tx, *before).await.map_err(Error::from).into()
}

async fn audit_tx(tx: &mut Tx<'_>, before: &i64) -> Outcome<u64, Error> {
    audit::sweep(tx, *before, ROWS).await.map_err(Error::from).into()
}

async fn links_tx(tx: &mut Tx<'_>, before: &i64) -> Outcome<u64, Error> {
    password_links::sweep(tx, *before).await.map_err(Error::from).into()
}

impl Drive {
    /// Lets all grants of an app follow what became of it. What they opened is dead afterwards, or opens again.
    pub(super) async fn grants_follow(&self, client_id: &str) -> Result<usize, Error> {
        let mut sum = 0;
        let done = loop {
            let args = (client_id.to_owned(), self.now());
            match self.0.db.write(args, |tx, a| Box::pin(follow_tx(tx, a))).await {
                Ok(n) => {
                    sum += n;
                    self.tokens_changed();
                    if n < usize::try_from(BATCH).unwrap_or(usize::MAX) {
                        break Ok(sum);
                    }
                }
                Err(e) => break Err(e),
            }
        };
        self.tokens_changed();
        done
    }

    /// Removes old entries of the audit log and dead links, and lets grants follow whose app was suspended, resumed or
    /// deleted by a process that did not come to the end of it. For the janitor.
    ///
    /// # Errors
    /// The row store's; what went before stays done.
    pub async fn sweep_console(&self, now: i64) -> Result<SweptConsole, Error> {
        let mut swept = SweptConsole::default();
        let days = self.0.settings.audit.keep_days;
        if days > 0 {
            let before = now.saturating_sub(days.saturating_mul(DAY));
            loop {
                let n = self.0.db.write(before, |tx, b| Box::pin(audit_tx(tx, b))).await?;
                swept.audit += n;
                if n < ROWS.unsigned_abs() {
                    break;
                }
            }
        }
        swept.links = self.0.db.write(now, |tx, b| Box::pin(links_tx(tx, b))).await?;
        let mut after = String::new();
        loop {
            let page = self.0.db.read(after.clone(), |tx, a| Box::pin(states(tx, a))).await?;
            for (id, _) in &page {
                swept.grants += self.grants_follow(id).await?;
            }
            match page.last() {
                Some((id, _)) => after.clone_from(id),
                None => break,
            }
        }
        self.0.db.write(now - AGAIN, |tx, b| Box::pin(forget_tx(tx, b))).await?;
        Ok(swept)
    }
}
