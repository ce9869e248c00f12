//! Files that are there: telling of one, copying, moving, renaming, deleting.

use pantry_core::{Kind, files::Selection};

use crate::weipan::{
    args,
    call::{Call, Done},
    fault::Fault,
    reply::json,
    show,
};

/// `file/get_file_info`
pub async fn info(call: &Call) -> Result<Done, Fault> {
    let id = args::file(&call.sent)?;
    let (listed, dolog) = call.drive().weipan_look(&call.reader(), id, call.since).await?;
    Ok(Done::Seen(Some(json(&show::file_info(call, listed))), dolog))
}

/// `file/copy_file`
pub async fn copy(call: &Call) -> Result<Done, Fault> {
    let id = args::file(&call.sent)?;
    let name = args::name(&call.sent, "new_name")?;
    let to = args::destination(&call.sent, "to_dir_id")?;
    let copied = call.drive().weipan_copy_file(&call.writer(), id, to, name).await?;
    let data = json(&show::copied(call, &copied));
    Ok(Done::WroteIn(Some(data), copied.head, copied.item.parent))
}

/// `file/move_file`
pub async fn relocate(call: &Call) -> Result<Done, Fault> {
    let id = args::file(&call.sent)?;
    let name = args::name(&call.sent, "new_name")?;
    let to = args::destination(&call.sent, "to_dir_id")?;
    let moved = call
        .drive()
        .weipan_move(&call.writer(), id, Kind::File, to, name)
        .await?;
    Ok(Done::Wrote(Some(json(&show::moved_file(call, &moved))), moved.head))
}

/// `file/rename_file`
pub async fn rename(call: &Call) -> Result<Done, Fault> {
    let id = args::file(&call.sent)?;
    let name = args::name(&call.sent, "new_name")?;
    let done = call.drive().weipan_rename(&call.writer(), id, Kind::File, name).await?;
    Ok(Done::WroteIn(None, done.head, done.item.parent))
}

/// `file/delete_file`
pub async fn delete(call: &Call) -> Result<Done, Fault> {
    let what = Selection {
        files: vec![args::file(&call.sent)?],
        folders: Vec::new(),
    };
    let done = call.drive().delete(&call.writer(), what).await?;
    Ok(Done::Wrote(None, done.head))
}
