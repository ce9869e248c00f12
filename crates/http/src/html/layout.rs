//! The shell around every page, and the policy it is served with. Owns head,
//! header and footer; knows no single page.

use maud::{DOCTYPE, Markup, html};
use url::{Host, Url};

use super::assets::{Asset, asset_href};
use super::form;
use super::lang::{Lang, switch_href};
use super::paths;
use super::text::Msg;

/// What every page is told. Not `Debug`: address and form token may be secret.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// The language shown.
    pub lang: Lang,
    /// Path and query by which a GET shows this page (again); the language
    /// switch, and switching accounts, come back to it.
    pub path_and_query: &'a str,
    /// Name of the signed-in person.
    pub user: Option<&'a str>,
    /// The form token that each POST form carries as the field `csrf`.
    pub csrf: &'a str,
}

/// How much room a page takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// One card of a form's width.
    Card,
    /// Several cards.
    Wide,
}

/// One page, ready to be framed.
pub(super) struct Page<'a> {
    pub(super) title: &'a str,
    /// The page tells of a failure; its title in the browser says so first.
    pub(super) failed: bool,
    pub(super) width: Width,
    pub(super) body: Markup,
}

impl Page<'_> {
    /// The whole document.
    pub(super) fn render(self, frame: &Frame<'_>) -> Markup {
        let lang = frame.lang;
        html! {
            (DOCTYPE)
            html lang=(lang.tag()) {
                head {
                    meta charset="utf-8";
                    title {
                        @if self.failed { (Msg::ErrorPrefix.text(lang)) }
                        (self.title) " · Pantry"
                    }
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="theme-color" content="#f2f5f3" media="(prefers-color-scheme: light)";
                    meta name="theme-color" content="#0f1513" media="(prefers-color-scheme: dark)";
                    meta name="robots" content="noindex";
                    link rel="icon" type="image/svg+xml" href=(asset_href(Asset::Icon));
                    link rel="stylesheet" href=(asset_href(Asset::Stylesheet));
                }
                body {
                    a.skip href="#main" { (Msg::SkipToContent.text(lang)) }
                    (header(frame))
                    main #main .wide[self.width == Width::Wide] .card[self.width == Width::Card] {
                        (self.body)
                    }
                    (footer(frame))
                }
            }
        }
    }
}

fn header(frame: &Frame<'_>) -> Markup {
    html! {
        header.bar {
            a.brand href=(paths::HOME) {
                (mark())
                span { "Pantry" }
                span.han lang="zh-CN" { "盘" }
            }
            @if let Some(user) = frame.user {
                div.who {
                    span.name { (user) }
                    form method="post" action=(paths::LOGOUT) {
                        (form::csrf(frame))
                        button.quiet type="submit" { (Msg::SignOut.text(frame.lang)) }
                    }
                }
            }
        }
    }
}

/// The jar of the icon, in the colours of the scheme.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" focusable="false" {
            rect.tile width="32" height="32" rx="8" {}
            rect.ink x="9" y="6" width="14" height="4" rx="1.5" {}
            path.ink d="M10.5 11.5h11a3 3 0 0 1 3 3V23a3 3 0 0 1-3 3h-11a3 3 0 0 1-3-3v-8.5a3 3 0 0 1 3-3z" {}
            rect.tile x="10.5" y="15" width="11" height="2" rx="1" {}
            rect.tile x="10.5" y="19" width="11" height="2" rx="1" {}
        }
    }
}

fn footer(frame: &Frame<'_>) -> Markup {
    html! {
        footer {
            nav.languages aria-label=(Msg::Language.text(frame.lang)) {
                @for lang in Lang::ALL {
                    @if lang == frame.lang {
                        span lang=(lang.tag()) aria-current="true" { (lang.own_name()) }
                    } @else {
                        a lang=(lang.tag()) hreflang=(lang.tag())
                            href=(switch_href(frame.path_and_query, lang)) { (lang.own_name()) }
                    }
                }
            }
        }
    }
}

/// The `Content-Security-Policy` of a page. Browsers apply `form-action` to the
/// redirects that answer a form as well, so a page whose form ends in a
/// redirect to an app names that address here; all others pass an empty list.
#[must_use]
pub fn content_security_policy(form_redirects: &[&str]) -> String {
    let mut policy = String::from(
        "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; \
         base-uri 'none'; form-action 'self'",
    );
    for source in form_redirects.iter().filter_map(|address| form_source(address)) {
        policy.push(' ');
        policy.push_str(&source);
    }
    policy
}

/// The narrowest source expression (CSP 3, section 2.3.1) that covers an
/// address; none for an address that no expression can name safely.
fn form_source(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    let scheme = url.scheme();
    let plain = |host: &str| {
        host.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
    };
    match (scheme, url.host()) {
        // Never useful as a return address, and dangerous as a source.
        ("javascript" | "data" | "blob" | "filesystem", _) => None,
        // The grammar has no IPv6 hosts.
        ("http" | "https", Some(Host::Ipv6(_))) => Some(format!("{scheme}:")),
        ("http" | "https", Some(_)) => {
            let host = url.host_str().filter(|host| plain(host))?;
            Some(url.port().map_or_else(
                || format!("{scheme}://{host}"),
                |port| format!("{scheme}://{host}:{port}"),
            ))
        }
        _ => Some(format!("{scheme}:")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_lets_nothing_in() {
        let policy = content_security_policy(&[]);
        assert!(policy.starts_with("default-src 'none'; "));
        assert!(policy.ends_with("form-action 'self'"));
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"));
    }

    #[test]
    fn a_return_address_opens_itself_and_nothing_else() {
        for (address, expected) in [
            ("https://app.example/cb?x=1", Some("https://app.example")),
            ("https://app.example:8443/cb", Some("https://app.example:8443")),
            ("http://127.0.0.1:5000/cb", Some("http://127.0.0.1:5000")),
            ("http://[::1]:5000/cb", Some("http:")),
            ("com.example.app:/cb", Some("com.example.app:")),
            ("https://例子.example/", Some("https://xn--fsqu00a.example")),
            ("https://a;script-src.example/", None),
            ("https://a,b.example/", None),
            ("javascript:alert(1)", None),
            ("/relative", None),
        ] {
            assert_eq!(form_source(address).as_deref(), expected, "{address}");
        }
    }
}
