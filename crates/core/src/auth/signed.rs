//! Apps that sign what they ask: their secret, opened for a signature to be checked.
//! Must not let it out of core.

use pantry_types::SecretText;

use super::{App, seal};
use crate::{Drive, Error};

impl Drive {
    /// An app with a secret, and the secret. `None`: no such app, or a public one.
    pub(crate) async fn app_with_secret(&self, client_id: &str) -> Result<Option<(App, SecretText)>, Error> {
        let Some(app) = self.app(client_id).await?.filter(|a| !a.public) else {
            return Ok(None);
        };
        let secret = seal::open_secret(&self.0.keys, &app.secret)?;
        Ok(Some((app, secret)))
    }
}
