//! The tokens that bind a page's form to the browser it was shown to.
//! Must not know pages or cookies' attributes.

use pantry_types::random;

use super::SessionActor;
use crate::{Drive, keys};

impl Drive {
    /// Binds a form to a session and to what it asks (`purpose`, with every value that must come back as it was).
    pub fn form_token(&self, session: &SessionActor, purpose: &str) -> String {
        self.bind(b"session", session.binding(), purpose)
    }

    /// Binds a form of someone who is not signed in to a random cookie.
    pub fn anonymous_form_token(&self, cookie: &str, purpose: &str) -> String {
        self.bind(b"cookie", cookie.as_bytes(), purpose)
    }

    /// A value for that cookie.
    pub fn new_form_cookie(&self) -> String {
        hex::encode(random::bytes::<16>(&*self.0.random))
    }

    /// Compares two form tokens without telling where they differ.
    pub fn is_form_token(expected: &str, sent: &str) -> bool {
        keys::same(expected.as_bytes(), sent.as_bytes())
    }

    fn bind(&self, kind: &[u8], to: &[u8], purpose: &str) -> String {
        let mut text = Vec::with_capacity(kind.len() + to.len() + purpose.len() + 24);
        // Each with its length, so that no two inputs make one text.
        for part in [kind, to, purpose.as_bytes()] {
            text.extend_from_slice(&(part.len() as u64).to_le_bytes());
            text.extend_from_slice(part);
        }
        hex::encode(self.0.keys.form_token(&text))
    }
}
