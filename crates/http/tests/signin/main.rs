//! The pages and addresses of signing in and of OAuth, as browsers and programs see them. The rules are
//! proved in `core`; here it is forms, cookies, redirects, headers and bodies.

mod attacks;
mod browser;
mod code;
mod device;
mod discovery;
mod introspection;
mod limits;
mod oidc;
mod pages;
mod programs;
mod prompt;
mod pushed;
mod term;
