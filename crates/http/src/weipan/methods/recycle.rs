//! The recycle bin: listing, emptying, deleting for good, taking out.

use pantry_core::{Kind, files::Selection};
use pantry_types::NodeId;

use crate::weipan::{
    args,
    call::{Call, Done},
    fault::{Cause, Fault},
    reply::json,
    show,
};

/// `recycle/get_list`
pub async fn list(call: &Call) -> Result<Done, Fault> {
    let (page, size) = (args::page(&call.sent)?, args::page_size(&call.sent)?);
    let found = call.drive().weipan_bin(&call.reader(), page, size).await?;
    let items = found.ok_or_else(|| Fault::new(Cause::BinEmpty, "the recycle bin is empty"))?;
    let rows: Vec<_> = items.into_iter().map(show::bin_row).collect();
    Ok(Done::Read(Some(json(&rows))))
}

/// `recycle/truncate_recycle`
pub async fn empty(call: &Call) -> Result<Done, Fault> {
    let done = call.drive().empty_bin(&call.writer()).await?;
    Ok(Done::Wrote(None, done.head))
}

async fn purge(call: &Call, files: Vec<NodeId>, folders: Vec<NodeId>) -> Result<Done, Fault> {
    let done = call.drive().purge(&call.writer(), Selection { files, folders }).await?;
    Ok(Done::Wrote(None, done.head))
}

/// `recycle/delete_file`
pub async fn purge_file(call: &Call) -> Result<Done, Fault> {
    purge(call, vec![args::file(&call.sent)?], Vec::new()).await
}

/// `recycle/delete_dir`
pub async fn purge_folder(call: &Call) -> Result<Done, Fault> {
    purge(call, Vec::new(), vec![args::folder(&call.sent)?]).await
}

/// `recycle/restore_file`
pub async fn restore_file(call: &Call) -> Result<Done, Fault> {
    let id = args::file(&call.sent)?;
    let head = call.drive().weipan_restore(&call.writer(), id, Kind::File).await?;
    Ok(Done::Wrote(None, head))
}

/// `recycle/restore_dir`
pub async fn restore_folder(call: &Call) -> Result<Done, Fault> {
    let id = args::folder(&call.sent)?;
    let head = call.drive().weipan_restore(&call.writer(), id, Kind::Folder).await?;
    Ok(Done::Wrote(None, head))
}
