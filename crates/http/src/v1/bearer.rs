//! Who calls v1: the token in the `Authorization` header (RFC 6750, section 2.1), the rate of its grant, and the scope that
//! a route names. Must not know what the caller may do with files: `core`'s access decides that.

use std::{marker::PhantomData, sync::Arc};

use axum::extract::FromRequestParts;
use http::{header::AUTHORIZATION, request::Parts};
use pantry_core::{
    Actor, Error,
    auth::{Origin, TokenActor},
};
use pantry_types::{Scope, SecretText};

use crate::{
    envelope::Failure,
    request::{ClientAddress, Context},
    state::AppState,
};

/// An app with a good token that keeps to its rate.
#[derive(Clone, Debug)]
pub struct Bearer(pub Arc<TokenActor>);

impl Bearer {
    /// The caller as the drive takes it.
    pub fn actor(&self) -> Actor {
        self.0.actor()
    }
}

impl FromRequestParts<AppState> for Bearer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let Ok(address) = ClientAddress::from_request_parts(parts, state).await;
        let origin = Origin::new(Some(address.0), "");
        let token = token_of(parts)?;
        let caller = state.drive().authenticate_from(token, &origin).await?;
        if let Some(context) = parts.extensions.get::<Context>() {
            context.set_user(caller.user);
        }
        let now_ms = state.drive().clock().now_ms();
        state
            .v1_rate()
            .take(caller.grant.0, now_ms)
            .map_err(|retry_after| Error::TooMany { retry_after })?;
        Ok(Self(caller))
    }
}

/// A caller, with the text of the token: for an answer that lasts longer than a look at the token counts.
#[derive(Debug)]
pub struct Lasting {
    /// The caller.
    pub caller: Bearer,
    /// What they came with.
    pub token: SecretText,
}

impl FromRequestParts<AppState> for Lasting {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let caller = Bearer::from_request_parts(parts, state).await?;
        let token = SecretText::new(token_of(parts)?.to_owned());
        Ok(Self { caller, token })
    }
}

fn token_of(parts: &Parts) -> Result<&str, Failure> {
    let query = parts.uri.query().unwrap_or("");
    if query.split('&').any(|pair| pair.starts_with("access_token=")) {
        return Err(Failure::Token(
            "an access token in the URL is refused, for URLs end up in logs; send it as Authorization: Bearer <token>",
        ));
    }
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    let (Some(header), None) = (headers.next(), headers.next()) else {
        return Err(Failure::Token(
            "send the access token once, as Authorization: Bearer <token>",
        ));
    };
    let text = header.to_str().unwrap_or("");
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Failure::Token(
            "the header Authorization is malformed; send Authorization: Bearer <token>",
        )),
    }
}

/// A scope that a route needs, as a type, so that it stands in the handler's signature.
pub trait Needed {
    /// The scope.
    const SCOPE: Scope;
}

/// `user.read`
#[derive(Debug)]
pub struct UserRead;

impl Needed for UserRead {
    const SCOPE: Scope = Scope::UserRead;
}

/// `share.create`
#[derive(Debug)]
pub struct ShareCreate;

impl Needed for ShareCreate {
    const SCOPE: Scope = Scope::ShareCreate;
}

/// `share.read`
#[derive(Debug)]
pub struct ShareRead;

impl Needed for ShareRead {
    const SCOPE: Scope = Scope::ShareRead;
}

/// A caller whose token has the scope `N`.
#[derive(Debug)]
pub struct Scoped<N> {
    /// The caller.
    pub caller: Bearer,
    needed: PhantomData<N>,
}

impl<N: Needed + Send> FromRequestParts<AppState> for Scoped<N> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let caller = Bearer::from_request_parts(parts, state).await?;
        if !caller.0.has(N::SCOPE) {
            return Err(Failure::Scope(N::SCOPE));
        }
        Ok(Self {
            caller,
            needed: PhantomData,
        })
    }
}
