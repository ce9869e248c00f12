//! Old versions of a file: which there are, bringing one back, and keeping one for ever.
//! Must not drop any; [`crate::contents`] and the janitor do.

pub use pantry_db::versions::Version;
use pantry_db::{Tx, blobs, nodes::Kind, versions};
use pantry_types::{NodeId, VersionId};

use crate::{
    Actor, Drive, Error,
    access::{self, Need},
    contents::{Rules, replace_content},
    files::Changed,
    item::Item,
};

impl Drive {
    /// All versions of a file, newest first; the one whose `replaced_at` is 0 is the current one.
    pub async fn versions(&self, actor: &Actor, file: NodeId) -> Result<Vec<Version>, Error> {
        self.db()
            .read((actor.clone(), file, self.now()), |tx, (actor, file, now)| {
                Box::pin(async move {
                    let entry = access::enter(tx, actor, *now).await?;
                    let place = entry.node(tx, *file, Need::Read, "file").await?;
                    if place.node.kind != Kind::File {
                        return Err(Error::NotFound("file"));
                    }
                    Ok(versions::of_node(tx, entry.user.id, *file).await?)
                })
            })
            .await
    }

    /// Makes the content of an old version the current one, as a new version.
    pub async fn restore_version(&self, actor: &Actor, file: NodeId, version: VersionId) -> Result<Changed, Error> {
        let args = (actor.clone(), file, version, self.now(), self.rules());
        self.db()
            .write(args, |tx, (actor, file, version, now, rules)| {
                Box::pin(async move { restore(tx, actor, *file, *version, *now, rules).await.into() })
            })
            .await
    }

    /// Keeps a version for as long as the file is there, whatever its age and however scarce space gets; or no longer. The
    /// current one may be kept too: it stays when it is replaced. Kept ones do not count among those that a file keeps anyway.
    ///
    /// # Errors
    /// [`Error::NotFound`]: no such file that the caller may write, or it has no such version.
    pub async fn keep_version(
        &self,
        actor: &Actor,
        file: NodeId,
        version: VersionId,
        keep: bool,
    ) -> Result<Version, Error> {
        let args = (actor.clone(), file, version, keep, self.now());
        self.db()
            .write(args, |tx, (actor, file, version, keep, now)| {
                Box::pin(async move { set_keep(tx, actor, *file, *version, *keep, *now).await.into() })
            })
            .await
    }
}

async fn set_keep(
    tx: &mut Tx<'_>,
    actor: &Actor,
    file: NodeId,
    version: VersionId,
    keep: bool,
    now: i64,
) -> Result<Version, Error> {
    let entry = access::enter_write(tx, actor, now).await?;
    entry.node(tx, file, Need::Write, "file").await?;
    let old = versions::get(tx, entry.user.id, version)
        .await?
        .filter(|v| v.node == file)
        .ok_or(Error::NotFound("version"))?;
    versions::set_keep(tx, entry.user.id, version, keep).await?;
    Ok(Version { keep, ..old })
}

async fn restore(
    tx: &mut Tx<'_>,
    actor: &Actor,
    file: NodeId,
    version: VersionId,
    now: i64,
    rules: &Rules,
) -> Result<Changed, Error> {
    let mut entry = access::enter_write(tx, actor, now).await?;
    let place = entry.node(tx, file, Need::Write, "file").await?;
    let old = versions::get(tx, entry.user.id, version)
        .await?
        .filter(|v| v.node == file)
        .ok_or(Error::NotFound("version"))?;
    let place = if old.replaced_at == 0 {
        place
    } else {
        if old.size > 0 && blobs::name(tx, old.blob).await?.is_none() {
            return Err(Error::Internal("a version without its content".into()));
        }
        let again = Version {
            id: VersionId(pantry_db::dialect::next_id(tx).await?),
            client_id: actor.client_id().to_owned(),
            created_at: now,
            replaced_at: 0,
            keep: false,
            ..old
        };
        replace_content(tx, &mut entry, place, again, rules).await?
    };
    let item = Item::of(&place, entry.user.root_id);
    let head = entry.close(tx).await?;
    Ok(Changed { item, head })
}
