//! Drop boxes: others put files into a folder that they cannot see. What they send is an upload like any other, which ends
//! with the share. Must not tell what is in the folder: not by a name that was taken, nor by content that is there already.

use pantry_db::{Tx, shares as rows, uploads};
use pantry_types::{Name, NodeId, UserId};

use super::{Closed, Door, Leave, Share, Shows, Visit};
use crate::{
    Actor, Drive, Error, Keys,
    files::{FolderRef, OnConflict},
    uploads::{ContentReceiver, Declared, Precreated, Through},
};

/// What a drop box was given.
pub type Dropped = Precreated;

impl Drive {
    /// Begins an upload into a drop box. A name that is taken there gets a number; the sender is not told.
    ///
    /// # Errors
    /// Those of the door; [`Error::NotDrop`], [`Error::TooLarge`], [`Error::DropFull`], [`Error::TooMany`].
    pub async fn drop_precreate(&self, visit: &Visit, mut declared: Declared) -> Result<Dropped, Error> {
        declared.on_conflict = OnConflict::Rename;
        let size = declared.size;
        let (owner, through) = self.drop_box(visit, size).await?;
        let begun = self.precreate_through(&Actor::person(owner), declared, through).await;
        match begun {
            // What the owner has, and how much of it is used, is theirs to know.
            Err(Error::Quota { .. }) => Err(Error::DropFull { size }),
            begun => self.at_door(visit, begun),
        }
    }

    /// Begins to receive a file of at most `limit` bytes from the form of a drop box's page.
    ///
    /// # Errors
    /// As [`Self::drop_precreate`].
    pub async fn drop_content(
        &self,
        visit: &Visit,
        name: Name,
        mime: Option<String>,
        limit: u64,
    ) -> Result<ContentReceiver, Error> {
        let (owner, through) = self.drop_box(visit, 0).await?;
        Ok(self.receive_through(&Actor::person(owner), name, mime, limit, through))
    }

    async fn drop_box(&self, visit: &Visit, size: i64) -> Result<(UserId, Through), Error> {
        let most = self.settings().share.drop_uploads;
        let args = (visit.clone(), self.keys().clone(), self.now(), size, most);
        let found = self
            .db()
            .read(args, |tx, (visit, keys, now, size, most)| {
                Box::pin(async move { find(tx, keys, visit, *now, *size, *most).await })
            })
            .await;
        let (share, folder) = self.at_door(visit, found)?;
        let through = Through {
            leave: Leave::of(&share),
            folder,
            most,
        };
        Ok((share.user, through))
    }
}

async fn find(
    tx: &mut Tx<'_>,
    keys: &Keys,
    visit: &Visit,
    now: i64,
    size: i64,
    most: i64,
) -> Result<(Share, FolderRef), Error> {
    let door = Door::enter(tx, keys, visit, now).await?;
    let folder = match (door.share.shows, door.items.first()) {
        (Shows::Drop, Some(id)) => *id,
        _ => return Err(Error::NotDrop),
    };
    takes(tx, &door.share, size, most).await?;
    Ok((door.share, FolderRef::Id(folder)))
}

/// Whether a drop box takes another file of this size.
async fn takes(tx: &mut Tx<'_>, share: &Share, size: i64, most: i64) -> Result<(), Error> {
    if share.max_file_size != 0 && size > share.max_file_size {
        return Err(Error::TooLarge {
            limit: share.max_file_size,
        });
    }
    let open = uploads::open_through(tx, share.user, share.id).await?;
    // One that is on its way may still be given up.
    let taken = share.max_files != 0 && share.received + open >= share.max_files;
    if taken || (most > 0 && open >= most) {
        return Err(Error::TooMany { retry_after: 60 });
    }
    Ok(())
}

/// Looks again, with the owner's row held, whether a drop box takes a file into its folder.
pub(crate) async fn check(
    tx: &mut Tx<'_>,
    through: &Through,
    folder: NodeId,
    size: i64,
    now: i64,
) -> Result<(), Error> {
    let share = leads_to(tx, through.leave, folder, now).await?;
    takes(tx, &share, size, through.most).await
}

/// The share, if it still is a drop box that leads to this folder.
pub(crate) async fn leads_to(tx: &mut Tx<'_>, leave: Leave, folder: NodeId, now: i64) -> Result<Share, Error> {
    let none = Error::ShareClosed(Closed::NotFound);
    let Some(share) = leave.stands(tx, now).await? else {
        return Err(none);
    };
    let items = rows::items(tx, leave.owner, leave.share).await?;
    if share.shows == Shows::Drop && items.contains(&folder) {
        Ok(share)
    } else {
        Err(none)
    }
}

/// Counts a file that came in, and says where its sender is told it lies: by the name that it was sent under, whatever it got.
pub(crate) async fn received(tx: &mut Tx<'_>, leave: Leave, name: &str) -> Result<String, Error> {
    if rows::received(tx, leave.owner, leave.share).await? {
        Ok(format!("/{name}"))
    } else {
        Err(Error::ShareClosed(Closed::UsedUp))
    }
}
