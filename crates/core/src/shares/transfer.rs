//! Saving what is shared into one's own drive: rows only, no bytes, all or nothing. Must not write to the owner's tree.

use pantry_db::{Tx, nodes::Kind, shares as rows, users};
use pantry_types::NodeId;

use super::{Door, Leave, Visit};
use crate::{
    Actor, Drive, Error, Keys,
    access::{self, Place},
    contents::Rules,
    copy::{self, Manner, Measure, Unfit},
    files::{Done, FolderRef, OnConflict, Selection, target},
};

/// What is to be saved where.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// What of the share; nothing chosen means all of it.
    pub what: Selection,
    /// Into which folder of the caller's.
    pub to: FolderRef,
    /// What to do if a name is taken there.
    pub on_conflict: OnConflict,
}

/// What was saved, or is being saved.
pub type Transferred = Done;

impl Drive {
    /// Saves what a share shows into the caller's drive.
    ///
    /// # Errors
    /// Those of the door; [`Error::SaveNotAllowed`]; those of a copy.
    pub async fn transfer(&self, actor: &Actor, visit: &Visit, transfer: Transfer) -> Result<Transferred, Error> {
        if !transfer.what.is_empty() {
            transfer.what.check()?;
        }
        let first = self.transfer_once(actor, visit, &transfer, None).await;
        let done = match first {
            Err(Unfit::Large) => {
                // Counting a million nodes would hold up every other writer: it is a read of its own.
                let args = (visit.clone(), self.keys().clone(), self.now(), transfer.what.clone());
                let measured = self
                    .db()
                    .read_long(args, |tx, (visit, keys, now, what)| {
                        Box::pin(async move {
                            let door = Door::enter_to_see(tx, keys, visit, *now).await?;
                            let places = chosen(tx, &door, what).await?;
                            let ids: Vec<NodeId> = places.iter().map(|p| p.node.id).collect();
                            copy::measure_all(tx, door.share.user, &ids).await
                        })
                    })
                    .await?;
                self.transfer_once(actor, visit, &transfer, Some(measured)).await
            }
            other => other,
        };
        let done = done.map_err(|e| match e {
            Unfit::Refused(e) => e,
            Unfit::Large => Error::Internal("a transfer that was not measured".into()),
        });
        self.at_door(visit, done)
    }

    async fn transfer_once(
        &self,
        actor: &Actor,
        visit: &Visit,
        transfer: &Transfer,
        measured: Option<Measure>,
    ) -> Result<Done, Unfit> {
        let task = Task {
            actor: actor.clone(),
            visit: visit.clone(),
            keys: self.keys().clone(),
            transfer: transfer.clone(),
            now: self.now(),
            rules: self.rules(),
            measured,
        };
        self.db()
            .write(task, |tx, task| Box::pin(async move { save(tx, task).await.into() }))
            .await
    }
}

struct Task {
    actor: Actor,
    visit: Visit,
    keys: Keys,
    transfer: Transfer,
    now: i64,
    rules: Rules,
    measured: Option<Measure>,
}

/// What was chosen of a share, or all of it.
async fn chosen(tx: &mut Tx<'_>, door: &Door, what: &Selection) -> Result<Vec<Place>, Error> {
    let mut places = Vec::new();
    if what.is_empty() {
        for id in &door.items {
            places.push(door.node(tx, *id, "file").await?.into());
        }
    }
    for (id, kind) in what.ids() {
        let word = match kind {
            Kind::File => "file",
            Kind::Folder => "folder",
        };
        let line = door.node(tx, id, word).await?;
        if line.node.kind != kind {
            return Err(Error::NotFound(word));
        }
        places.push(line.into());
    }
    Ok(places)
}

async fn save(tx: &mut Tx<'_>, task: &Task) -> Result<Done, Unfit> {
    let (visit, now) = (&task.visit, task.now);
    let owner = Door::find(tx, &visit.code, now).await?.share.user;
    // The rows of both, in the order of their ids: what is copied stays as it is meanwhile.
    if owner < task.actor.user() {
        users::lock(tx, owner).await?;
    }
    let mut entry = access::enter_write(tx, &task.actor, now).await?;
    if owner > task.actor.user() {
        users::lock(tx, owner).await?;
    }
    let door = Door::enter_to_see(tx, &task.keys, visit, now).await?;
    if !door.share.allow_save {
        return Err(Error::SaveNotAllowed.into());
    }
    let to = target(tx, &mut entry, &task.transfer.to).await?;
    let places = chosen(tx, &door, &task.transfer.what).await?;
    for place in &places {
        // It may be the caller's own share.
        if place.node.id == to.node.id {
            return Err(Error::IntoItself.into());
        }
        if to.is_within(place.node.id) {
            return Err(Error::IntoOwnSubfolder.into());
        }
    }
    let asked = match task.transfer.what.len() {
        0 => places.len(),
        n => n,
    };
    let manner = Manner {
        name: None,
        on_conflict: task.transfer.on_conflict,
        leave: Some(Leave::of(&door.share)),
        measured: task.measured,
        affected: i64::try_from(asked).unwrap_or(i64::MAX),
    };
    let done = copy::run(tx, entry, &places, &to, &manner, &task.rules).await?;
    if done.job.is_none() {
        rows::saved(tx, door.share.user, door.share.id).await?;
    }
    Ok(done)
}
