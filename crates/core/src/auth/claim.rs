//! Which secret a database belongs to. The database carries the secret's fingerprint, and the public
//! half of the key that apps' secrets are sealed to.
//! Must not write either over another.

use pantry_db::{DbError, Outcome, Tx, meta};

use super::seal;
use crate::{Drive, Error, keys};

const FINGERPRINT: &str = "secret.fingerprint";
const PUBLIC_KEY: &str = "secret.public_key";

/// Why a database cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// It was first served with another secret.
    #[error(
        "this database belongs to another server's secret: links, app secrets and sessions of people would break. \
         Restore the secret file that was used with it, from its data folder or your backup"
    )]
    OtherSecret,
    /// The row store failed.
    #[error(transparent)]
    Drive(#[from] Error),
}

impl From<DbError> for ClaimError {
    fn from(e: DbError) -> Self {
        ClaimError::Drive(e.into())
    }
}

struct Claim {
    fingerprint: Vec<u8>,
    public_key: [u8; 32],
}

async fn claim_tx(tx: &mut Tx<'_>, c: &Claim) -> Outcome<(), ClaimError> {
    claim_rows(tx, c).await.into()
}

async fn claim_rows(tx: &mut Tx<'_>, c: &Claim) -> Result<(), ClaimError> {
    let stands = meta::set_once(tx, FINGERPRINT, &c.fingerprint).await?;
    if !keys::same(&stands, &c.fingerprint) {
        return Err(ClaimError::OtherSecret);
    }
    meta::set_once(tx, PUBLIC_KEY, &c.public_key).await?;
    Ok(())
}

async fn public_key(tx: &mut Tx<'_>, (): &()) -> Result<Option<Vec<u8>>, Error> {
    Ok(meta::get(tx, PUBLIC_KEY).await?)
}

impl Drive {
    /// Ties the database to this drive's secret, or finds that it is tied already. To be called before serving.
    ///
    /// # Errors
    /// [`ClaimError::OtherSecret`].
    pub async fn claim(&self) -> Result<(), ClaimError> {
        let args = Claim {
            fingerprint: self.0.keys.fingerprint(),
            public_key: seal::public_key(&self.0.keys),
        };
        self.0.db.write(args, |tx, c| Box::pin(claim_tx(tx, c))).await
    }

    /// The key that apps' secrets are sealed to. A database that was never served is claimed.
    pub(crate) async fn sealing_key(&self) -> Result<Vec<u8>, Error> {
        if let Some(key) = self.0.db.read((), |tx, a| Box::pin(public_key(tx, a))).await? {
            return Ok(key);
        }
        self.claim().await.map_err(|e| match e {
            ClaimError::Drive(e) => e,
            ClaimError::OtherSecret => Error::Internal(e.to_string()),
        })?;
        Ok(seal::public_key(&self.0.keys).to_vec())
    }
}
