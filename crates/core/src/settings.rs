//! Every setting: its name, type, default and what it is for, in one table.
//! Must not read files or the environment; the binary does and hands this over.

use serde::{Deserialize, Serialize};

/// A row of the reference that is generated from the table below.
#[derive(Debug, Clone, Copy)]
pub struct SettingDoc {
    /// Section, e.g. `oauth`.
    pub section: &'static str,
    /// Key, e.g. `access_seconds`.
    pub key: &'static str,
    /// Rust type.
    pub kind: &'static str,
    /// What it is for.
    pub doc: &'static str,
}

macro_rules! settings {
    ($(
        $(#[doc = $sdoc:literal])+
        $section:ident: $Section:ident {
            $( $(#[doc = $doc:literal])+ $key:ident: $ty:ty = $default:expr, )*
        }
    )*) => {
        $(
            $(#[doc = $sdoc])+
            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            #[serde(default, deny_unknown_fields)]
            pub struct $Section {
                $( $(#[doc = $doc])+ pub $key: $ty, )*
            }

            impl Default for $Section {
                fn default() -> Self {
                    Self { $( $key: $default, )* }
                }
            }
        )*

        /// All settings.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Settings {
            $( $(#[doc = $sdoc])+ pub $section: $Section, )*
        }

        /// The reference: every setting in order.
        pub const REFERENCE: &[SettingDoc] = &[
            $( $( SettingDoc {
                section: stringify!($section),
                key: stringify!($key),
                kind: stringify!($ty),
                doc: concat!($($doc),+),
            }, )* )*
        ];
    };
}

settings! {
    /// Addresses, places and limits of the process.
    server: Server {
        /// Address and port to listen on.
        listen: String = "127.0.0.1:8080".into(),
        /// Folder for the server's secret, and for rows and contents unless said otherwise. Empty: `$XDG_DATA_HOME/pantry` or `~/.local/share/pantry`.
        data_dir: String = String::new(),
        /// Row store: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME`. Empty: `pantry.db` in the data folder.
        database: String = String::new(),
        /// Object store: `file:PATH`. Empty: `content` in the data folder.
        storage: String = String::new(),
        /// Address under which people and apps reach the server; the OAuth issuer. Empty: `http://` and the listen address.
        public_url: String = String::new(),
        /// Address that uploads are sent to. Empty: the public address.
        upload_url: String = String::new(),
        /// Address that signed links point at; a name of its own keeps contents out of the drive's origin. Empty: the public address.
        download_url: String = String::new(),
        /// Separate address and port for `/metrics`. Empty: on the main listener.
        metrics_listen: String = String::new(),
        /// Addresses of reverse proxies whose `X-Forwarded-For` is believed, separated by commas.
        trusted_proxies: String = String::new(),
        /// Seconds that running requests get to end after SIGTERM.
        shutdown_seconds: u64 = 30,
        /// Connections to PostgreSQL.
        database_connections: usize = 16,
    }
    /// What is logged, and how.
    log: Log {
        /// Filter, as `tracing` writes it: `info`, `pantry=debug,info`.
        filter: String = "info".into(),
        /// `text` or `json`.
        format: String = "text".into(),
    }
    /// New accounts.
    users: Users {
        /// Quota in bytes of an account that is made without one. 100 GiB.
        quota_bytes: i64 = 107_374_182_400,
    }
    /// The v1 API.
    v1: V1 {
        /// Calls a minute for one user and app; 0 is no limit.
        rate_per_minute: u32 = 6000,
        /// `own`: instant only for content that the token may read. `trusting`: whoever names a hash gets the content; for closed installations.
        instant_upload: String = "own".into(),
    }
    /// Uploads.
    upload: UploadSettings {
        /// Seconds that an upload stays open.
        session_seconds: i64 = 86_400,
        /// Contents up to this many bytes lie in the row store.
        inline_bytes: i64 = 16_384,
    }
    /// Downloads.
    download: Download {
        /// Seconds that a signed link works.
        link_seconds: i64 = 600,
    }
    /// Shares.
    share: ShareSettings {
        /// Seconds that a ticket works which the right password of a share gives.
        ticket_seconds: i64 = 3600,
        /// Files that may be on their way into one drop box at once.
        drop_uploads: i64 = 64,
    }
    /// The recycle bin.
    bin: BinSettings {
        /// Days until what lies in the bin is purged.
        keep_days: i64 = 30,
    }
    /// Old versions.
    versions: VersionSettings {
        /// Days that an old version is kept after it was replaced.
        keep_days: i64 = 30,
        /// Old versions kept of one file.
        keep_count: i64 = 10,
    }
    /// The change log.
    changes: ChangeSettings {
        /// Days that changes can be listed.
        keep_days: i64 = 90,
        /// Streams of changes that one user and app may keep open at once on one server; 0 is no limit.
        streams_per_grant: u32 = 16,
        /// Seconds between two signs of life of a stream. Proxies cut off what is silent for long.
        heartbeat_seconds: u64 = 15,
    }
    /// Housekeeping.
    janitor: Janitor {
        /// Seconds between two rounds; 0 switches it off.
        interval_seconds: u64 = 60,
        /// Seconds that a content nobody names is kept: longer than a link and the longest download.
        grace_seconds: i64 = 172_800,
    }
    /// OAuth.
    oauth: OAuth {
        /// Seconds that an access token lives.
        access_seconds: i64 = 7_200,
        /// Seconds that a refresh token lives from its last use.
        refresh_seconds: i64 = 2_592_000,
        /// Seconds that an authorization code lives.
        code_seconds: i64 = 60,
        /// Seconds that a device code lives.
        device_seconds: i64 = 600,
        /// Seconds that a device waits between two questions.
        device_interval: i64 = 5,
        /// Seconds in which a refresh whose answer was lost may be repeated.
        refresh_grace_seconds: i64 = 60,
        /// Days after its last use that what a person allowed an app ends; 0 is never.
        grant_idle_days: i64 = 180,
        /// Days after which a key that signs `id_token`s is replaced by a new one; 0 leaves that to `pantryd key rotate`.
        key_days: i64 = 90,
    }
    /// Signing in.
    login: Login {
        /// Failed sign-ins in 15 minutes for one account from one address; ten times as many from anywhere. 0 is no limit.
        max_failures: i64 = 10,
        /// Seconds that a person stays signed in after the last visit.
        session_seconds: i64 = 2_592_000,
    }
    /// Limits on guessing. Passwords have theirs under `login`.
    limits: Limits {
        /// Wrong tokens and authorization codes a minute from one address (IPv6: /64); what is right is always taken. 0 is no limit.
        bad_tokens_per_minute: i64 = 120,
        /// Wrong proofs of an app (`client_secret`, signature of `get_token`) a minute from one address; ten times as many for one app. What is right is always taken. 0 is no limit.
        bad_clients_per_minute: i64 = 60,
        /// Addresses of shares that do not exist, a minute from one address. 0 is no limit.
        bad_shares_per_minute: i64 = 60,
        /// Wrong passwords of a share in 15 minutes from one address, and five times as many of all shares together; ten times as many of one share from anywhere. 0 is no limit.
        bad_share_passwords: i64 = 10,
        /// Wrong device codes typed in ten minutes by one person; four times as many from one address. 0 is no limit.
        bad_user_codes: i64 = 5,
        /// Devices of one app and address that wait for a person at once; five times as many of all apps. 0 is no limit.
        waiting_devices: i64 = 20,
    }
    /// The audit log.
    audit: Audit {
        /// Days that entries are kept; 0 keeps them for ever.
        keep_days: i64 = 365,
    }
    /// Webhooks: telling apps that something changed.
    hooks: Hooks {
        /// Seconds between two new deliveries to one app, at least; 0 switches webhooks off: nothing is sent.
        interval_seconds: i64 = 5,
        /// Seconds after which a failed delivery is tried again, after each attempt, separated by commas; it is given up after the last. Up to a quarter more is added by chance.
        retry_seconds: String = "5,300,1800,7200,18000,36000,50400,72000,86400".into(),
        /// Seconds in which an app's server must be reached.
        connect_seconds: u64 = 5,
        /// Seconds in which it must have answered, reaching it included.
        timeout_seconds: u64 = 15,
        /// What may be reached beside public addresses, separated by commas: hosts by name (`hooks.internal`) and networks (`10.1.0.0/16`, `::1`). `http` is taken for what is named here alone. Every developer of an app can then make this server send there.
        allow: String = String::new(),
        /// File with certificates (PEM) that are trusted beside those of the system.
        ca_file: String = String::new(),
        /// Days that deliveries are listed, also those that were given up.
        keep_days: i64 = 30,
    }
    /// The weipan API.
    weipan: Weipan {
        /// Calls a minute for one user and app; 0 is no limit.
        rate_per_minute: u32 = 150,
        /// Seconds without a call after which a token is dead.
        token_idle_seconds: i64 = 900,
        /// Entries of one folder above which nothing more is made in it; 0 is no limit.
        folder_limit: i64 = 0,
        /// Extensions of files that may be shared, separated by commas.
        share_extensions: String = "doc,docx,pdf,jpg,png,gif,ppsx,pps,ppt,pptx,xls,txt,avi".into(),
        /// Largest file of the upload in three steps, in bytes. 512 MiB.
        post_bytes: i64 = 536_870_912,
    }
    /// The external directory that programs of the weipan API may sign in against.
    ldap: Ldap {
        /// Its address: `ldap://HOST:PORT` or `ldaps://HOST:PORT`. Empty: there is none.
        url: String = String::new(),
        /// 1 encrypts a connection to an `ldap://` address by StartTLS.
        starttls: u32 = 0,
        /// File with the certificates (PEM) that the directory's is checked against. Empty: those of the system.
        ca_file: String = String::new(),
        /// Entry that searches. Empty: searches are anonymous.
        bind_dn: String = String::new(),
        /// Its password.
        bind_password: String = String::new(),
        /// Where people are searched.
        base_dn: String = String::new(),
        /// How a person is found; `{account}` becomes what was typed, escaped.
        filter: String = "(mail={account})".into(),
        /// Attribute with the name that an account gets.
        name_attribute: String = "uid".into(),
        /// Attribute with the mail address that an account gets.
        email_attribute: String = "mail".into(),
        /// Seconds that the directory has to answer.
        timeout_seconds: u64 = 5,
    }
}

/// The reference as Markdown, for `docs/api/config.md`.
pub fn reference_markdown() -> String {
    let defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
    let mut out = String::from(
        "# Settings\n\nA setting comes from the config file (`--config FILE`, TOML), then from the environment \
         (`PANTRY_<SECTION>__<KEY>`), then from the flags of the command. Without any, everything has a default.\n",
    );
    let mut section = "";
    for s in REFERENCE {
        if s.section != section {
            section = s.section;
            out.push_str(&format!(
                "\n## {section}\n\n| Environment | Type | Default | |\n|---|---|---|---|\n"
            ));
        }
        let default = match &defaults[s.section][s.key] {
            serde_json::Value::String(t) if t.is_empty() => String::new(),
            serde_json::Value::String(t) => format!("`{t}`"),
            v => format!("`{v}`"),
        };
        let kind = match s.kind {
            "String" => "text",
            _ => "number",
        };
        out.push_str(&format!(
            "| `PANTRY_{}__{}` | {kind} | {default} | {} |\n",
            s.section.to_uppercase(),
            s.key.to_uppercase(),
            s.doc.trim()
        ));
    }
    out
}
