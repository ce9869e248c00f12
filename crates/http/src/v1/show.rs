//! What v1 shows of the drive's items. Must not look anything up.

use pantry_api::{Affected, FileEntry, FileInfo, FolderEntry, FolderInfo, Kind, NodeInfo};
use pantry_core::{files::Done, item::Item};

/// Folder or file, on the wire.
pub fn kind(kind: pantry_core::Kind) -> Kind {
    match kind {
        pantry_core::Kind::File => Kind::File,
        pantry_core::Kind::Folder => Kind::Folder,
    }
}

/// A folder in a listing.
pub fn folder_entry(item: Item) -> FolderEntry {
    FolderEntry {
        id: item.id.0,
        name: item.name,
        file_count: item.file_count,
        folder_count: item.folder_count,
        create_time: item.created_at,
        modify_time: item.modified_at,
    }
}

/// A file in a listing.
pub fn file_entry(item: Item) -> FileEntry {
    FileEntry {
        id: item.id.0,
        name: item.name,
        size: item.size,
        md5: item.md5.to_string(),
        mime: item.mime,
        create_time: item.created_at,
        modify_time: item.modified_at,
    }
}

/// A file with all that is known of it.
pub fn file_info(item: Item) -> FileInfo {
    FileInfo {
        kind: Kind::File,
        id: item.id.0,
        ext: item.ext(),
        name: item.name,
        size: item.size,
        md5: item.md5.to_string(),
        sha1: item.sha1.to_string(),
        mime: item.mime,
        path: item.path,
        parent_folder: item.parent.0,
        version: item.version.0,
        create_time: item.created_at,
        modify_time: item.modified_at,
    }
}

/// A file or a folder.
pub fn node_info(item: Item) -> NodeInfo {
    match item.kind {
        pantry_core::Kind::File => NodeInfo::File(file_info(item)),
        pantry_core::Kind::Folder => NodeInfo::Folder(FolderInfo {
            kind: Kind::Folder,
            id: item.id.0,
            name: item.name,
            path: item.path,
            parent_folder: item.parent.0,
            file_count: item.file_count,
            folder_count: item.folder_count,
            create_time: item.created_at,
            modify_time: item.modified_at,
        }),
    }
}

/// What an operation on many did.
pub fn affected(done: &Done) -> Affected {
    Affected {
        affected: done.affected,
        job_id: done.job,
    }
}
