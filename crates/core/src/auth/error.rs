//! The errors of OAuth, by the names that the standards give them.
//! Must not know statuses or headers.

use std::borrow::Cow;

use pantry_db::DbError;

use crate::Error;

/// A registered error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OAuthCode {
    /// A parameter is missing, malformed or given twice (RFC 6749, section 5.2).
    InvalidRequest,
    /// The client is unknown or did not prove itself.
    InvalidClient,
    /// The code or token is unknown, expired, used, or another client's.
    InvalidGrant,
    /// The client may not do this.
    UnauthorizedClient,
    /// No such grant type.
    UnsupportedGrantType,
    /// No such response type (RFC 6749, section 4.1.2.1).
    UnsupportedResponseType,
    /// A scope that there is not, or that the app may not ask for.
    InvalidScope,
    /// The person refused.
    AccessDenied,
    /// The person has not answered yet (RFC 8628, section 3.5).
    AuthorizationPending,
    /// Asked too often (RFC 8628, section 3.5).
    SlowDown,
    /// The device code is dead (RFC 8628, section 3.5).
    ExpiredToken,
    /// Nobody is signed in, and no page may be shown (OpenID Connect Core, section 3.1.2.6).
    LoginRequired,
    /// Consent is needed, and no page may be shown.
    ConsentRequired,
    /// A page is needed whatever was consented to before, and none may be shown.
    InteractionRequired,
    /// A resource that there is not here (RFC 8707, section 2).
    InvalidTarget,
    /// Requests as signed objects are not understood (OpenID Connect Core, section 3.1.2.6).
    RequestNotSupported,
    /// Requests by an address elsewhere are not fetched.
    RequestUriNotSupported,
    /// Apps do not register themselves.
    RegistrationNotSupported,
}

impl OAuthCode {
    /// The code as it stands in an answer.
    pub fn as_str(self) -> &'static str {
        match self {
            OAuthCode::InvalidRequest => "invalid_request",
            OAuthCode::InvalidClient => "invalid_client",
            OAuthCode::InvalidGrant => "invalid_grant",
            OAuthCode::UnauthorizedClient => "unauthorized_client",
            OAuthCode::UnsupportedGrantType => "unsupported_grant_type",
            OAuthCode::UnsupportedResponseType => "unsupported_response_type",
            OAuthCode::InvalidScope => "invalid_scope",
            OAuthCode::AccessDenied => "access_denied",
            OAuthCode::AuthorizationPending => "authorization_pending",
            OAuthCode::SlowDown => "slow_down",
            OAuthCode::ExpiredToken => "expired_token",
            OAuthCode::LoginRequired => "login_required",
            OAuthCode::ConsentRequired => "consent_required",
            OAuthCode::InteractionRequired => "interaction_required",
            OAuthCode::InvalidTarget => "invalid_target",
            OAuthCode::RequestNotSupported => "request_not_supported",
            OAuthCode::RequestUriNotSupported => "request_uri_not_supported",
            OAuthCode::RegistrationNotSupported => "registration_not_supported",
        }
    }
}

/// Why an OAuth request got no token.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// The request was refused.
    #[error("{description}")]
    Refused {
        /// Which error it is.
        code: OAuthCode,
        /// What was wrong and what to do, for developers. Printable ASCII without `"` and `\`.
        description: Cow<'static, str>,
    },
    /// The drive could not serve it.
    #[error(transparent)]
    Drive(#[from] Error),
}

impl From<DbError> for OAuthError {
    fn from(e: DbError) -> Self {
        OAuthError::Drive(e.into())
    }
}

impl OAuthError {
    /// A refusal. What the standards do not allow in a description becomes `?`.
    pub fn refused(code: OAuthCode, description: impl Into<Cow<'static, str>>) -> Self {
        let mut description = description.into();
        // RFC 6749, section 5.2: %x20-21 / %x23-5B / %x5D-7E.
        let legal = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
        if !description.chars().all(legal) {
            let mended = description.chars().map(|c| match c {
                '"' => '\'',
                c if legal(c) => c,
                _ => '?',
            });
            description = mended.collect::<String>().into();
        }
        OAuthError::Refused { code, description }
    }

    /// The error code, if it is a refusal.
    pub fn code(&self) -> Option<OAuthCode> {
        match self {
            OAuthError::Refused { code, .. } => Some(*code),
            OAuthError::Drive(_) => None,
        }
    }
}
