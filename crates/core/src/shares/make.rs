//! Making shares, changing them, and ending them. Sharing is a right of its own: it reaches what the caller may read, and
//! never lets an app see more. Must not know who comes to a share.

use pantry_db::{Tx, audit, grants, nodes::Kind, shares as rows};
use pantry_types::{NodeId, ShareId, UserId, random};

use super::{ALPHABET, Closed, Share, Shows, door::CREATE, open::note};
use crate::{
    Actor, Drive, Error,
    access::{self, Entry, Need, Place},
    auth::Origin,
    files::{Selection, chosen},
};

/// Characters of a password that is made up.
const AUTO_CHARS: usize = 4;
/// Longest password, in bytes.
const PASSWORD_BYTES: usize = 128;
/// Longest time of a share, in seconds: a hundred years.
const LONGEST: i64 = 100 * 365 * 86_400;
/// Most nodes of one share.
const ITEMS: usize = 1_000;
/// Most shares of one person, those that ended too.
const SHARES: i64 = 100_000;
/// Shares that are ended in one transaction, where an app made many.
const AT_ONCE: i64 = 500;

/// Codes for a share to be made: drawn outside of the transaction, which may run twice.
#[derive(Debug, Clone)]
pub(crate) struct Codes(pub(super) Vec<String>);

/// What a share is to be like. What is `None` stays as it is, or as it is by default.
#[derive(Clone, Default)]
pub struct ShareChange {
    /// What it shows, or where a drop box leads.
    pub what: Option<Selection>,
    /// Its password; empty for none.
    pub password: Option<String>,
    /// A password is to be made up.
    pub auto_password: bool,
    /// Seconds from now until it ends; 0 for never.
    pub expires_in: Option<i64>,
    /// Downloads after which it ends; 0 for no limit.
    pub max_downloads: Option<i64>,
    /// Whether others may save it to their own drives.
    pub allow_save: Option<bool>,
    /// Of a drop box: most bytes of one file; 0 for no limit.
    pub max_file_size: Option<i64>,
    /// Of a drop box: files after which it takes no more; 0 for no limit.
    pub max_files: Option<i64>,
}

impl std::fmt::Debug for ShareChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Its password is not for a log.
        f.debug_struct("ShareChange")
            .field("what", &self.what)
            .finish_non_exhaustive()
    }
}

/// A share to be made.
#[derive(Debug, Clone, Default)]
pub struct NewShare {
    /// What it is to be like.
    pub like: ShareChange,
    /// Others put files into it, and see nothing.
    pub drop: bool,
}

/// A share that was made or changed.
#[derive(Clone)]
pub struct Made {
    /// The share's id.
    pub id: ShareId,
    /// Names it in addresses.
    pub code: String,
    /// Its password, where one was set by this call.
    pub password: Option<String>,
    /// When it ends; 0 for never.
    pub expires_at: i64,
}

impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Made").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A share as nobody limited it yet.
pub(super) fn plain(entry: &Entry<'_>, shows: Shows) -> Share {
    Share {
        user: entry.user.id,
        id: ShareId(0),
        code: String::new(),
        shows,
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
        epoch: 1,
        max_file_size: 0,
        max_files: 0,
        received: 0,
    }
}

/// Adds a share under the first code that nobody has.
pub(super) async fn insert(tx: &mut Tx<'_>, share: &mut Share, nodes: &[NodeId], codes: &Codes) -> Result<(), Error> {
    share.id = ShareId(pantry_db::dialect::next_id(tx).await?);
    for code in &codes.0 {
        share.code.clone_from(code);
        if rows::insert(tx, share, nodes).await? {
            return Ok(());
        }
    }
    Err(Error::Busy)
}

/// Whether a share is what the weipan API calls one: its listings show it, and change with it.
fn is_open(share: &Share) -> bool {
    matches!(share.shows, Shows::File | Shows::Folder)
        && share.password_hash.is_empty()
        && share.expires_at == 0
        && share.max_downloads == 0
}

impl ShareChange {
    fn check(&self) -> Result<(), Error> {
        if let Some(what) = &self.what {
            what.check()?;
            if what.len() > ITEMS {
                return Err(Error::invalid(
                    "file_ids",
                    format!("{} ids are too many for one share; {ITEMS} are the most", what.len()),
                ));
            }
        }
        if self.auto_password && self.password.as_deref().is_some_and(|p| !p.is_empty()) {
            return Err(Error::invalid(
                "auto_password",
                "send a password or auto_password, not both",
            ));
        }
        if self.password.as_ref().is_some_and(|p| p.len() > PASSWORD_BYTES) {
            return Err(Error::invalid(
                "password",
                format!("a password of a share has at most {PASSWORD_BYTES} bytes"),
            ));
        }
        let numbers = [
            ("expires_in", self.expires_in, LONGEST),
            ("max_downloads", self.max_downloads, i64::from(i32::MAX)),
            ("max_files", self.max_files, i64::from(i32::MAX)),
            ("max_file_size", self.max_file_size, i64::MAX),
        ];
        for (name, number, most) in numbers {
            if let Some(n) = number.filter(|n| !(0..=most).contains(n)) {
                return Err(Error::invalid(
                    name,
                    format!("{n} is out of range; send 0 for none, or up to {most}"),
                ));
            }
        }
        Ok(())
    }

    /// Puts in what was said, but for what is shown.
    fn apply(&self, share: &mut Share, password_hash: Option<&str>, now: i64) {
        if let Some(hash) = password_hash {
            share.password_hash = hash.to_owned();
            share.epoch += 1;
        }
        if let Some(seconds) = self.expires_in {
            share.expires_at = if seconds == 0 { 0 } else { now + seconds };
        }
        share.max_downloads = self.max_downloads.unwrap_or(share.max_downloads);
        share.allow_save = self.allow_save.unwrap_or(share.allow_save);
        share.max_file_size = self.max_file_size.unwrap_or(share.max_file_size);
        share.max_files = self.max_files.unwrap_or(share.max_files);
    }
}

/// What a transaction that makes or changes a share needs.
#[derive(Clone)]
struct Task {
    actor: Actor,
    change: ShareChange,
    password_hash: Option<String>,
    now: i64,
}

impl Drive {
    /// Shares files and folders, or makes a drop box of a folder.
    ///
    /// # Errors
    /// [`Error::ShareNotEnabled`], [`Error::NotFound`], [`Error::Invalid`].
    pub async fn create_share(&self, actor: &Actor, new: NewShare) -> Result<Made, Error> {
        if new.like.what.is_none() {
            return Err(Error::invalid(
                "file_ids",
                "name at least one file or folder (file_ids, folder_ids)",
            ));
        }
        let (task, password) = self.share_task(actor, new.like).await?;
        let args = (task, new.drop, self.draw_codes());
        let share = self
            .db()
            .write(args, |tx, (task, drop, codes)| {
                Box::pin(async move { create(tx, task, *drop, codes).await.into() })
            })
            .await?;
        Ok(made(share, password))
    }

    /// Changes a share of the caller's: one that the app made, or of what it may read. Another password ends all tickets.
    ///
    /// # Errors
    /// As [`Self::create_share`].
    pub async fn update_share(&self, actor: &Actor, id: ShareId, change: ShareChange) -> Result<Made, Error> {
        let (task, password) = self.share_task(actor, change).await?;
        let share = self
            .db()
            .write((task, id), |tx, (task, id)| {
                Box::pin(async move { update(tx, task, *id).await.into() })
            })
            .await?;
        Ok(made(share, password))
    }

    /// Ends shares of the caller's, all or none. How many ids were given.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn cancel_shares(&self, actor: &Actor, ids: Vec<ShareId>) -> Result<i64, Error> {
        if ids.is_empty() || ids.len() > ITEMS {
            return Err(Error::invalid(
                "share_ids",
                format!("name at least one share, and at most {ITEMS}"),
            ));
        }
        self.db()
            .write((actor.clone(), ids, self.now()), |tx, (actor, ids, now)| {
                Box::pin(async move { cancel(tx, actor, ids, *now).await.into() })
            })
            .await
    }

    /// Ends what an app made for a person and still serves, and says how many. Others get at the rows in between.
    pub(crate) async fn cancel_shares_of(&self, user: UserId, client_id: &str, origin: &Origin) -> Result<u64, Error> {
        let args = (Actor::person(user), client_id.to_owned(), origin.clone(), self.now());
        let mut sum = 0;
        loop {
            let some = self
                .db()
                .write(args.clone(), |tx, (person, client_id, origin, now)| {
                    Box::pin(async move { cancel_some(tx, person, client_id, origin, *now).await.into() })
                })
                .await?;
            sum += some;
            if some < AT_ONCE {
                return Ok(u64::try_from(sum).unwrap_or(0));
            }
        }
    }

    /// Looks at what was said, and hashes the password before any row is held.
    async fn share_task(&self, actor: &Actor, mut change: ShareChange) -> Result<(Task, Option<String>), Error> {
        change.check()?;
        if change.auto_password {
            change.password = Some(random::choose(self.random().as_ref(), ALPHABET, AUTO_CHARS));
        }
        let password = change.password.take();
        let password_hash = match &password {
            None => None,
            Some(text) if text.is_empty() => Some(String::new()),
            Some(text) => Some(self.hash_password(text.clone()).await?),
        };
        let task = Task {
            actor: actor.clone(),
            change,
            password_hash,
            now: self.now(),
        };
        Ok((task, password.filter(|text| !text.is_empty())))
    }
}

fn made(share: Share, password: Option<String>) -> Made {
    Made {
        id: share.id,
        code: share.code,
        password,
        expires_at: share.expires_at,
    }
}

/// Refuses an app that may not share, or for which sharing was not switched on.
pub(super) async fn may_share(tx: &mut Tx<'_>, entry: &Entry<'_>) -> Result<(), Error> {
    let grant = entry.actor.grant();
    if grant.0 == 0 {
        return Ok(());
    }
    if !entry.has(CREATE) {
        return Err(Error::Forbidden(
            "the token may not create shares; ask for share.create".into(),
        ));
    }
    let grant = grants::get(tx, entry.user.id, grant).await?;
    match grant {
        Some(g) if g.share_enabled => Ok(()),
        _ => Err(Error::ShareNotEnabled),
    }
}

/// What was chosen to be shared, as far as the caller may share it.
async fn choose(tx: &mut Tx<'_>, entry: &Entry<'_>, what: &Selection, drop: bool) -> Result<Vec<Place>, Error> {
    let mut places = Vec::with_capacity(what.len());
    for (id, kind) in what.ids() {
        let place = chosen(tx, entry, id, kind, Need::Read).await?;
        if place.node.id == entry.user.root_id {
            return Err(Error::invalid(
                "folder_ids",
                "the whole drive cannot be shared; name what is in it",
            ));
        }
        if drop {
            // Who is let in writes by the right of whoever lets them in.
            chosen(tx, entry, id, kind, Need::Write).await?;
        }
        places.push(place);
    }
    Ok(places)
}

fn shows(places: &[Place], drop: bool) -> Result<Shows, Error> {
    match (places, drop) {
        ([one], true) if one.node.kind == Kind::Folder => Ok(Shows::Drop),
        (_, true) => Err(Error::invalid("folder_ids", "a drop box is one folder")),
        ([one], false) => Ok(one.node.kind.into()),
        (_, false) => Ok(Shows::Several),
    }
}

fn ids_of(places: &[Place]) -> Vec<NodeId> {
    places.iter().map(|p| p.node.id).collect()
}

async fn create(tx: &mut Tx<'_>, task: &Task, drop: bool, codes: &Codes) -> Result<Share, Error> {
    let mut entry = access::enter_write(tx, &task.actor, task.now).await?;
    may_share(tx, &entry).await?;
    let what = task.change.what.as_ref();
    let places = choose(tx, &entry, what.unwrap_or(&Selection::default()), drop).await?;
    if rows::count(tx, entry.user.id).await? >= SHARES {
        return Err(Error::Forbidden(format!(
            "this account has {SHARES} shares, which is the most; the ones that ended count until they are forgotten"
        )));
    }
    let mut share = plain(&entry, shows(&places, drop)?);
    task.change.apply(&mut share, task.password_hash.as_deref(), task.now);
    insert(tx, &mut share, &ids_of(&places), codes).await?;
    if is_open(&share) {
        for place in &places {
            note(tx, &mut entry, place).await?;
        }
    }
    entry.close(tx).await?;
    Ok(share)
}

/// A share that the caller may change: the app's own, or one of what it may read.
async fn own(tx: &mut Tx<'_>, entry: &Entry<'_>, id: ShareId) -> Result<(Share, Vec<Place>), Error> {
    let none = Error::NotFound("share");
    let Some(share) = rows::lock(tx, entry.user.id, id).await? else {
        return Err(none);
    };
    let mut places = Vec::new();
    let mut readable = true;
    for id in rows::items(tx, entry.user.id, share.id).await? {
        match entry.place(tx, id).await? {
            Some(place) => {
                readable &= entry.reaches(Need::Read, place.sandbox);
                places.push(place);
            }
            // What lies in the bin is read by whoever reads everything.
            None => readable &= entry.reaches(Need::Read, NodeId(0)),
        }
    }
    let app = entry.actor.client_id();
    let made = !app.is_empty() && share.client_id == app;
    if made || readable {
        Ok((share, places))
    } else {
        Err(none)
    }
}

async fn update(tx: &mut Tx<'_>, task: &Task, id: ShareId) -> Result<Share, Error> {
    let mut entry = access::enter_write(tx, &task.actor, task.now).await?;
    may_share(tx, &entry).await?;
    let (mut share, mut places) = own(tx, &entry, id).await?;
    if share.cancelled {
        return Err(Error::ShareClosed(Closed::Cancelled));
    }
    let was_open = is_open(&share);
    let mut noted = if was_open { places.clone() } else { Vec::new() };
    if let Some(what) = &task.change.what {
        let drop = share.shows == Shows::Drop;
        places = choose(tx, &entry, what, drop).await?;
        share.shows = shows(&places, drop)?;
        rows::set_items(tx, share.user, share.id, &ids_of(&places)).await?;
    }
    task.change.apply(&mut share, task.password_hash.as_deref(), task.now);
    rows::update(tx, &share).await?;
    if is_open(&share) {
        noted.extend(places);
    }
    if was_open != is_open(&share) || (was_open && task.change.what.is_some()) {
        let mut seen = std::collections::HashSet::new();
        for place in noted.iter().filter(|p| seen.insert(p.node.id)) {
            note(tx, &mut entry, place).await?;
        }
    }
    entry.close(tx).await?;
    Ok(share)
}

async fn cancel(tx: &mut Tx<'_>, actor: &Actor, ids: &[ShareId], now: i64) -> Result<i64, Error> {
    let mut entry = access::enter_write(tx, actor, now).await?;
    may_share(tx, &entry).await?;
    let mut seen = std::collections::HashSet::new();
    for id in ids.iter().filter(|id| seen.insert(**id)) {
        let (share, places) = own(tx, &entry, *id).await?;
        end(tx, &mut entry, &share, &places).await?;
    }
    entry.close(tx).await?;
    Ok(i64::try_from(ids.len()).unwrap_or(i64::MAX))
}

async fn end(tx: &mut Tx<'_>, entry: &mut Entry<'_>, share: &Share, places: &[Place]) -> Result<(), Error> {
    if rows::cancel(tx, entry.user.id, share.id).await? && is_open(share) {
        for place in places {
            note(tx, entry, place).await?;
        }
    }
    Ok(())
}

/// Ends some of those that an app made for the person, and says how many.
async fn cancel_some(
    tx: &mut Tx<'_>,
    person: &Actor,
    client_id: &str,
    origin: &Origin,
    now: i64,
) -> Result<i64, Error> {
    let mut entry = access::enter_write(tx, person, now).await?;
    let user = entry.user.id;
    let shares = rows::serving_of(tx, user, client_id, now, ShareId(i64::MAX), AT_ONCE).await?;
    let count = i64::try_from(shares.len()).unwrap_or(i64::MAX);
    for share in shares {
        // Only one that a listing tells of is looked at: the others may show a thousand nodes.
        if is_open(&share) {
            let (share, places) = own(tx, &entry, share.id).await?;
            end(tx, &mut entry, &share, &places).await?;
        } else {
            rows::cancel(tx, user, share.id).await?;
        }
    }
    entry.close(tx).await?;
    if count > 0 {
        let told = audit::Entry {
            at: now,
            user,
            client_id: client_id.to_owned(),
            event: "shares_cancelled".to_owned(),
            address: origin.address(),
            detail: format!("shares={count}"),
        };
        audit::append(tx, &told).await?;
    }
    Ok(count)
}
