//! Every method of the API: its address, what it does, and its own error numbers. The documentation is made of this table.
//! Must not do anything.

use super::{
    call::{Call, Open, Running},
    fault::{Cause, Fault},
    methods::{files, folders, recycle, session, sharing, upload},
};

/// A method.
pub struct Method {
    /// `m`
    pub m: &'static str,
    /// `a`
    pub a: &'static str,
    /// What it does, for the documentation.
    pub doc: &'static str,
    /// Its parameters beside `token` and `dologid`; those in brackets may be missing.
    pub params: &'static str,
    /// Who may call it, and how it is run.
    pub run: Run,
    /// Its own numbers, in the published order.
    pub numbers: &'static [Number],
    /// It answers by way of `callback`, if one is sent.
    pub calls_back: bool,
}

/// How a method is run.
pub enum Run {
    /// Without a token.
    Open(for<'a> fn(&'a Open) -> Running<'a>),
    /// With a token; it changes nothing.
    Read(for<'a> fn(&'a Call) -> Running<'a>),
    /// With a token; it changes nothing, and tells the caller's changes itself.
    Look(for<'a> fn(&'a Call) -> Running<'a>),
    /// With a token; refused while the dologid that was sent is not the latest.
    Write(for<'a> fn(&'a Call) -> Running<'a>),
}

/// A number of a method.
pub struct Number {
    /// The number.
    pub number: i64,
    /// What makes it; nothing, where it is published and cannot come about.
    pub causes: &'static [Cause],
}

const fn n(number: i64, causes: &'static [Cause]) -> Number {
    Number { number, causes }
}

impl Method {
    /// The number of a fault in this method.
    pub fn number(&self, fault: &Fault) -> i64 {
        let own = self.numbers.iter().find(|n| n.causes.contains(&fault.cause));
        own.map_or_else(|| fault.cause.number(), |n| n.number)
    }
}

/// The method of an address.
pub fn find(m: &str, a: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.m == m && method.a == a)
}

macro_rules! run {
    ($kind:ident $handler:path) => {
        Run::$kind(|call| Box::pin($handler(call)))
    };
}

const MISSING: Number = n(701, &[Cause::Missing]);
const TOKEN: Number = n(702, &[Cause::Token]);
const STALE: Number = n(602, &[Cause::Stale]);
const NEVER_STALE: Number = n(602, &[]);
const FULL: Number = n(601, &[Cause::FolderFull]);
const RATE: Number = n(900, &[Cause::Rate]);
const SYSTEM: Number = n(5, &[Cause::Internal]);

const UPLOAD: &[Number] = &[
    n(1, &[Cause::BadCover]),
    n(3, &[Cause::NoDestination]),
    n(4, &[Cause::NameTaken]),
    n(7, &[Cause::Quota]),
    n(6, &[Cause::Storage]),
    SYSTEM,
    n(101, &[Cause::TooLarge]),
    n(102, &[Cause::FormTooLarge]),
    n(103, &[Cause::Cut]),
    n(104, &[Cause::NotStored]),
    n(105, &[]),
    n(106, &[]),
    FULL,
    STALE,
    MISSING,
    TOKEN,
    n(721, &[Cause::Mismatch]),
    RATE,
];

/// As the others that bring a file in; its own bytes came before.
const UPLOAD_BACK: &[Number] = &[
    n(1, &[Cause::BadCover]),
    n(3, &[Cause::NoDestination]),
    n(4, &[Cause::NameTaken]),
    n(7, &[Cause::Quota]),
    SYSTEM,
    n(104, &[Cause::NotStored]),
    FULL,
    STALE,
    MISSING,
    TOKEN,
    n(721, &[Cause::Mismatch]),
    RATE,
];

const UPLOAD_SHARED: &[Number] = &[
    n(1, &[Cause::BadCover]),
    n(3, &[Cause::NoDestination]),
    n(4, &[Cause::NameTaken]),
    n(7, &[Cause::Quota]),
    n(6, &[Cause::Storage]),
    SYSTEM,
    n(101, &[Cause::TooLarge]),
    n(102, &[Cause::FormTooLarge]),
    n(103, &[Cause::Cut]),
    n(104, &[Cause::NotStored]),
    n(105, &[Cause::Extension]),
    n(106, &[Cause::MayNotShare]),
    n(107, &[]),
    n(108, &[]),
    FULL,
    STALE,
    MISSING,
    TOKEN,
    RATE,
];

const LIST: &[Number] = &[n(2, &[Cause::NoFolder]), TOKEN, RATE, n(909, &[Cause::Malformed])];

const SHARE: &[Number] = &[
    n(2, &[Cause::NoFile]),
    n(105, &[Cause::Extension]),
    n(106, &[Cause::MayNotShare]),
    n(107, &[]),
    n(108, &[]),
    MISSING,
    TOKEN,
    RATE,
];

const REDIRECT: &[Number] = &[n(2, &[Cause::NoFile, Cause::NotShared])];

/// Every method, in the published order; those that only programs knew stand last.
pub const METHODS: &[Method] = &[
    Method {
        m: "",
        a: "keep",
        doc: "Tells the latest dologid and what changed since the one that was sent",
        params: "",
        run: run!(Read session::keep),
        numbers: &[NEVER_STALE],
        calls_back: false,
    },
    Method {
        m: "auth",
        a: "get_token",
        doc: "Signs in",
        params: "account, password, appkey, time, signature, [app_type]",
        run: run!(Open session::get_token),
        numbers: &[
            n(1, &[Cause::Signature]),
            n(2, &[Cause::Account]),
            n(3, &[Cause::Time]),
            MISSING,
            RATE,
        ],
        calls_back: false,
    },
    Method {
        m: "user",
        a: "keep_token",
        doc: "Keeps the token alive",
        params: "",
        run: run!(Read session::keep_token),
        numbers: &[TOKEN, RATE],
        calls_back: false,
    },
    Method {
        m: "file",
        a: "upload_file",
        doc: "Makes a file of at most 10 MiB",
        params: "file, cover, dir_id, [dir], [callback]",
        run: run!(Write upload::plain),
        numbers: UPLOAD,
        calls_back: true,
    },
    Method {
        m: "file",
        a: "upload_share_file",
        doc: "Makes a file of at most 10 MiB and shares it",
        params: "file, cover, dir_id, [dir], [callback], [ip]",
        run: run!(Write upload::shared),
        numbers: UPLOAD_SHARED,
        calls_back: true,
    },
    Method {
        m: "dir",
        a: "create_dir",
        doc: "Makes a folder",
        params: "create_name, parent_id",
        run: run!(Write folders::create),
        numbers: &[
            n(2, &[]),
            n(3, &[Cause::BadName, Cause::PathTooLong]),
            SYSTEM,
            n(6, &[Cause::NameTaken]),
            n(7, &[Cause::NoDestination]),
            FULL,
            n(611, &[Cause::SystemFolder]),
            TOKEN,
            n(909, &[Cause::Missing, Cause::Malformed]),
        ],
        calls_back: false,
    },
    Method {
        m: "dir",
        a: "getlist",
        doc: "Lists a folder, folders first",
        params: "[dir_id], [page], [pageSize]",
        run: run!(Look folders::list),
        numbers: LIST,
        calls_back: false,
    },
    Method {
        m: "file",
        a: "get_quota",
        doc: "Tells the space used and allowed",
        params: "",
        run: run!(Look session::get_quota),
        numbers: &[TOKEN, RATE],
        calls_back: false,
    },
    Method {
        m: "file",
        a: "upload_with_sha1",
        doc: "Makes a file of a content that the person has, bin and old versions included",
        params: "dir_id, sha1, file_name",
        run: run!(Write upload::by_hash),
        numbers: &[
            n(1, &[Cause::NoContent]),
            n(3, &[Cause::NoDestination]),
            n(4, &[Cause::NameTaken]),
            n(7, &[Cause::Quota]),
            n(6, &[]),
            SYSTEM,
            FULL,
            STALE,
            TOKEN,
            RATE,
        ],
        calls_back: false,
    },
    Method {
        m: "file",
        a: "get_file_info",
        doc: "Tells of one file, with a link to its content",
        params: "fid",
        run: run!(Look files::info),
        numbers: &[n(1, &[Cause::BadTarget]), n(3, &[Cause::NoFile]), TOKEN, RATE],
        calls_back: false,
    },
    Method {
        m: "dir",
        a: "delete_dir",
        doc: "Moves a folder to the recycle bin",
        params: "dir_id",
        run: run!(Write folders::delete),
        numbers: &[n(2, &[Cause::NoFolder]), SYSTEM, TOKEN, RATE],
        calls_back: false,
    },
    Method {
        m: "file",
        a: "delete_file",
        doc: "Moves a file to the recycle bin",
        params: "fid",
        run: run!(Write files::delete),
        numbers: &[n(2, &[Cause::NoFile]), n(3, &[]), SYSTEM, STALE, TOKEN, RATE],
        calls_back: false,
    },
    Method {
        m: "file",
        a: "copy_file",
        doc: "Copies a file",
        params: "fid, new_name, to_dir_id",
        run: run!(Write files::copy),
        numbers: &[
            n(1, &[Cause::BadTarget]),
            n(2, &[Cause::BadName]),
            n(3, &[Cause::PathTooLong]),
            SYSTEM,
            n(6, &[Cause::NameTaken]),
            n(7, &[Cause::Quota]),
            n(8, &[Cause::NoFile]),
            FULL,
            STALE,
            TOKEN,
            RATE,
        ],
        calls_back: false,
    },
    Method {
        m: "file",
        a: "move_file",
        doc: "Moves a file, under a name",
        params: "fid, new_name, to_dir_id",
        run: run!(Write files::relocate),
        numbers: &[
            n(1, &[Cause::BadTarget]),
            n(2, &[Cause::BadName]),
            n(3, &[Cause::PathTooLong]),
            n(4, &[Cause::NoDestination]),
            SYSTEM,
            n(6, &[Cause::NameTaken]),
            n(7, &[Cause::NoFile]),
            FULL,
            STALE,
            TOKEN,
            RATE,
        ],
        calls_back: false,
    },
    Method {
        m: "file",
        a: "rename_file",
        doc: "Gives a file another name",
        params: "fid, new_name",
        run: run!(Write files::rename),
        numbers: &[
            n(1, &[Cause::BadTarget]),
            n(2, &[Cause::BadName]),
            n(3, &[Cause::PathTooLong]),
            n(4, &[Cause::NoFile]),
            SYSTEM,
            n(6, &[Cause::NameTaken]),
            FULL,
            STALE,
            TOKEN,
            RATE,
        ],
        calls_back: false,
    },
    Method {
        m: "dir",
        a: "rename_dir",
        doc: "Gives a folder another name",
        params: "dir_id, new_name",
        run: run!(Write folders::rename),
        numbers: &[
            n(2, &[Cause::NoFolder]),
            n(3, &[Cause::BadName, Cause::PathTooLong]),
            n(4, &[Cause::NameTaken]),
            SYSTEM,
            STALE,
            TOKEN,
            RATE,
        ],
        calls_back: false,
    },
    Method {
        m: "dir",
        a: "move_dir",
        doc: "Moves a folder, under a name",
        params: "dir_id, new_name, to_parent_id",
        run: run!(Write folders::relocate),
        numbers: &[
            n(1, &[Cause::IntoItself]),
            n(3, &[Cause::NoDestination]),
            n(4, &[Cause::NoFolder]),
            SYSTEM,
            n(6, &[Cause::BadTarget]),
            n(7, &[Cause::BadName]),
            n(8, &[Cause::NameTaken]),
            n(9, &[Cause::IntoSubfolder]),
            FULL,
            STALE,
            TOKEN,
            RATE,
        ],
        calls_back: false,
    },
    Method {
        m: "file",
        a: "share_file",
        doc: "Shares a file; one that is shared keeps its page",
        params: "fid, [ip]",
        run: run!(Write sharing::share),
        numbers: SHARE,
        calls_back: false,
    },
    Method {
        m: "file",
        a: "cancel_share_file",
        doc: "Ends the share of a file",
        params: "fid",
        run: run!(Write sharing::unshare),
        numbers: &[n(3, &[Cause::NotShared, Cause::NoFile]), MISSING, TOKEN, RATE],
        calls_back: false,
    },
    Method {
        m: "recycle",
        a: "get_list",
        doc: "Lists the recycle bin, latest first",
        params: "[page], [page_size]",
        run: run!(Read recycle::list),
        numbers: &[n(2, &[Cause::BinEmpty]), NEVER_STALE, n(701, &[]), TOKEN, RATE],
        calls_back: false,
    },
    Method {
        m: "recycle",
        a: "truncate_recycle",
        doc: "Deletes for good all that is in the recycle bin",
        params: "",
        run: run!(Write recycle::empty),
        numbers: &[TOKEN, RATE],
        calls_back: false,
    },
    Method {
        m: "recycle",
        a: "delete_file",
        doc: "Deletes a file in the recycle bin for good",
        params: "fid",
        run: run!(Write recycle::purge_file),
        numbers: &[n(2, &[Cause::NoFile]), n(3, &[]), SYSTEM, STALE, TOKEN, RATE],
        calls_back: false,
    },
    Method {
        m: "recycle",
        a: "delete_dir",
        doc: "Deletes a folder in the recycle bin for good",
        params: "dir_id",
        run: run!(Write recycle::purge_folder),
        numbers: &[n(2, &[Cause::NoFolder]), SYSTEM, TOKEN, RATE],
        calls_back: false,
    },
    Method {
        m: "recycle",
        a: "restore_file",
        doc: "Takes a file out of the recycle bin",
        params: "fid",
        run: run!(Write recycle::restore_file),
        numbers: &[
            n(2, &[Cause::NoFile]),
            n(3, &[Cause::ParentMissing]),
            n(4, &[Cause::NameTaken]),
            FULL,
            TOKEN,
            RATE,
        ],
        calls_back: false,
    },
    Method {
        m: "recycle",
        a: "restore_dir",
        doc: "Takes a folder out of the recycle bin",
        params: "dir_id",
        run: run!(Write recycle::restore_folder),
        numbers: &[
            n(2, &[Cause::NoFolder]),
            n(3, &[Cause::NameTaken]),
            n(4, &[Cause::ParentMissing]),
            SYSTEM,
            FULL,
            STALE,
            TOKEN,
            RATE,
        ],
        calls_back: false,
    },
    Method {
        m: "dir",
        a: "get_dirid_with_path",
        doc: "Tells the id of the folder at a path",
        params: "path",
        run: run!(Read folders::by_path),
        numbers: &[n(2, &[Cause::BadPath]), n(3, &[Cause::NotThere]), TOKEN, RATE],
        calls_back: false,
    },
    Method {
        m: "dir",
        a: "get_list",
        doc: "As getlist; `data` is the list alone",
        params: "[dir_id], [page], [pageSize]",
        run: run!(Look folders::list_flat),
        numbers: LIST,
        calls_back: false,
    },
    Method {
        m: "dir",
        a: "list_items",
        doc: "As get_list",
        params: "[dir_id], [page], [pageSize]",
        run: run!(Look folders::list_flat),
        numbers: LIST,
        calls_back: false,
    },
    Method {
        m: "file",
        a: "email_share_file",
        doc: "As share_file; there is nothing to send mail with, so the link is only answered",
        params: "fid, [to_email]",
        run: run!(Write sharing::share),
        numbers: SHARE,
        calls_back: false,
    },
    Method {
        m: "file",
        a: "jump_to_s3",
        doc: "Redirects (302) to the content of a file that is shared; without a token",
        params: "uid, fid",
        run: run!(Open sharing::jump),
        numbers: REDIRECT,
        calls_back: false,
    },
    Method {
        m: "file",
        a: "download_share_file",
        doc: "Redirects (302) to the content of a share; without a token",
        params: "ss",
        run: run!(Open sharing::download),
        numbers: REDIRECT,
        calls_back: false,
    },
    Method {
        m: "file",
        a: "upload_sign",
        doc: "First of three steps for a large file: the fields of a form, beside `err_code`",
        params: "[file_name]",
        run: run!(Read upload::sign),
        numbers: &[TOKEN, RATE],
        calls_back: false,
    },
    Method {
        m: "file",
        a: "upload_back",
        doc: "Last of the three steps: names what the form brought",
        params: "key, file_name, dir_id, [dir], [cover]",
        run: run!(Write upload::name_sent),
        numbers: UPLOAD_BACK,
        calls_back: false,
    },
];

/// The table as Markdown, for `docs/api/weipan.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# The weipan API\n\n\
         Every call goes to `/?m=…&a=…`, by GET or POST, its parameters in the query, a form, JSON or multipart. The answer is \
         HTTP 200 and JSON; `err_code` 0 is success. Beside what is listed every method but those without a token takes \
         `token` and `dologid`, and every answer after the token was known has `dologid` and `dologdir`. Parameters in \
         brackets may be missing. What stands behind a dash cannot come about here.\n",
    );
    for method in METHODS {
        let title = if method.m.is_empty() {
            format!("a={}", method.a)
        } else {
            format!("m={}&a={}", method.m, method.a)
        };
        out.push_str(&format!("\n## `{title}`\n\n{}.", method.doc));
        out.push_str(match method.run {
            Run::Open(_) => " Needs no token.",
            Run::Read(_) | Run::Look(_) => "",
            Run::Write(_) => " A write: 602 if the dologid is not the latest.",
        });
        out.push_str("\n\n");
        if !method.params.is_empty() {
            let params: Vec<String> = method.params.split(", ").map(|p| format!("`{p}`")).collect();
            out.push_str(&format!("Parameters: {}.\n\n", params.join(", ")));
        }
        out.push_str("| Number | When |\n|---|---|\n");
        for number in method.numbers {
            let docs: Vec<&str> = number.causes.iter().map(|c| c.doc().trim()).collect();
            let text = if docs.is_empty() {
                "–".to_owned()
            } else {
                docs.join("; ")
            };
            out.push_str(&format!("| {} | {text} |\n", number.number));
        }
    }
    out.push_str("\n## Where a method's own list has nothing\n\n| Number | When |\n|---|---|\n");
    let mut causes: Vec<Cause> = Cause::ALL.to_vec();
    causes.sort_by_key(|c| c.number());
    for cause in causes {
        out.push_str(&format!("| {} | {} |\n", cause.number(), cause.doc().trim()));
    }
    out
}

#[cfg(test)]
mod tests {
    //! The table against itself.
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn an_address_has_one_method_and_a_cause_one_number() {
        let mut addresses = HashSet::new();
        for method in METHODS {
            assert!(addresses.insert((method.m, method.a)), "{}/{}", method.m, method.a);
            let (mut numbers, mut causes) = (HashSet::new(), HashSet::new());
            for number in method.numbers {
                assert!(numbers.insert(number.number), "{}: {}", method.a, number.number);
                for cause in number.causes {
                    assert!(causes.insert(*cause), "{}: {cause:?}", method.a);
                }
            }
        }
    }

    #[test]
    fn every_cause_has_words() {
        assert!(Cause::ALL.iter().all(|c| !c.doc().is_empty() && c.number() > 0));
        assert!(markdown().contains("m=recycle&a=restore_dir"));
    }
}
