//! The place of the web app's built pages, which this crate embeds into `pantryd`. There are none yet: the pages that a
//! person needs to sign in and to consent are made by the server. Must not know the drive; pages speak to it over HTTP.
