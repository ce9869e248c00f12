//! Accounts: making them, their passwords, and what their start page shows.
//! Must not make folders but the root.

use pantry_db::{
    Outcome, Tx, audit, dialect, nodes,
    nodes::{Kind, Node},
    sessions, users,
};
use pantry_types::{Md5, NodeId, Sha1, UserId, VersionId, search::fold, shown, sort::sort_key};

use super::Origin;
use crate::{Drive, Error};

/// The least length of a password, in characters.
pub const MIN_PASSWORD: usize = 8;
/// The greatest length of a password, in bytes: hashing is not to be a way to load the server.
const MAX_PASSWORD: usize = 1024;
const MAX_NAME: usize = 64;
const MAX_EMAIL: usize = 254;

/// An account to be made.
#[derive(Clone)]
pub struct NewUser {
    /// Login name: 1 to 64 letters, digits, `_`, `-`, `.`; case does not tell accounts apart.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// Password, at least 8 characters.
    pub password: String,
    /// May administer this installation.
    pub is_admin: bool,
    /// Bytes allowed; `None` for the setting's default.
    pub quota: Option<i64>,
}

impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUser")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// An account, without what is secret.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct User {
    /// Id.
    pub id: UserId,
    /// Login name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// May administer this installation.
    pub is_admin: bool,
    /// Bytes allowed.
    pub quota: i64,
    /// The folder `/`.
    pub root: NodeId,
}

/// An account that was checked, ready for its rows.
#[derive(Clone)]
pub(super) struct Checked {
    name: String,
    email: String,
    password_hash: String,
    is_admin: bool,
    quota: i64,
    pub(super) now: i64,
}

fn check_name(name: &str) -> Result<(), Error> {
    let legal = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() {
        return Err(Error::invalid("name", "a user name is needed"));
    }
    if name.chars().count() > MAX_NAME || !name.chars().all(legal) {
        return Err(Error::invalid(
            "name",
            format!("{} is not a user name: use 1 to 64 letters, digits, _ - .", shown(name)),
        ));
    }
    Ok(())
}

fn check_email(email: &str) -> Result<(), Error> {
    let bad = || {
        Error::invalid(
            "email",
            format!("{} is not a mail address such as name@example.com", shown(email)),
        )
    };
    let (local, domain) = email.split_once('@').ok_or_else(bad)?;
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '@' | '<' | '>' | ',' | '"');
    let labels = domain.split('.').all(|l| !l.is_empty() && !l.starts_with('-'));
    if email.len() > MAX_EMAIL || local.is_empty() || !labels || !local.chars().chain(domain.chars()).all(plain) {
        return Err(bad());
    }
    Ok(())
}

pub(super) fn check_password(password: &str) -> Result<(), Error> {
    if password.chars().count() < MIN_PASSWORD {
        return Err(Error::invalid(
            "password",
            format!("too short: use at least {MIN_PASSWORD} characters"),
        ));
    }
    if password.len() > MAX_PASSWORD {
        return Err(Error::invalid(
            "password",
            format!("too long: use at most {MAX_PASSWORD} bytes"),
        ));
    }
    Ok(())
}

/// Adds the rows of an account: the person and the root folder.
pub(super) async fn insert(tx: &mut Tx<'_>, c: &Checked) -> Result<User, Error> {
    let ids = dialect::next_ids(tx, 3).await?;
    let [id, root, bin] = ids[..] else {
        return Err(Error::Internal("three ids were asked for".into()));
    };
    let (id, root) = (UserId(id), NodeId(root));
    let (name_fold, email_fold) = (fold(&c.name), fold(&c.email));
    let user = users::User {
        id,
        name: c.name.clone(),
        email: c.email.clone(),
        nickname: c.name.clone(),
        avatar_url: String::new(),
        password_hash: c.password_hash.clone(),
        is_admin: c.is_admin,
        is_disabled: false,
        vip_group: 0,
        vip_expire: 0,
        quota: c.quota,
        used: 0,
        reserved: 0,
        head: 0,
        floor: 0,
        root_id: root,
        bin_id: NodeId(bin),
        apps_id: NodeId(0),
        created_at: c.now,
    };
    if !users::insert(tx, &user, &name_fold, &email_fold).await? {
        let same_name = users::find(tx, &name_fold)
            .await?
            .is_some_and(|u| fold(&u.name) == name_fold);
        let (what, value) = if same_name {
            ("the user name", &c.name)
        } else {
            ("the mail address", &c.email)
        };
        return Err(Error::Taken {
            what,
            value: value.clone(),
        });
    }
    nodes::insert(tx, &root_node(id, root, c.now)).await?;
    Ok(User {
        id,
        name: c.name.clone(),
        email: c.email.clone(),
        is_admin: c.is_admin,
        quota: c.quota,
        root,
    })
}

/// A person whom the external directory knows, to be given an account.
#[derive(Clone)]
pub(crate) struct NewFromDirectory {
    /// The name wished for; made legal, and numbered if it is taken.
    pub(crate) name: String,
    /// Mail address.
    pub(crate) email: String,
    /// Bytes allowed.
    pub(crate) quota: i64,
    /// Unix seconds.
    pub(crate) now: i64,
}

/// How many numbered names are tried.
const NUMBERED: usize = 100;

/// Adds the rows of an account that no password of ours opens.
pub(crate) async fn insert_from_directory(tx: &mut Tx<'_>, new: &NewFromDirectory) -> Result<UserId, Error> {
    check_email(&new.email)?;
    let legal = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut wished: String = new.name.chars().filter(|c| legal(*c)).take(MAX_NAME - 4).collect();
    if wished.is_empty() {
        wished = "user".into();
    }
    for n in 0..NUMBERED {
        let name = match n {
            0 => wished.clone(),
            n => format!("{wished}-{n}"),
        };
        if users::find(tx, &fold(&name)).await?.is_some() {
            continue;
        }
        let checked = Checked {
            name,
            email: new.email.clone(),
            password_hash: String::new(),
            is_admin: false,
            quota: new.quota,
            now: new.now,
        };
        return Ok(insert(tx, &checked).await?.id);
    }
    Err(Error::Taken {
        what: "the user name",
        value: wished,
    })
}

fn root_node(user: UserId, id: NodeId, now: i64) -> Node {
    Node {
        user,
        id,
        parent: NodeId(0),
        kind: Kind::Folder,
        name: String::new(),
        sort_key: sort_key(""),
        live: true,
        sandbox: false,
        size: 0,
        md5: Md5([0; 16]),
        sha1: Sha1([0; 20]),
        mime: String::new(),
        version: VersionId(0),
        file_count: 0,
        folder_count: 0,
        client_id: String::new(),
        created_at: now,
        modified_at: now,
    }
}

async fn add_tx(tx: &mut Tx<'_>, c: &Checked) -> Outcome<User, Error> {
    insert(tx, c).await.into()
}

struct NewPassword {
    user: UserId,
    hash: String,
    now: i64,
    address: String,
}

async fn set_password_tx(tx: &mut Tx<'_>, a: &NewPassword) -> Outcome<(), Error> {
    set_password_rows(tx, a).await.into()
}

async fn set_password_rows(tx: &mut Tx<'_>, a: &NewPassword) -> Result<(), Error> {
    users::lock(tx, a.user).await?.ok_or(Error::NotFound("user"))?;
    users::set_password(tx, a.user, &a.hash).await?;
    sessions::remove_of_user(tx, a.user).await?;
    let entry = audit::Entry {
        at: a.now,
        user: a.user,
        client_id: String::new(),
        event: "password_changed".into(),
        address: a.address.clone(),
        detail: String::new(),
    };
    audit::append(tx, &entry).await?;
    Ok(())
}

pub(super) async fn by_name(tx: &mut Tx<'_>, name: &str) -> Result<users::User, Error> {
    users::find(tx, &fold(name)).await?.ok_or(Error::NotFound("user"))
}

async fn find_id(tx: &mut Tx<'_>, name: &str) -> Result<UserId, Error> {
    Ok(by_name(tx, name).await?.id)
}

impl Drive {
    /// Checks an account and hashes its password.
    pub(super) async fn check_new_user(&self, new: NewUser) -> Result<Checked, Error> {
        let email = new.email.trim().to_owned();
        check_name(&new.name)?;
        check_email(&email)?;
        check_password(&new.password)?;
        let quota = new.quota.unwrap_or(self.0.settings.users.quota_bytes);
        if quota < 0 {
            return Err(Error::invalid("quota", "give a number of bytes, 0 or more"));
        }
        Ok(Checked {
            name: new.name,
            email,
            password_hash: self.hash_password(new.password).await?,
            is_admin: new.is_admin,
            quota,
            now: self.now(),
        })
    }

    /// Makes an account with its root folder. For the operator.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`].
    pub async fn add_user(&self, new: NewUser) -> Result<User, Error> {
        let checked = self.check_new_user(new).await?;
        self.0.db.write(checked, |tx, c| Box::pin(add_tx(tx, c))).await
    }

    /// Gives an account a new password and ends all its sessions; tokens of apps live on. For the operator.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn set_password(&self, name: &str, password: &str) -> Result<(), Error> {
        check_password(password)?;
        let user = self
            .0
            .db
            .read(name.to_owned(), |tx, n| Box::pin(find_id(tx, n)))
            .await?;
        let args = NewPassword {
            user,
            hash: self.hash_password(password.to_owned()).await?,
            now: self.now(),
            address: Origin::operator().address(),
        };
        let done = self.0.db.write(args, |tx, a| Box::pin(set_password_tx(tx, a))).await;
        // Programs that signed in by the old one are out.
        self.access_ended(Some(user));
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_mail_addresses() {
        for good in ["a", "小明", "a.b-c_d", "é1"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a@b", "a/b", "a\n", &"x".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        for good in ["a@b", "a.b+c@example.com", "小明@例子.中国"] {
            assert!(check_email(good).is_ok(), "{good}");
        }
        for bad in [
            "", "a", "@b", "a@", "a@b@c", "a b@c", "a@b..c", "a@-b", "a\r\n@b", "<a@b>",
        ] {
            assert!(check_email(bad).is_err(), "{bad}");
        }
    }
}
