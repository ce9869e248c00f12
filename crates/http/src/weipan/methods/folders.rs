//! Folders: making, listing, renaming, moving, deleting, finding by path.

use pantry_core::{
    Kind,
    files::Selection,
    weipan::{Dolog, Listed},
};
use serde::Serialize;

use crate::weipan::{
    args,
    call::{Call, Done},
    fault::{Cause, Fault},
    reply::json,
    show,
};

/// `dir/create_dir`
pub async fn create(call: &Call) -> Result<Done, Fault> {
    let name = args::name(&call.sent, "create_name")?;
    let parent = args::destination(&call.sent, "parent_id")?;
    let made = call.drive().weipan_create_folder(&call.writer(), parent, name).await?;
    let data = json(&show::made_folder(call, &made.item));
    Ok(Done::WroteIn(Some(data), made.head, made.item.parent))
}

async fn page(call: &Call) -> Result<(Vec<Listed>, show::PageInfo, Dolog), Fault> {
    let folder = args::folder_or_root(&call.sent, "dir_id")?;
    let (page, page_size) = (args::page(&call.sent)?, args::page_size(&call.sent)?);
    let (listing, dolog) = call
        .drive()
        .weipan_list(&call.reader(), folder, page, page_size, call.since)
        .await?;
    let page = show::PageInfo {
        page,
        page_size,
        rstotal: listing.total,
        page_total: (listing.total + page_size - 1) / page_size,
    };
    Ok((listing.items, page, dolog))
}

/// `dir/getlist`
pub async fn list(call: &Call) -> Result<Done, Fault> {
    let (items, page, dolog) = page(call).await?;
    Ok(Done::Seen(Some(show::list(call, &items, &page)), dolog))
}

/// `dir/get_list`, `dir/list_items`
pub async fn list_flat(call: &Call) -> Result<Done, Fault> {
    let (items, _, dolog) = page(call).await?;
    Ok(Done::Seen(Some(show::rows(call, &items)), dolog))
}

/// `dir/rename_dir`
pub async fn rename(call: &Call) -> Result<Done, Fault> {
    let id = args::folder(&call.sent)?;
    let name = args::name(&call.sent, "new_name")?;
    let done = call
        .drive()
        .weipan_rename(&call.writer(), id, Kind::Folder, name)
        .await?;
    Ok(Done::WroteIn(None, done.head, done.item.parent))
}

/// `dir/move_dir`
pub async fn relocate(call: &Call) -> Result<Done, Fault> {
    let id = args::folder(&call.sent)?;
    let name = args::name(&call.sent, "new_name")?;
    let to = args::destination(&call.sent, "to_parent_id")?;
    let moved = call
        .drive()
        .weipan_move(&call.writer(), id, Kind::Folder, to, name)
        .await?;
    Ok(Done::Wrote(Some(json(&show::moved_folder(&moved))), moved.head))
}

/// `dir/delete_dir`
pub async fn delete(call: &Call) -> Result<Done, Fault> {
    let what = Selection {
        files: Vec::new(),
        folders: vec![args::folder(&call.sent)?],
    };
    let done = call.drive().delete(&call.writer(), what).await?;
    Ok(Done::Wrote(None, done.head))
}

#[derive(Serialize)]
struct FolderId {
    id: String,
}

/// `dir/get_dirid_with_path`
pub async fn by_path(call: &Call) -> Result<Done, Fault> {
    let path = args::path("path", args::required(&call.sent, "path")?).map_err(|e| {
        let cause = match e.cause {
            // Whatever is wrong with a name in it: it is the path that was sent.
            Cause::BadName => Cause::BadPath,
            cause => cause,
        };
        Fault { cause, ..e }
    })?;
    let found = call.drive().weipan_folder_at(&call.reader(), path).await?;
    let id = found.ok_or_else(|| Fault::new(Cause::NotThere, "there is no folder at this path; make it first"))?;
    Ok(Done::Read(Some(json(&FolderId { id: id.to_string() }))))
}
