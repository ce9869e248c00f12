//! Tickets: what the right password of a share is exchanged for. Signed, kept nowhere, and dead with the password.
//! Must not know passwords.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use pantry_types::{ShareId, UserId};

use crate::{
    Drive,
    keys::{Keys, same},
    shares::Share,
};

/// Lets its bearer into one share. Not to be logged.
#[derive(Clone)]
pub struct Ticket {
    /// What is shown at the door.
    pub text: String,
    /// Seconds that it works.
    pub expires_in: i64,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticket(…)")
    }
}

/// The signed part: whose share, which, of which epoch, until when.
fn claim(user: UserId, share: ShareId, epoch: i64, expires: i64) -> String {
    format!("{:x}.{:x}.{epoch:x}.{expires:x}", user.0, share.0)
}

fn sign(keys: &Keys, claim: &str) -> String {
    URL_SAFE_NO_PAD.encode(keys.sign_ticket(claim.as_bytes()))
}

impl Drive {
    /// A ticket for a share, which lives as long as the settings say and no longer than the share.
    pub(super) fn issue_ticket(&self, share: &Share) -> Ticket {
        let mut expires_in = self.settings().share.ticket_seconds.max(1);
        if share.expires_at > 0 {
            expires_in = expires_in.min((share.expires_at - self.now()).max(1));
        }
        let claim = claim(share.user, share.id, share.epoch, self.now() + expires_in);
        Ticket {
            text: format!("{claim}.{}", sign(self.keys(), &claim)),
            expires_in,
        }
    }
}

/// Whether a text is a ticket for this share as it is now.
pub(super) fn admits(keys: &Keys, text: &str, share: &Share, now: i64) -> bool {
    let Some((claimed, signature)) = text.rsplit_once('.') else {
        return false;
    };
    if !same(sign(keys, claimed).as_bytes(), signature.as_bytes()) {
        return false;
    }
    let expires = claimed
        .rsplit_once('.')
        .map(|(_, expires)| i64::from_str_radix(expires, 16));
    let Some(Ok(expires)) = expires else {
        return false;
    };
    now < expires && claimed == claim(share.user, share.id, share.epoch, expires)
}
