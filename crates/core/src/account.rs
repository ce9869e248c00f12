//! What a caller may know of the person, and switching sharing on.
//! Must not sign anybody in; [`crate::auth`] does.

use pantry_db::{grants, users, users::User};
use pantry_types::Scope;

use crate::{Actor, Drive, Error, access};

/// Space of an account, in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Space {
    /// Allowed.
    pub total: i64,
    /// Used by contents; the bin and old versions count.
    pub used: i64,
    /// Allowed, less what is used and what running uploads were promised.
    pub free: i64,
}

impl Space {
    /// Of a person's row.
    pub fn of(user: &User) -> Self {
        Self {
            total: user.quota,
            used: user.used,
            free: (user.quota - user.used - user.reserved).max(0),
        }
    }

    /// Percent used, with two decimals.
    pub fn percent(&self) -> f64 {
        if self.total <= 0 {
            return 100.0;
        }
        (self.used as f64 * 10_000.0 / self.total as f64).round() / 100.0
    }
}

impl Drive {
    /// The person in whose name the caller acts.
    pub async fn account(&self, actor: &Actor) -> Result<User, Error> {
        self.db()
            .read((actor.clone(), self.now()), |tx, (actor, now)| {
                Box::pin(async move {
                    let entry = access::enter(tx, actor, *now).await?;
                    users::get(tx, entry.user.id).await?.ok_or(Error::Unauthorized)
                })
            })
            .await
    }

    /// Switches the share endpoints on for this person and app. Calling it again changes nothing.
    pub async fn enable_share(&self, actor: &Actor) -> Result<(), Error> {
        self.db()
            .write((actor.clone(), self.now()), |tx, (actor, now)| {
                Box::pin(async move {
                    let r: Result<(), Error> = async {
                        let entry = access::enter_write(tx, actor, *now).await?;
                        if actor.grant().0 == 0 {
                            return Ok(());
                        }
                        if !entry.has(Scope::ShareCreate) {
                            return Err(Error::Forbidden(
                                "the token may not create shares; ask for share.create".into(),
                            ));
                        }
                        Ok(grants::enable_share(tx, entry.user.id, actor.grant()).await?)
                    }
                    .await;
                    r.into()
                })
            })
            .await
    }
}
