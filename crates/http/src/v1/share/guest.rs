//! Somebody at the door of a share: the code in the path, the ticket in a header or a parameter, and the rate of an address.
//! Must not decide whom a share lets in.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use pantry_core::{Error, auth::Origin, shares::Visit};

use crate::{Params, envelope::Failure, request::ClientAddress, state::AppState};

const TICKET: &str = "x-share-ticket";

/// A visitor of a share, who needs no account.
pub struct Guest {
    code: String,
    ticket: Option<String>,
    origin: Origin,
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The code and the ticket open the share.
        f.write_str("Guest")
    }
}

impl Guest {
    /// The visit as the drive takes it; the header's ticket wins.
    pub fn visit(self, params: &Params) -> Result<Visit, Error> {
        let sent = params.opt_text("ticket")?.filter(|text| !text.is_empty());
        Ok(Visit {
            code: self.code,
            ticket: self.ticket.or_else(|| sent.map(str::to_owned)),
            origin: self.origin,
        })
    }
}

impl FromRequestParts<AppState> for Guest {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let Ok(ClientAddress(address)) = ClientAddress::from_request_parts(parts, state).await;
        let origin = Origin::new(Some(address), "");
        // Below 0: keys of grants are above.
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(origin.network());
        let key = -(i64::try_from(hash >> 1).unwrap_or(0)) - 1;
        let now_ms = state.drive().clock().now_ms();
        let counted = state.v1_rate().take(key, now_ms);
        counted.map_err(|retry_after| Error::TooMany { retry_after })?;
        let path = RawPathParams::from_request_parts(parts, state).await;
        let code = path.ok().and_then(|path| {
            let mut named = path.iter().filter(|(name, _)| *name == "code");
            named.next().map(|(_, value)| value.to_owned())
        });
        Ok(Self {
            // What is no UTF-8 is no code either.
            code: code.unwrap_or_default(),
            ticket: parts
                .headers
                .get(TICKET)
                .and_then(|v| v.to_str().ok())
                .map(str::to_owned),
            origin,
        })
    }
}
