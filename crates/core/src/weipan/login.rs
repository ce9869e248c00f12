//! Signing in: an app's signature over an account's password, and the token that it gives.
//! Must not keep what was typed, nor say by time or answer which of account and password was wrong.

use base64::{Engine as _, engine::general_purpose as base64s};
use hmac::{Hmac, KeyInit, Mac};
use pantry_db::{Outcome, Tx, audit, directory as rows, users, weipan_tokens};
use pantry_types::{SecretText, UserId, random};
use sha2::Sha256;

use super::{
    directory::{self, Person},
    token::mark,
};
use crate::{
    Drive, Error,
    auth::{Counted, Guess, NewFromDirectory, Origin, Proof, Proven, give_by_password, hash, insert_from_directory},
    keys::same,
};

/// Seconds that a program's clock may be off.
const SKEW: i64 = 900;
/// Numbers of time above this are milliseconds.
const MILLISECONDS_ABOVE: f64 = 1e11;

/// What a program sends to sign in, as the texts came.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Login name or mail address.
    pub account: &'a str,
    /// Password.
    pub password: &'a str,
    /// The app's id.
    pub appkey: &'a str,
    /// Unix time in seconds, milliseconds (above 1e11) or with decimals.
    pub time: &'a str,
    /// HMAC-SHA-256 of the other four under the app's secret, in hex or base64.
    pub signature: &'a str,
}

impl std::fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asked(…)")
    }
}

/// An app that has signed.
#[derive(Debug, Clone)]
pub struct SignedApp {
    client_id: String,
}

impl SignedApp {
    /// Its id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum LoginRefused {
    /// No such app, none that may use this API, or another signature.
    #[error("the signature is not that of an app that may use this API; check appkey, app_secret and the texts signed")]
    Signature,
    /// No such account, or not its password.
    #[error("account and password do not match")]
    Account,
    /// No directory is configured, or it does not answer.
    #[error("the external directory cannot be asked; sign in with an account of this server")]
    Directory,
    /// The program's clock is off, or the text is no time.
    #[error("time is no Unix time within 15 minutes of the server's; set the clock")]
    Time,
    /// By the rules of the drive.
    #[error(transparent)]
    Drive(#[from] Error),
}

/// A program that is signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// The token: 32 hex digits, lower case.
    pub token: SecretText,
    /// Whose drive.
    pub user: UserId,
    /// Mail address.
    pub email: String,
    /// Bytes allowed.
    pub quota: i64,
}

struct LocalSignIn {
    proven: Proven,
    issue: Issue,
}

struct Issue {
    hash: [u8; 32],
    client_id: String,
    now: i64,
    address: String,
}

impl Drive {
    /// The app that signed this.
    ///
    /// # Errors
    /// [`LoginRefused::Signature`], [`LoginRefused::Time`]; [`Error::TooMany`] after too many wrong signatures.
    pub async fn weipan_app(&self, asked: Asked<'_>, origin: &Origin) -> Result<SignedApp, LoginRefused> {
        match self.signed_app(asked).await {
            Err(LoginRefused::Signature) => Err(self
                .guessed(Guess::Client(asked.appkey), origin)
                .map_or(LoginRefused::Signature, LoginRefused::Drive)),
            answer => answer,
        }
    }

    async fn signed_app(&self, asked: Asked<'_>) -> Result<SignedApp, LoginRefused> {
        let found = self.app_with_secrets(asked.appkey).await?;
        let (app, secrets) = found.filter(|(app, _)| app.weipan).ok_or(LoginRefused::Signature)?;
        if !secrets.iter().any(|secret| is_signature(secret, asked)) {
            return Err(LoginRefused::Signature);
        }
        let sent = unix_time(asked.time).ok_or(LoginRefused::Time)?;
        if (sent - self.clock().now_ms() as f64 / 1000.0).abs() > SKEW as f64 {
            return Err(LoginRefused::Time);
        }
        Ok(SignedApp {
            client_id: app.client_id,
        })
    }

    /// Signs a program in by an account of this server, and answers its token.
    ///
    /// # Errors
    /// [`LoginRefused::Account`]; [`Error::TooMany`], shared with the sign-in of people.
    pub async fn weipan_login(
        &self,
        app: &SignedApp,
        account: &str,
        password: &str,
        origin: &Origin,
    ) -> Result<SignedIn, LoginRefused> {
        let wrong = match self.prove(account, password, origin).await? {
            Proof::Right(proven) => {
                let user = proven.user;
                let (token, issue) = self.new_token(app, origin);
                let args = LocalSignIn { proven, issue };
                if let Some(user) = self.db().write(args, |tx, a| Box::pin(local_tx(tx, a))).await? {
                    return Ok(signed_in(token, user));
                }
                user
            }
            Proof::Wrong(user) => user,
        };
        self.note_failure(wrong, &app.client_id, origin).await?;
        Err(LoginRefused::Account)
    }

    /// Signs a program in by the external directory. The first time, the person gets an account.
    ///
    /// # Errors
    /// [`LoginRefused::Account`], [`LoginRefused::Directory`]; [`Error::TooMany`].
    pub async fn weipan_login_by_directory(
        &self,
        app: &SignedApp,
        account: &str,
        password: &str,
        origin: &Origin,
    ) -> Result<SignedIn, LoginRefused> {
        let ldap = &self.settings().ldap;
        if ldap.url.is_empty() {
            return Err(LoginRefused::Directory);
        }
        let account = account.trim();
        let counted = self.attempt_elsewhere(&account.to_lowercase(), origin).await?;
        let person = match directory::find(ldap, account, password).await {
            Ok(found) => found,
            Err(e) => {
                tracing::error!(error = %e, "nobody can sign in by the directory");
                return Err(LoginRefused::Directory);
            }
        };
        let Some(person) = person else {
            self.note_failure(UserId(0), &app.client_id, origin).await?;
            return Err(LoginRefused::Account);
        };
        let (token, issue) = self.new_token(app, origin);
        let new = NewFromDirectory {
            name: if person.name.is_empty() {
                person.email.split('@').next().unwrap_or_default().to_owned()
            } else {
                person.name.clone()
            },
            email: person.email.clone(),
            quota: self.settings().users.quota_bytes,
            now: issue.now,
        };
        let args = std::sync::Arc::new((person, new, issue, counted));
        // Two first sign-ins at once: the one that came second finds the account the next time.
        for last in [false, true] {
            let tried = self
                .db()
                .write(std::sync::Arc::clone(&args), |tx, a| Box::pin(directory_tx(tx, a)))
                .await;
            match tried {
                Ok(Some(user)) => return Ok(signed_in(token, user)),
                Ok(None) => return Err(LoginRefused::Account),
                Err(Error::Taken { .. }) if !last => {}
                // An account of ours never passes to whoever has its name or mail address elsewhere.
                Err(e @ (Error::Taken { .. } | Error::Invalid { .. })) => {
                    tracing::warn!(error = %e, "a person of the directory cannot have an account");
                    return Err(LoginRefused::Account);
                }
                Err(e) => return Err(e.into()),
            }
        }
        Err(LoginRefused::Account)
    }

    fn new_token(&self, app: &SignedApp, origin: &Origin) -> (SecretText, Issue) {
        let token = hex::encode(random::bytes::<16>(self.random().as_ref()));
        let issue = Issue {
            hash: hash(&token),
            client_id: app.client_id.clone(),
            now: self.now(),
            address: origin.address(),
        };
        (SecretText::new(token), issue)
    }
}

fn signed_in(token: SecretText, user: users::User) -> SignedIn {
    SignedIn {
        token,
        user: user.id,
        email: user.email,
        quota: user.quota,
    }
}

async fn local_tx(tx: &mut Tx<'_>, a: &LocalSignIn) -> Outcome<Option<users::User>, Error> {
    let rows = async {
        if !a.proven.settle(tx).await? {
            return Ok(None);
        }
        issue(tx, a.proven.user, &a.issue).await
    };
    rows.await.into()
}

type DirectorySignIn = std::sync::Arc<(Person, NewFromDirectory, Issue, Counted)>;

async fn directory_tx(tx: &mut Tx<'_>, args: &DirectorySignIn) -> Outcome<Option<users::User>, Error> {
    let (person, new, give, counted) = &**args;
    let rows = async {
        counted.take_back(tx).await?;
        let user = match rows::account(tx, &person.entry).await? {
            Some(user) => user,
            None => {
                let user = insert_from_directory(tx, new).await?;
                if !rows::tie(tx, &person.entry, user).await? {
                    return Err(Error::Taken {
                        what: "the entry of the directory",
                        value: person.entry.clone(),
                    });
                }
                user
            }
        };
        issue(tx, user, give).await
    };
    rows.await.into()
}

/// Adds a token for a person. `None`: disabled.
async fn issue(tx: &mut Tx<'_>, user: UserId, give: &Issue) -> Result<Option<users::User>, Error> {
    let Some(user) = users::lock(tx, user).await?.filter(|u| !u.is_disabled) else {
        return Ok(None);
    };
    let (grant, epoch) = give_by_password(tx, user.id, &give.client_id, give.now).await?;
    let token = weipan_tokens::NewToken {
        hash: &give.hash,
        user: user.id,
        client_id: &give.client_id,
        grant,
        epoch,
        mark: &mark(&user.password_hash),
        now: give.now,
    };
    weipan_tokens::insert(tx, &token).await?;
    let entry = audit::Entry {
        at: give.now,
        user: user.id,
        client_id: give.client_id.clone(),
        event: "weipan_sign_in".into(),
        address: give.address.clone(),
        detail: String::new(),
    };
    audit::append(tx, &entry).await?;
    Ok(Some(user))
}

fn is_signature(secret: &SecretText, asked: Asked<'_>) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return false;
    };
    // The literal texts, in this order and with nothing encoded.
    let pairs = [
        ("account=", asked.account),
        ("&appkey=", asked.appkey),
        ("&password=", asked.password),
        ("&time=", asked.time),
    ];
    for (name, value) in pairs {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    let right = mac.finalize().into_bytes();
    signature_bytes(asked.signature).is_some_and(|sent| same(&right, &sent))
}

/// Hex in either case, or base64 in either alphabet; a `+` that a form turned into a space counts.
fn signature_bytes(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    if text.len() == 64
        && let Ok(bytes) = hex::decode(text)
    {
        return Some(bytes);
    }
    let text = text.trim_end_matches('=').replace([' ', '-'], "+").replace('_', "/");
    base64s::STANDARD_NO_PAD.decode(text).ok()
}

/// Seconds, with decimals if there are any.
fn unix_time(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let fits = match text.split_once('.') {
        None => plain(text),
        Some((whole, rest)) => plain(whole) && plain(rest),
    };
    if !fits || text.len() > 40 {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    Some(if number > MILLISECONDS_ABOVE {
        number / 1000.0
    } else {
        number
    })
}

#[cfg(test)]
mod tests {
    //! The forms that time and signature come in.
    use super::*;

    #[test]
    fn time_comes_in_seconds_milliseconds_and_decimals() {
        for text in ["1337088112", "1337088112000", "1337088112.46", " 1337088112 "] {
            let time = unix_time(text).expect(text);
            assert!((time - 1_337_088_112.0).abs() < 1.0, "{text}");
        }
        for text in ["", "now", "1e9", "-5", "1.", ".5", "NaN", "inf", "1,5"] {
            assert_eq!(unix_time(text), None, "{text}");
        }
    }

    #[test]
    fn a_signature_is_hex_or_base64() {
        let bytes: Vec<u8> = (0..32).map(|n| n * 8 + 3).collect();
        let hex = hex::encode(&bytes);
        let plain = base64s::STANDARD.encode(&bytes);
        for text in [
            hex.clone(),
            hex.to_uppercase(),
            plain.clone(),
            plain.replace('+', " "),
            plain.trim_end_matches('=').to_owned(),
            base64s::URL_SAFE.encode(&bytes),
        ] {
            assert_eq!(signature_bytes(&text).as_ref(), Some(&bytes), "{text}");
        }
    }
}
