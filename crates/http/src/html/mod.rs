//! The server-rendered pages: what a person sees of Pantry where no script may
//! run. Owns their looks, their words in every language, and the addresses
//! their forms post to. Must not know the drive, a request or a response: each
//! page is a function from a plain view to markup.
//!
//! A page is `page(&Frame, &View) -> Markup`. The [`Frame`] is what all pages
//! share (language, address, who is signed in, the form token); the view is
//! what this one page tells. Outcomes come as enums, never as ready sentences,
//! so that no page can mix languages.

pub mod apps;
pub mod assets;
pub mod consent;
pub mod device;
pub mod error;
mod form;
mod format;
pub mod home;
pub mod lang;
pub mod layout;
pub mod login;
pub mod password;
mod scopes;
pub mod setup;
pub mod share;
mod text;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

pub use assets::{ASSET_PREFIX, asset, asset_href};
pub use lang::Lang;
pub use layout::{Frame, content_security_policy};

/// The addresses that the pages link to and post to.
pub mod paths {
    /// The drive itself, or the welcome page of one who is not signed in.
    pub const HOME: &str = "/";
    /// The one-time set-up of the first administrator.
    pub const SETUP: &str = "/setup";
    /// Signing in.
    pub const LOGIN: &str = "/login";
    /// Signing out (POST only); the field `next` says where to go then.
    pub const LOGOUT: &str = "/logout";
    /// The authorization endpoint; its consent form posts to the same address.
    pub const AUTHORIZE: &str = "/oauth/authorize";
    /// Entry and approval of a device's code.
    pub const DEVICE: &str = "/oauth/device";
    /// A share's page, by its code.
    pub const SHARE: &str = "/s";
    /// What apps were allowed; its forms post to the same address.
    pub const USER_APPS: &str = "/user/apps";
    /// Setting a new password by a link.
    pub const PASSWORD: &str = "/password";
}

/// What the pages tell of an app that asks for access.
#[derive(Debug, Clone, Copy)]
pub struct AppView<'a> {
    /// The app's name, as registered.
    pub name: &'a str,
    /// User name of the person who registered it.
    pub owner: &'a str,
    /// Host of the app's home page, where it has one.
    pub home_host: Option<&'a str>,
}
