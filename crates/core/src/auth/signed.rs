//! Apps that sign what they ask: their secret, opened for a signature to be checked.
//! Must not let it out of core.

use pantry_types::SecretText;

use super::{App, seal};
use crate::{Drive, Error};

impl Drive {
    /// An app with a secret, and what is right as one: the secret, and the one before while that is. `None`: no such app,
    /// or a public one.
    pub(crate) async fn app_with_secrets(&self, client_id: &str) -> Result<Option<(App, Vec<SecretText>)>, Error> {
        let Some(app) = self.app(client_id).await?.filter(|a| !a.public) else {
            return Ok(None);
        };
        let mut secrets = vec![seal::open_secret(&self.0.keys, &app.secret)?];
        if let Some(old) = self.old_secret(&app).await? {
            secrets.push(seal::open_secret(&self.0.keys, &old)?);
        }
        Ok(Some((app, secrets)))
    }
}
