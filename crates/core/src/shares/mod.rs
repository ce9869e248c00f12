//! Shares: giving others a file by an address, and ending that. What a share shows is live, and never outside of it.
//! Must know no face: no numbers, no pages, no address.

use pantry_db::{
    Tx,
    changes::Event,
    nodes,
    nodes::{Kind, Node},
    shares as rows, users,
};
use pantry_types::{NodeId, ShareId, UserId, random};

use crate::{
    Actor, Drive, Error,
    access::{self, Entry, Need, Place},
    files::chosen,
};

pub use pantry_db::shares::{Share, Shows};

/// Letters of a code: none that are taken for another.
const ALPHABET: &str = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Some 58 bits: nobody comes upon one by trying.
const CODE_CHARS: usize = 10;
/// How many codes are drawn for one share.
const DRAWS: usize = 4;

/// An open share of one file: for everybody who has its address, without an end.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Names it in addresses.
    pub code: String,
    /// The change log's head after it.
    pub head: i64,
}

/// Why a share does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// There is none of this code, or what it showed is gone for good.
    NotFound,
    /// Its owner ended it.
    Cancelled,
    /// Its time is over.
    Expired,
    /// It was downloaded as often as its owner allowed.
    UsedUp,
    /// What it showed lies in the recycle bin.
    Trashed,
}

/// A share as anybody may look at it.
#[derive(Debug, Clone)]
pub struct Look {
    /// The share.
    pub share: Share,
    /// The owner's name for others.
    pub owner: String,
    /// The nodes that it shows and that are in the tree.
    pub nodes: Vec<Node>,
}

/// Codes for a share to be made: drawn outside of the transaction, which may run twice.
#[derive(Debug, Clone)]
pub(crate) struct Codes(Vec<String>);

/// Whether a link that a share gave out still works. Downloads were counted when it was given.
pub(crate) async fn serves(tx: &mut Tx<'_>, user: UserId, share: ShareId, now: i64) -> Result<bool, Error> {
    let found = rows::get(tx, user, share).await?;
    Ok(found.is_some_and(|s| !s.cancelled && (s.expires_at == 0 || now < s.expires_at)))
}

/// The code by which a file is open to everybody, if it is.
pub(crate) async fn open_code(tx: &mut Tx<'_>, user: UserId, file: NodeId) -> Result<Option<String>, Error> {
    let open = rows::open_of(tx, user, &[file.0]).await?;
    Ok(open.into_iter().next().map(|(_, _, code)| code))
}

/// Opens a file to everybody, or finds that it is open; a new share is noted in the log. The caller closes the entry.
pub(crate) async fn open(tx: &mut Tx<'_>, entry: &mut Entry<'_>, file: &Place, codes: &Codes) -> Result<String, Error> {
    if let Some(code) = open_code(tx, entry.user.id, file.node.id).await? {
        return Ok(code);
    }
    let id = ShareId(pantry_db::dialect::next_id(tx).await?);
    for code in &codes.0 {
        let share = Share {
            user: entry.user.id,
            id,
            code: code.clone(),
            shows: file.node.kind.into(),
            client_id: entry.actor.client_id().to_owned(),
            password_hash: String::new(),
            expires_at: 0,
            max_downloads: 0,
            downloads: 0,
            views: 0,
            saves: 0,
            allow_save: true,
            cancelled: false,
            created_at: entry.now,
        };
        if rows::insert(tx, &share, &[file.node.id]).await? {
            note(tx, entry, file).await?;
            return Ok(code.clone());
        }
    }
    Err(Error::Busy)
}

/// Sharing changes the listing that the node stands in.
async fn note(tx: &mut Tx<'_>, entry: &mut Entry<'_>, place: &Place) -> Result<(), Error> {
    let at = Some((place.node.parent, place.sandbox));
    entry.record(tx, Event::Updated, &place.node, false, at, at).await
}

impl Drive {
    pub(crate) fn draw_codes(&self) -> Codes {
        let draw = |_| random::choose(self.random().as_ref(), ALPHABET, CODE_CHARS);
        Codes((0..DRAWS).map(draw).collect())
    }

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

    /// What anybody sees who has the code. A look is counted.
    ///
    /// # Errors
    /// The row store's; that it does not serve is the inner answer.
    pub async fn look_at_share(&self, code: &str) -> Result<Result<Look, Closed>, Error> {
        let seen = self.find_share(code).await?;
        if let Ok(look) = &seen {
            self.db()
                .write((look.share.user, look.share.id), |tx, (user, id)| {
                    Box::pin(async move { rows::viewed(tx, *user, *id).await.map_err(Error::from).into() })
                })
                .await?;
        }
        Ok(seen)
    }

    async fn find_share(&self, code: &str) -> Result<Result<Look, Closed>, Error> {
        if code.len() > 64 {
            return Ok(Err(Closed::NotFound));
        }
        self.db()
            .read((code.to_owned(), self.now()), |tx, (code, now)| {
                Box::pin(async move { look(tx, code, *now).await })
            })
            .await
    }

    /// A link to a file that a share shows, to look at in place. It is no download, and none is given where downloads are numbered.
    pub fn preview_link(&self, look: &Look, file: &Node) -> Option<String> {
        let shown = look.nodes.iter().any(|n| n.id == file.id) && file.kind == Kind::File;
        (shown && look.share.max_downloads == 0).then(|| self.share_link(file.user, look.share.id, file.version, false))
    }

    /// A link to the one file that a share shows, to be saved. It counts as a download.
    ///
    /// # Errors
    /// The row store's; that it does not serve is the inner answer.
    pub async fn download_share(&self, code: &str) -> Result<Result<String, Closed>, Error> {
        let look = match self.find_share(code).await? {
            Ok(look) => look,
            Err(closed) => return Ok(Err(closed)),
        };
        let Some(file) = look.nodes.iter().find(|n| n.kind == Kind::File) else {
            return Ok(Err(Closed::NotFound));
        };
        let counted = self
            .db()
            .write((look.share.user, look.share.id), |tx, (user, id)| {
                Box::pin(async move { rows::downloaded(tx, *user, *id).await.map_err(Error::from).into() })
            })
            .await?;
        if !counted {
            return Ok(Err(Closed::UsedUp));
        }
        Ok(Ok(self.share_link(file.user, look.share.id, file.version, true)))
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

async fn look(tx: &mut Tx<'_>, code: &str, now: i64) -> Result<Result<Look, Closed>, Error> {
    let Some(share) = rows::by_code(tx, code).await? else {
        return Ok(Err(Closed::NotFound));
    };
    let Some(user) = users::get(tx, share.user).await?.filter(|u| !u.is_disabled) else {
        return Ok(Err(Closed::NotFound));
    };
    if share.cancelled {
        return Ok(Err(Closed::Cancelled));
    }
    if share.expires_at != 0 && now >= share.expires_at {
        return Ok(Err(Closed::Expired));
    }
    if share.max_downloads != 0 && share.downloads >= share.max_downloads {
        return Ok(Err(Closed::UsedUp));
    }
    let mut found = Vec::new();
    let mut trashed = false;
    for id in rows::items(tx, share.user, share.id).await? {
        let line = nodes::lineage(tx, share.user, id).await?;
        match line {
            Some(line) if line.top() == user.root_id => found.push(line.node),
            Some(_) => trashed = true,
            None => {}
        }
    }
    if found.is_empty() {
        return Ok(Err(if trashed { Closed::Trashed } else { Closed::NotFound }));
    }
    Ok(Ok(Look {
        share,
        owner: user.nickname,
        nodes: found,
    }))
}
