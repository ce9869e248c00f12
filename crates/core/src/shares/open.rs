//! The plain share: one file, open to everybody who has the address, without an end. What the weipan API calls sharing.
//! Must not know passwords or limits.

use pantry_db::{Tx, changes::Event, nodes::Kind, shares as rows};
use pantry_types::{NodeId, UserId};

use super::Codes;
use crate::{
    Actor, Drive, Error,
    access::{self, Entry, Need, Place},
    files::chosen,
    shares::make::{insert, plain},
};

/// An open share of one file: for everybody who has its address, without an end.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Names it in addresses.
    pub code: String,
    /// The change log's head after it.
    pub head: i64,
}

/// The code by which a file is open to everybody, if it is.
pub(crate) async fn open_code(tx: &mut Tx<'_>, user: UserId, file: NodeId) -> Result<Option<String>, Error> {
    Ok(rows::open_code(tx, user, file).await?)
}

/// Opens a file to everybody, or finds that it is open; a new share is noted in the log. The caller closes the entry.
pub(crate) async fn open(tx: &mut Tx<'_>, entry: &mut Entry<'_>, file: &Place, codes: &Codes) -> Result<String, Error> {
    if let Some(code) = open_code(tx, entry.user.id, file.node.id).await? {
        return Ok(code);
    }
    let mut share = plain(entry, file.node.kind.into());
    insert(tx, &mut share, &[file.node.id], codes).await?;
    note(tx, entry, file).await?;
    Ok(share.code)
}

/// Sharing changes the listing that the node stands in.
pub(super) async fn note(tx: &mut Tx<'_>, entry: &mut Entry<'_>, place: &Place) -> Result<(), Error> {
    let at = Some((place.node.parent, place.sandbox));
    entry.record(tx, Event::Updated, &place.node, false, at, at).await
}

impl Drive {
    /// Opens a file to everybody who has the address. One that is open already keeps its address.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::StaleHead`].
    pub async fn share_file(&self, actor: &Actor, file: NodeId) -> Result<Opened, Error> {
        let args = (actor.clone(), file, self.draw_codes(), self.now());
        self.db()
            .write(args, |tx, (actor, file, codes, now)| {
                Box::pin(async move { share_file(tx, actor, *file, codes, *now).await.into() })
            })
            .await
    }

    /// Ends every open share of a file. `None`: it had none, and nothing was changed.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::StaleHead`].
    pub async fn unshare_file(&self, actor: &Actor, file: NodeId) -> Result<Option<i64>, Error> {
        let args = (actor.clone(), file, self.now());
        self.db()
            .write(args, |tx, (actor, file, now)| {
                Box::pin(async move { unshare_file(tx, actor, *file, *now).await.into() })
            })
            .await
    }

    /// The code by which a person's file is open to everybody, if it is; for addresses that name person and file.
    ///
    /// # Errors
    /// The row store's.
    pub async fn open_share_of(&self, user: UserId, file: NodeId) -> Result<Option<String>, Error> {
        self.db()
            .read((user, file), |tx, (user, file)| {
                Box::pin(async move { open_code(tx, *user, *file).await })
            })
            .await
    }
}

async fn share_file(tx: &mut Tx<'_>, actor: &Actor, file: NodeId, codes: &Codes, now: i64) -> Result<Opened, Error> {
    let mut entry = access::enter_write(tx, actor, now).await?;
    let place = chosen(tx, &entry, file, Kind::File, Need::Read).await?;
    let code = open(tx, &mut entry, &place, codes).await?;
    let head = entry.close(tx).await?;
    Ok(Opened { code, head })
}

async fn unshare_file(tx: &mut Tx<'_>, actor: &Actor, file: NodeId, now: i64) -> Result<Option<i64>, Error> {
    let mut entry = access::enter_write(tx, actor, now).await?;
    let place = chosen(tx, &entry, file, Kind::File, Need::Read).await?;
    let open = rows::open_of(tx, entry.user.id, &[file.0]).await?;
    if open.is_empty() {
        return Ok(None);
    }
    for (_, share, _) in open {
        rows::cancel(tx, entry.user.id, share).await?;
    }
    note(tx, &mut entry, &place).await?;
    Ok(Some(entry.close(tx).await?))
}
