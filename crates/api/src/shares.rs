//! `/v1/share/*`: making shares, and what others find behind their addresses.

use serde::{Deserialize, Serialize};

/// What is shared.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShareKind {
    /// One file.
    File,
    /// One folder.
    Folder,
    /// Several files and folders.
    Several,
    /// Nothing: a folder that others put files into.
    Drop,
}

/// `POST /v1/share/create` and `/update`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShareMade {
    /// Id.
    pub share_id: i64,
    /// Names it in addresses.
    pub code: String,
    /// Address of its page.
    pub url: String,
    /// The password that this call set; never told again.
    pub password: Option<String>,
    /// When it ends; 0 for never.
    pub expires_at: i64,
}

/// `GET /v1/share/list`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShareListing {
    /// Shares, latest first.
    pub shares: Vec<ShareEntry>,
    /// Shares in all.
    pub total: i64,
    /// What to send as `cursor` for the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

/// How a share stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareState {
    /// It serves.
    Active,
    /// Its owner ended it.
    Cancelled,
    /// Its time is over.
    Expired,
    /// It was downloaded, or filled, as often as its owner allowed.
    UsedUp,
    /// What it showed is in the recycle bin, or gone.
    Trashed,
}

/// One share of the person's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShareEntry {
    /// Id.
    pub share_id: i64,
    /// Names it in addresses.
    pub code: String,
    /// Address of its page.
    pub url: String,
    /// Name of what is shared, of the first where there are several.
    pub name: String,
    /// What is shared.
    pub kind: ShareKind,
    /// Whether a password is needed.
    pub has_password: bool,
    /// When it was made.
    pub created_at: i64,
    /// When it ends; 0 for never.
    pub expires_at: i64,
    /// Downloads after which it ends; 0 for no limit.
    pub max_downloads: i64,
    /// Downloads so far: links that were given.
    pub downloads: i64,
    /// How often it was looked at.
    pub views: i64,
    /// How often it was saved to a drive.
    pub saves: i64,
    /// Whether others may save it to their own drives.
    pub allow_save: bool,
    /// How it stands.
    pub state: ShareState,
    /// Of a drop box: most bytes of one file; 0 for no limit.
    pub max_file_size: i64,
    /// Of a drop box: files after which it takes no more; 0 for no limit.
    pub max_files: i64,
    /// Of a drop box: files that came in.
    pub received: i64,
}

/// `GET /v1/share/{code}`. Before a needed password was given only the first three are there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShareInfo {
    /// Names it in addresses.
    pub code: String,
    /// The owner's name for others.
    pub owner: String,
    /// Whether it opens only to who knows a password.
    pub needs_password: bool,
    /// What it is.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub details: Option<ShareDetails>,
}

/// What a share is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShareDetails {
    /// Name of what is shared, of the first where there are several; of the folder of a drop box.
    pub name: String,
    /// What is shared.
    pub kind: ShareKind,
    /// Files of a shared folder, else shared files.
    pub file_count: i64,
    /// The same of folders.
    pub folder_count: i64,
    /// Bytes of the shared files; what lies in folders is not added up.
    pub size: i64,
    /// When it ends; 0 for never.
    pub expires_at: i64,
    /// Whether others may save it to their own drives.
    pub allow_save: bool,
    /// Of a drop box: most bytes of one file; 0 for no limit.
    pub max_file_size: i64,
    /// Of a drop box: files after which it takes no more; 0 for no limit.
    pub max_files: i64,
}

/// `POST /v1/share/{code}/verify`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareTicket {
    /// To be sent as the header `X-Share-Ticket`, or as `ticket`.
    pub ticket: String,
    /// Seconds that it works.
    pub expires_in: i64,
}

impl std::fmt::Debug for ShareTicket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShareTicket(…)")
    }
}

/// `POST /v1/share/{code}/transfer`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Transferred {
    /// How many of the chosen files and folders are, or will be, in the caller's drive.
    pub affected: i64,
    /// The files that were made of chosen ones.
    pub file_ids: Vec<i64>,
    /// The folders that were made of chosen ones.
    pub folder_ids: Vec<i64>,
    /// The job that does it, where it is long: then nothing is there before all is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<i64>,
}
