//! What a person has allowed apps, as the person looks at it: grants with the app's name, and how much lies in a folder.
//! Must not change a row.

use pantry_types::{GrantId, NodeId, UserId};

use crate::{DbError, Tx, dialect, grants};

/// A grant with its app.
#[derive(Debug, Clone)]
pub struct Given {
    /// The grant.
    pub grant: grants::Grant,
    /// The app's name; empty if it is gone.
    pub app_name: String,
    /// Login name of the app's owner.
    pub owner_name: String,
    /// Address of the app's home page.
    pub home_page: String,
    /// Names the app's picture.
    pub icon: String,
    /// Whether the app is suspended.
    pub suspended: bool,
}

/// What is told of an app.
struct Known {
    name: String,
    owner: String,
    home_page: String,
    icon: String,
    suspended: bool,
}

async fn known(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<Known>, DbError> {
    tx.query_opt(
        "SELECT a.name, u.name, a.home_page, a.icon, a.suspended_at FROM apps a LEFT JOIN users u ON u.id = a.owner_id \
         WHERE a.client_id = $1",
        &[&client_id],
        |r| {
            Ok(Known {
                name: r.get(0)?,
                owner: r.get::<Option<String>>(1)?.unwrap_or_default(),
                home_page: r.get(2)?,
                icon: r.get(3)?,
                suspended: r.get::<i64>(4)? > 0,
            })
        },
    )
    .await
}

async fn with_app(tx: &mut Tx<'_>, grant: grants::Grant) -> Result<Given, DbError> {
    let app = known(tx, &grant.client_id).await?;
    let app = app.unwrap_or(Known {
        name: String::new(),
        owner: String::new(),
        home_page: String::new(),
        icon: String::new(),
        suspended: false,
    });
    Ok(Given {
        grant,
        app_name: app.name,
        owner_name: app.owner,
        home_page: app.home_page,
        icon: app.icon,
        suspended: app.suspended,
    })
}

/// A page of the grants of a person that stand at `now`, by id, from after `after`.
pub async fn page(tx: &mut Tx<'_>, user: UserId, after: GrantId, now: i64, limit: i64) -> Result<Vec<Given>, DbError> {
    let ids = tx
        .query(
            "SELECT id FROM grants WHERE user_id = $1 AND id > $2 AND revoked_at = 0 \
             AND (expires_at = 0 OR expires_at > $3) ORDER BY id LIMIT $4",
            &[&user.0, &after.0, &now, &limit],
            |r| Ok(GrantId(r.get(0)?)),
        )
        .await?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(grant) = grants::get(tx, user, id).await? {
            found.push(with_app(tx, grant).await?);
        }
    }
    Ok(found)
}

/// One grant of a person that stands at `now`.
pub async fn one(tx: &mut Tx<'_>, user: UserId, id: GrantId, now: i64) -> Result<Option<Given>, DbError> {
    match grants::get(tx, user, id).await?.filter(|g| g.is_live(now)) {
        Some(grant) => Ok(Some(with_app(tx, grant).await?)),
        None => Ok(None),
    }
}

/// How much lies below a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes of the files' present contents.
    pub bytes: i64,
    /// Files.
    pub files: i64,
    /// Whether that is all: a large folder is counted in part.
    pub complete: bool,
}

/// Counts what lies below a folder, at most `most` nodes.
pub async fn size(tx: &mut Tx<'_>, user: UserId, folder: NodeId, most: usize) -> Result<Size, DbError> {
    let mut size = Size {
        complete: true,
        ..Size::default()
    };
    let mut level = vec![folder.0];
    let mut seen = 0;
    let sql = dialect::sql(
        tx.engine(),
        "SELECT id, kind, size FROM nodes INDEXED BY nodes_order \
         WHERE user_id = $1 AND parent_id IN (SELECT value FROM json_each($2)) LIMIT $3",
        "SELECT id, kind, size FROM nodes WHERE user_id = $1 AND parent_id = ANY($2) LIMIT $3",
    );
    while !level.is_empty() {
        let left = most - seen;
        let limit = i64::try_from(left + 1).unwrap_or(i64::MAX);
        let parents = crate::IdList(std::mem::take(&mut level));
        let found = tx
            .query(sql, &[&user.0, &parents, &limit], |r| {
                Ok((r.get::<i64>(0)?, r.get::<i64>(1)?, r.get::<i64>(2)?))
            })
            .await?;
        size.complete = found.len() <= left;
        for (id, kind, bytes) in found.into_iter().take(left) {
            seen += 1;
            if kind == 0 {
                level.push(id);
            } else {
                size.bytes += bytes;
                size.files += 1;
            }
        }
        if !size.complete {
            break;
        }
    }
    Ok(size)
}
