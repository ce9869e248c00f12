//! Rows of uploads and their parts.
//! Must not see an upload's secret, only its hash and the salt it is made from.

use pantry_types::{Blake3, GrantId, Md5, NodeId, Scopes, Sha1, ShareId, UserId};

use crate::{DbError, Row, Tx, dialect, dialect::select_by, nodes::bytes};

/// How far an upload has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadState {
    /// Takes parts.
    Open,
    /// Became a file.
    Completed,
    /// Ran out of time; the row stays a while so that the answer is "expired".
    Expired,
}

impl UploadState {
    fn code(self) -> i64 {
        match self {
            UploadState::Open => 0,
            UploadState::Completed => 1,
            UploadState::Expired => 2,
        }
    }
}

/// One upload.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Into whose drive.
    pub user: UserId,
    /// Id; not the secret that clients name it by.
    pub id: i64,
    /// SHA-256 of the secret.
    pub secret_hash: Vec<u8>,
    /// The secret is made from this and the server's key; also names the staging.
    pub salt: Vec<u8>,
    /// How far it has come.
    pub state: UploadState,
    /// The grant that made it, 0 for the person's own session and for a drop box.
    pub grant: GrantId,
    /// The epoch, then, of the grant or of the drop box: the upload dies with it.
    pub epoch: i64,
    /// The drop box that it came through, 0 for none.
    pub share: ShareId,
    /// The app that made it, empty for the person.
    pub client_id: String,
    /// What the token that made it could do.
    pub scopes: Scopes,
    /// Folder that the file goes to.
    pub parent: NodeId,
    /// Name of the file.
    pub name: String,
    /// Bytes declared, and reserved.
    pub size: i64,
    /// MD5 declared.
    pub md5: Md5,
    /// Media type.
    pub mime: String,
    /// Bytes of every part but the last.
    pub chunk_size: i64,
    /// Number of parts.
    pub parts: i64,
    /// What to do if the name is taken at the end.
    pub on_conflict: i64,
    /// When it began.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: i64,
    /// The file it became, 0 before.
    pub node: NodeId,
    /// Full path of the file it became.
    pub path: String,
    /// Where `complete` was about to put the content: it may lie there already.
    pub stored: Option<Stored>,
}

/// A content that leaves the staging: its key in storage, and its SHA-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// BLAKE3.
    pub hash: Blake3,
    /// SHA-1.
    pub sha1: Sha1,
    /// Generation of the key.
    pub gen_: i64,
}

/// A part that was received whole.
#[derive(Debug, Clone)]
pub struct Part {
    /// Number, from 1.
    pub seq: i64,
    /// Bytes.
    pub size: i64,
    /// BLAKE3 of the part.
    pub hash: Blake3,
    /// Where its bytes lie: 0 at its place, else the number of a side extent.
    pub extent: i64,
    /// Whether its bytes are known to be on the disk.
    pub synced: bool,
    /// Whether power may have taken its bytes: hash again before use.
    pub suspect: bool,
}

macro_rules! columns {
    () => {
        "user_id, id, secret_hash, salt, state, grant_id, epoch, client_id, scopes, parent_id, name, \
         size, md5, mime, chunk_size, parts, on_conflict, created_at, expires_at, node_id, path, \
         stored_hash, stored_sha1, stored_gen, share_id"
    };
}

fn map(r: &Row<'_>) -> Result<Upload, DbError> {
    Ok(Upload {
        user: UserId(r.get(0)?),
        id: r.get(1)?,
        secret_hash: r.get(2)?,
        salt: r.get(3)?,
        state: match r.get::<i64>(4)? {
            0 => UploadState::Open,
            1 => UploadState::Completed,
            _ => UploadState::Expired,
        },
        grant: GrantId(r.get(5)?),
        epoch: r.get(6)?,
        client_id: r.get(7)?,
        scopes: Scopes::from_bits(r.get(8)?),
        parent: NodeId(r.get(9)?),
        name: r.get(10)?,
        size: r.get(11)?,
        md5: Md5(bytes(r.get(12)?)),
        mime: r.get(13)?,
        chunk_size: r.get(14)?,
        parts: r.get(15)?,
        on_conflict: r.get(16)?,
        created_at: r.get(17)?,
        expires_at: r.get(18)?,
        node: NodeId(r.get(19)?),
        path: r.get(20)?,
        stored: match r.get::<Option<Vec<u8>>>(21)? {
            None => None,
            Some(hash) => Some(Stored {
                hash: Blake3(bytes(Some(hash))),
                sha1: Sha1(bytes(r.get(22)?)),
                gen_: r.get(23)?,
            }),
        },
        share: ShareId(r.get(24)?),
    })
}

/// Adds an upload.
pub async fn insert(tx: &mut Tx<'_>, u: &Upload) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO uploads (user_id, id, secret_hash, salt, state, grant_id, epoch, client_id, scopes, \
         parent_id, name, size, md5, mime, chunk_size, parts, on_conflict, created_at, expires_at, share_id) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20)",
        &[
            &u.user.0,
            &u.id,
            &u.secret_hash,
            &u.salt,
            &u.state.code(),
            &u.grant.0,
            &u.epoch,
            &u.client_id,
            &u.scopes.to_bits(),
            &u.parent.0,
            &u.name,
            &u.size,
            &u.md5.0.to_vec(),
            &u.mime,
            &u.chunk_size,
            &u.parts,
            &u.on_conflict,
            &u.created_at,
            &u.expires_at,
            &u.share.0,
        ],
    )
    .await?;
    Ok(())
}

/// How many uploads through a drop box are open.
pub async fn open_through(tx: &mut Tx<'_>, user: UserId, share: ShareId) -> Result<i64, DbError> {
    tx.query_one(
        "SELECT COUNT(*) FROM uploads WHERE user_id = $1 AND share_id = $2 AND share_id > 0 AND state = 0",
        &[&user.0, &share.0],
        |r| r.get(0),
    )
    .await
}

/// Finds an upload by the hash of its secret.
pub async fn by_secret(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<Upload>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM uploads WHERE secret_hash = $1");
    tx.query_opt(sql, &[&hash.to_vec()], map).await
}

/// Reads an upload by its row's id.
pub async fn get(tx: &mut Tx<'_>, user: UserId, id: i64) -> Result<Option<Upload>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM uploads WHERE user_id = $1 AND id = $2");
    tx.query_opt(sql, &[&user.0, &id], map).await
}

/// Reads an upload and holds its row until the transaction ends.
pub async fn lock(tx: &mut Tx<'_>, user: UserId, id: i64) -> Result<Option<Upload>, DbError> {
    let sql = dialect::sql(
        tx.engine(),
        concat!("SELECT ", columns!(), " FROM uploads WHERE user_id = $1 AND id = $2"),
        concat!(
            "SELECT ",
            columns!(),
            " FROM uploads WHERE user_id = $1 AND id = $2 FOR UPDATE"
        ),
    );
    tx.query_opt(sql, &[&user.0, &id], map).await
}

/// Notes where the content is about to be put, before it leaves the staging.
pub async fn set_stored(tx: &mut Tx<'_>, user: UserId, id: i64, stored: &Stored) -> Result<(), DbError> {
    tx.execute(
        "UPDATE uploads SET stored_hash = $3, stored_sha1 = $4, stored_gen = $5 \
         WHERE user_id = $1 AND id = $2",
        &[
            &user.0,
            &id,
            &stored.hash.0.to_vec(),
            &stored.sha1.0.to_vec(),
            &stored.gen_,
        ],
    )
    .await?;
    Ok(())
}

/// Open uploads to one name in one folder.
pub async fn open_for(tx: &mut Tx<'_>, user: UserId, parent: NodeId, name: &str) -> Result<Vec<Upload>, DbError> {
    let sql = select_by!(
        tx.engine(),
        columns!(),
        "uploads",
        "uploads_same",
        "WHERE user_id = $1 AND parent_id = $2 AND name = $3 AND state = 0 ORDER BY id"
    );
    tx.query(sql, &[&user.0, &parent.0, &name], map).await
}

/// Notes what an upload became.
pub async fn complete(tx: &mut Tx<'_>, user: UserId, id: i64, node: NodeId, path: &str) -> Result<(), DbError> {
    tx.execute(
        "UPDATE uploads SET state = 1, node_id = $3, path = $4 WHERE user_id = $1 AND id = $2",
        &[&user.0, &id, &node.0, &path],
    )
    .await?;
    Ok(())
}

/// Marks an upload as run out of time.
pub async fn expire(tx: &mut Tx<'_>, user: UserId, id: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE uploads SET state = 2 WHERE user_id = $1 AND id = $2",
        &[&user.0, &id],
    )
    .await?;
    Ok(())
}

/// Removes an upload and its parts.
pub async fn remove(tx: &mut Tx<'_>, user: UserId, id: i64) -> Result<(), DbError> {
    remove_parts(tx, user, id).await?;
    tx.execute("DELETE FROM uploads WHERE user_id = $1 AND id = $2", &[&user.0, &id])
        .await?;
    Ok(())
}

/// Removes the parts of an upload.
pub async fn remove_parts(tx: &mut Tx<'_>, user: UserId, id: i64) -> Result<(), DbError> {
    tx.execute(
        "DELETE FROM upload_parts WHERE user_id = $1 AND upload_id = $2",
        &[&user.0, &id],
    )
    .await?;
    Ok(())
}

/// Open uploads, of anybody, whose time is over.
pub async fn overdue(tx: &mut Tx<'_>, now: i64, limit: i64) -> Result<Vec<(UserId, i64)>, DbError> {
    tx.query(
        "SELECT user_id, id FROM uploads WHERE expires_at <= $1 AND state = 0 \
         ORDER BY expires_at LIMIT $2",
        &[&now, &limit],
        |r| Ok((UserId(r.get(0)?), r.get(1)?)),
    )
    .await
}

/// Ended uploads, of anybody, that nobody needs to be told of any more.
pub async fn forgotten(tx: &mut Tx<'_>, before: i64, limit: i64) -> Result<Vec<(UserId, i64)>, DbError> {
    tx.query(
        "SELECT user_id, id FROM uploads WHERE expires_at <= $1 AND state <> 0 \
         ORDER BY expires_at LIMIT $2",
        &[&before, &limit],
        |r| Ok((UserId(r.get(0)?), r.get(1)?)),
    )
    .await
}

/// Open uploads of one grant.
pub async fn of_grant(tx: &mut Tx<'_>, user: UserId, grant: GrantId) -> Result<Vec<Upload>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM uploads WHERE user_id = $1 AND grant_id = $2 AND state = 0 ORDER BY id"
    );
    tx.query(sql, &[&user.0, &grant.0], map).await
}

/// Open uploads of a person in the order of their ids.
pub async fn of_user(tx: &mut Tx<'_>, user: UserId, after: i64, limit: i64) -> Result<Vec<Upload>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM uploads WHERE user_id = $1 AND id > $2 AND state = 0 ORDER BY id LIMIT $3"
    );
    tx.query(sql, &[&user.0, &after, &limit], map).await
}

/// Whether the staging of this salt still belongs to an open upload.
pub async fn salt_is_open(tx: &mut Tx<'_>, user_salt: &[u8]) -> Result<bool, DbError> {
    Ok(tx
        .query_opt(
            "SELECT id FROM uploads WHERE salt = $1 AND state = 0 LIMIT 1",
            &[&user_salt.to_vec()],
            |r| r.get::<i64>(0),
        )
        .await?
        .is_some())
}

/// The parts of an upload, in order.
pub async fn parts(tx: &mut Tx<'_>, user: UserId, id: i64) -> Result<Vec<Part>, DbError> {
    tx.query(
        "SELECT seq, size, hash, extent, synced, suspect FROM upload_parts \
         WHERE user_id = $1 AND upload_id = $2 ORDER BY seq",
        &[&user.0, &id],
        |r| {
            Ok(Part {
                seq: r.get(0)?,
                size: r.get(1)?,
                hash: Blake3(bytes(r.get(2)?)),
                extent: r.get(3)?,
                synced: r.get::<i64>(4)? != 0,
                suspect: r.get::<i64>(5)? != 0,
            })
        },
    )
    .await
}

/// Notes a part, in place of an earlier one of its number.
pub async fn put_part(tx: &mut Tx<'_>, user: UserId, id: i64, p: &Part) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO upload_parts (user_id, upload_id, seq, size, hash, extent, synced, suspect) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,0) ON CONFLICT (user_id, upload_id, seq) DO UPDATE SET \
         size = excluded.size, hash = excluded.hash, extent = excluded.extent, \
         synced = excluded.synced, suspect = 0",
        &[
            &user.0,
            &id,
            &p.seq,
            &p.size,
            &p.hash.0.to_vec(),
            &p.extent,
            &i64::from(p.synced),
        ],
    )
    .await?;
    Ok(())
}

/// Forgets a part whose bytes were lost.
pub async fn drop_part(tx: &mut Tx<'_>, user: UserId, id: i64, seq: i64) -> Result<(), DbError> {
    tx.execute(
        "DELETE FROM upload_parts WHERE user_id = $1 AND upload_id = $2 AND seq = $3",
        &[&user.0, &id, &seq],
    )
    .await?;
    Ok(())
}

/// A part that was hashed again and found whole.
pub async fn clear_suspect(tx: &mut Tx<'_>, user: UserId, id: i64, seq: i64) -> Result<(), DbError> {
    tx.execute(
        "UPDATE upload_parts SET suspect = 0 WHERE user_id = $1 AND upload_id = $2 AND seq = $3",
        &[&user.0, &id, &seq],
    )
    .await?;
    Ok(())
}

/// Notes that the bytes of these parts are on the disk.
pub async fn mark_synced(tx: &mut Tx<'_>, user: UserId, id: i64, seq: i64, hash: Blake3) -> Result<(), DbError> {
    tx.execute(
        "UPDATE upload_parts SET synced = 1 WHERE user_id = $1 AND upload_id = $2 AND seq = $3 AND hash = $4",
        &[&user.0, &id, &seq, &hash.0.to_vec()],
    )
    .await?;
    Ok(())
}

/// After an unclean end: whatever was not known to be on the disk is doubted.
pub async fn doubt_unsynced(tx: &mut Tx<'_>) -> Result<u64, DbError> {
    tx.execute(
        "UPDATE upload_parts SET suspect = 1 WHERE synced = 0 AND suspect = 0",
        &[],
    )
    .await
}

/// Bytes of all open uploads of a person, for the check of the books.
pub async fn reserved(tx: &mut Tx<'_>, user: UserId) -> Result<i64, DbError> {
    tx.query_one(
        "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM uploads WHERE user_id = $1 AND state = 0",
        &[&user.0],
        |r| r.get(0),
    )
    .await
}
