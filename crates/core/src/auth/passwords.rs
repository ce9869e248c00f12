//! Argon2id of passwords, at most two at once. Must not know whose they are.

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::phc::{Output, PasswordHash, Salt},
};
use pantry_types::random;

use super::State;
use crate::{Drive, Error};

/// Hashes that run at once: each takes 19 MiB and a core.
pub(super) const AT_ONCE: usize = 2;
/// Hashes that run or wait; more are sent away.
pub(super) const QUEUE: usize = 64;

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

fn argon2() -> Result<Argon2<'static>, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|e| internal(&e))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn internal(e: &dyn std::fmt::Display) -> Error {
    Error::Internal(format!("password hashing: {e}"))
}

async fn run<T: Send + 'static>(
    state: &State,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let _place = state.hashing_queue.try_acquire().map_err(|_| Error::Busy)?;
    let _turn = state.hashing.acquire().await.map_err(|e| internal(&e))?;
    tokio::task::spawn_blocking(work).await.map_err(|e| internal(&e))?
}

impl Drive {
    /// Hashes a new password into PHC form.
    pub(crate) async fn hash_password(&self, password: String) -> Result<String, Error> {
        let salt = random::bytes::<16>(&*self.0.random);
        run(&self.0.auth, move || {
            let hash = argon2()?
                .hash_password_with_salt(password.as_bytes(), &salt)
                .map_err(|e| internal(&e))?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether this is the password of a stored hash. `None` or an empty hash
    /// takes as long as any and is never right.
    pub(crate) async fn verify_password(&self, password: String, stored: Option<String>) -> Result<bool, Error> {
        let stored = stored.filter(|s| !s.is_empty());
        run(&self.0.auth, move || {
            let known = stored.is_some();
            let hash = match &stored {
                Some(text) => PasswordHash::new(text).map_err(|e| internal(&e))?,
                None => nobodys()?,
            };
            let right = argon2()?.verify_password(password.as_bytes(), &hash).is_ok();
            Ok(known && right)
        })
        .await
    }
}

/// A hash of the usual cost that no password is known for.
fn nobodys() -> Result<PasswordHash, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|e| internal(&e))?;
    Ok(PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: (&params).try_into().map_err(|e| internal(&e))?,
        salt: Some(Salt::new(&[0; 16]).map_err(|e| internal(&e))?),
        hash: Some(Output::new(&[0; 32]).map_err(|e| internal(&e))?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_hash_costs_what_a_real_one_costs() {
        let real = argon2()
            .expect("parameters")
            .hash_password_with_salt(b"right", &[1; 16])
            .expect("hashed");
        assert!(real.to_string().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let dummy = nobodys().expect("made");
        assert_eq!(dummy.params, real.params);
        assert_eq!(dummy.version, real.version);
        assert!(argon2().expect("parameters").verify_password(b"right", &real).is_ok());
        assert!(argon2().expect("parameters").verify_password(b"", &dummy).is_err());
    }
}
