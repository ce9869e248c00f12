//! What a caller is shown of a node. Must not carry what a caller may not see.

use pantry_db::nodes::{Kind, Node};
use pantry_types::{Md5, Name, NodeId, Sha1, VersionId};

use crate::access::{Place, path_of};

/// A folder or file as it is shown.
#[derive(Debug, Clone)]
pub struct Item {
    /// Folder or file.
    pub kind: Kind,
    /// Id.
    pub id: NodeId,
    /// Name.
    pub name: String,
    /// Full path from the drive's root.
    pub path: String,
    /// Folder it lies in, 0 for the drive's root.
    pub parent: NodeId,
    /// Bytes; 0 for a folder.
    pub size: i64,
    /// MD5; zero for a folder.
    pub md5: Md5,
    /// SHA-1; zero for a folder.
    pub sha1: Sha1,
    /// Media type; empty for a folder.
    pub mime: String,
    /// Current version; 0 for a folder.
    pub version: VersionId,
    /// Files directly inside.
    pub file_count: i64,
    /// Folders directly inside.
    pub folder_count: i64,
    /// The app that made it, empty for the person.
    pub client_id: String,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub modified_at: i64,
}

impl Item {
    /// Extension without the dot, lower case; empty without one.
    pub fn ext(&self) -> String {
        Name::from_stored(self.name.clone()).ext()
    }

    pub(crate) fn of(place: &Place, root: NodeId) -> Self {
        Self::with_path(&place.node, place.path(), root)
    }

    pub(crate) fn inside(node: &Node, folder: &Place, root: NodeId) -> Self {
        let mut path = path_of(&folder.node, &folder.above);
        if !path.ends_with('/') {
            path.push('/');
        }
        path.push_str(&node.name);
        Self::with_path(node, path, root)
    }

    /// A node as it is shown below another path than its own.
    pub(crate) fn below(folder: &str, node: &Node, root: NodeId) -> Self {
        Self::with_path(node, format!("{folder}/{}", node.name), root)
    }

    /// The same where its own path is given.
    pub(crate) fn at(path: String, node: &Node) -> Self {
        Self::with_path(node, path, node.parent)
    }

    fn with_path(n: &Node, path: String, root: NodeId) -> Self {
        Self {
            kind: n.kind,
            id: n.id,
            name: n.name.clone(),
            path,
            parent: if n.parent == root { NodeId(0) } else { n.parent },
            size: n.size,
            md5: n.md5,
            sha1: n.sha1,
            mime: n.mime.clone(),
            version: n.version,
            file_count: n.file_count,
            folder_count: n.folder_count,
            client_id: n.client_id.clone(),
            created_at: n.created_at,
            modified_at: n.modified_at,
        }
    }
}
