//! Beginning an upload, in one transaction: where it goes, whether its content is at hand,
//! whether it was begun before, what it reserves. Must not move bytes.

use pantry_db::{
    Tx, nodes,
    uploads::{self as rows, Upload, UploadState},
    versions,
};
use pantry_types::{ShareId, limits};

use super::{Declared, Through};
use crate::{
    Actor, Error,
    access::{self, Need},
    contents::{Content, Rules, guess_mime, put_file, reserve},
    files::{FolderRef, slot, target},
    item::Item,
    shares::inbox,
};

pub(super) struct Precreate {
    pub(super) actor: Actor,
    pub(super) folder: FolderRef,
    pub(super) declared: Declared,
    pub(super) salt: Vec<u8>,
    pub(super) secret_hash: Vec<u8>,
    pub(super) now: i64,
    pub(super) seconds: i64,
    pub(super) rules: Rules,
    pub(super) through: Option<Through>,
}

pub(super) enum Begun {
    Instant(Box<Item>),
    Upload(Box<Upload>),
}

pub(super) async fn precreate(tx: &mut Tx<'_>, a: &Precreate) -> Result<Begun, Error> {
    let d = &a.declared;
    let mut entry = access::enter_write(tx, &a.actor, a.now).await?;
    let folder = target(tx, &mut entry, &a.folder).await?;
    // The depth is looked at now, so that nobody uploads what cannot be put there.
    let probe = nodes::Node {
        name: d.name.as_str().to_owned(),
        ..folder.node.clone()
    };
    let above = folder.above_children();
    access::check_depth(&access::Place {
        node: probe,
        above,
        sandbox: folder.sandbox,
    })?;
    let kind = nodes::Kind::File;
    slot(tx, &entry, &folder, &d.name, kind, d.on_conflict, None).await?;
    let mime = d.mime.clone().unwrap_or_else(|| guess_mime(d.name.as_str()));
    let leave = match &a.through {
        None => None,
        Some(through) => {
            inbox::check(tx, through, folder.node.id, d.size, a.now).await?;
            Some(through.leave)
        }
    };
    let content = match (d.size, leave) {
        (0, _) => Some(Content::empty(mime.clone())),
        // Whether the owner has it is nobody's business.
        (_, Some(_)) => None,
        (_, None) => at_hand(tx, &entry, d, &mime, &a.rules).await?,
    };
    if let Some(content) = content {
        let place = put_file(tx, &mut entry, &folder, &d.name, &content, d.on_conflict, &a.rules).await?;
        let mut item = Item::of(&place, entry.user.root_id);
        if let Some(leave) = leave {
            item.path = inbox::received(tx, leave, d.name.as_str()).await?;
        }
        entry.close(tx).await?;
        return Ok(Begun::Instant(Box::new(item)));
    }
    let same = rows::open_for(tx, entry.user.id, folder.node.id, d.name.as_str())
        .await?
        .into_iter()
        // Senders to a drop box are strangers to each other.
        .filter(|u| leave.is_none() && u.share.0 == 0)
        .find(|u| {
            u.grant == a.actor.grant()
                && u.client_id == a.actor.client_id()
                && u.epoch == a.actor.epoch()
                && u.scopes == a.actor.scopes()
                && u.size == d.size
                && u.md5 == d.md5
                && u.on_conflict == d.on_conflict.code()
                && u.expires_at > a.now
        });
    if let Some(u) = same {
        entry.close(tx).await?;
        return Ok(Begun::Upload(Box::new(u)));
    }
    reserve(tx, &mut entry, d.size).await?;
    let (chunk_size, parts) = limits::chunk_size(u64::try_from(d.size).unwrap_or(0));
    let upload = Upload {
        user: entry.user.id,
        id: pantry_db::dialect::next_id(tx).await?,
        secret_hash: a.secret_hash.clone(),
        salt: a.salt.clone(),
        state: UploadState::Open,
        grant: a.actor.grant(),
        epoch: leave.map_or(a.actor.epoch(), |l| l.epoch),
        share: leave.map_or(ShareId(0), |l| l.share),
        client_id: a.actor.client_id().to_owned(),
        scopes: a.actor.scopes(),
        parent: folder.node.id,
        name: d.name.as_str().to_owned(),
        size: d.size,
        md5: d.md5,
        mime,
        chunk_size: i64::try_from(chunk_size).unwrap_or(i64::MAX),
        parts: i64::try_from(parts).unwrap_or(i64::MAX),
        on_conflict: d.on_conflict.code(),
        created_at: a.now,
        expires_at: a.now + a.seconds,
        node: pantry_types::NodeId(0),
        path: String::new(),
        stored: None,
    };
    rows::insert(tx, &upload).await?;
    entry.close(tx).await?;
    Ok(Begun::Upload(Box::new(upload)))
}

/// A content with the declared hash that the caller may read already (or, in a trusting
/// house, that anybody has). Nothing else is instant: a hash alone must not give content away.
async fn at_hand(
    tx: &mut Tx<'_>,
    entry: &access::Entry<'_>,
    d: &Declared,
    mime: &str,
    rules: &Rules,
) -> Result<Option<Content>, Error> {
    for v in versions::with_md5(tx, entry.user.id, d.md5, d.size, 50).await? {
        let Some(place) = entry.place(tx, v.node).await? else {
            continue;
        };
        if entry.reaches(Need::Read, place.sandbox) {
            return Ok(Some(Content {
                mime: mime.to_owned(),
                ..Content::of(&v)
            }));
        }
    }
    if rules.trusting
        && let Some(b) = pantry_db::blobs::with_md5(tx, d.md5, d.size).await?
        // Held, for nobody may name it any more, and the janitor come first.
        && pantry_db::blobs::name(tx, b.hash).await?.is_some()
    {
        return Ok(Some(Content {
            hash: b.hash,
            size: b.size,
            md5: b.md5,
            sha1: b.sha1,
            mime: mime.to_owned(),
        }));
    }
    Ok(None)
}
