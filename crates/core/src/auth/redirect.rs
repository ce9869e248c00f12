//! Redirect addresses: which may be registered, and when a sent one is a registered one.
//! Must not redirect.

use pantry_types::shown;

use crate::Error;

const MAX_BYTES: usize = 2048;
/// Loopback addresses whose port is free (RFC 8252, section 7.3), as they begin.
const FREE_PORT: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];

/// Checks an address that is to be registered: absolute, no fragment, `https`, `http` to this very machine,
/// or a private-use scheme (RFC 8252, section 7.1: with a dot, as in `com.example.app:/cb`).
pub(super) fn check(uri: &str) -> Result<(), Error> {
    let bad = |why: &str| {
        Err(Error::invalid(
            "redirect_uri",
            format!("{} cannot be registered: {why}", shown(uri)),
        ))
    };
    if uri.len() > MAX_BYTES {
        return bad("it is longer than 2,048 bytes");
    }
    if !uri.bytes().all(|b| matches!(b, 0x21..=0x7e)) || uri.contains(['"', '<', '>', '\\', '^', '`', '{', '|', '}']) {
        return bad("write it in ASCII, anything else percent-encoded");
    }
    if uri.contains('#') {
        return bad("it must have no fragment (#)");
    }
    let Some((scheme, rest)) = uri.split_once(':') else {
        return bad("it must be absolute, as in https://app.example/callback");
    };
    match scheme {
        "https" | "http" => {
            let Some(rest) = rest.strip_prefix("//") else {
                return bad("// is missing after the scheme");
            };
            let authority = rest.split(['/', '?']).next().unwrap_or_default();
            if authority.contains('@') {
                return bad("it must name no user");
            }
            let (host, port) = host_and_port(authority);
            if host.is_empty() || port.is_some_and(|p| p.parse::<u16>().is_err()) {
                return bad("its host or port is not one");
            }
            if scheme == "http" && !matches!(host, "127.0.0.1" | "[::1]" | "localhost") {
                return bad("http is only for this machine (127.0.0.1, [::1], localhost); use https");
            }
            Ok(())
        }
        _ if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => {
            bad("write the scheme in lower case")
        }
        _ => {
            let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+');
            if scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.contains('.')
                && scheme.bytes().all(legal)
            {
                Ok(())
            } else {
                bad("use https, http to this machine, or a scheme of your own with a dot in it")
            }
        }
    }
}

fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    let from = authority.rfind(']').unwrap_or(0);
    match authority[from..].find(':') {
        Some(at) => (&authority[..from + at], Some(&authority[from + at + 1..])),
        None => (authority, None),
    }
}

/// Whether a sent address is the registered one: byte for byte, but for the port of a loopback address.
pub(super) fn matches(registered: &str, sent: &str) -> bool {
    if registered == sent {
        return true;
    }
    FREE_PORT
        .iter()
        .any(|base| match (after_port(registered, base), after_port(sent, base)) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        })
}

/// What follows the port of an address that begins with `base`.
fn after_port<'a>(uri: &'a str, base: &str) -> Option<&'a str> {
    let rest = uri.strip_prefix(base)?;
    let Some(port) = rest.strip_prefix(':') else {
        return rest
            .is_empty()
            .then_some(rest)
            .or_else(|| rest.starts_with(['/', '?']).then_some(rest));
    };
    let digits = port.len() - port.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = port.split_at(digits);
    number.parse::<u16>().ok()?;
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_registered() {
        for good in [
            "https://app.example/cb",
            "https://app.example:8443/cb?x=1",
            "http://127.0.0.1/cb",
            "http://127.0.0.1:5000/cb",
            "http://[::1]:5000",
            "http://localhost:3000/cb",
            "com.example.app:/cb",
            "com.example.app://cb",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/cb",
            "app.example/cb",
            "http://app.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1@evil.example/cb",
            "http://127.0.0.1:80@evil.example/cb",
            "https://user@app.example/cb",
            "https:///cb",
            "https:app.example",
            "https://app.example/cb#x",
            "https://app.example/c b",
            "https://app.example:99999/",
            "HTTPS://app.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "myapp:/cb",
            "https://app.example/\r\nx",
            "https://例子.example/",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_matches_exactly_but_for_a_loopback_port() {
        let same = [
            ("https://a.example/cb", "https://a.example/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:4000/cb"),
            ("http://127.0.0.1:1/cb", "http://127.0.0.1/cb"),
            ("http://[::1]:1/cb?x=1", "http://[::1]:65535/cb?x=1"),
            ("http://127.0.0.1", "http://127.0.0.1:80"),
        ];
        for (a, b) in same {
            assert!(matches(a, b), "{a} {b}");
        }
        let different = [
            ("https://a.example/cb", "https://a.example/cb/"),
            ("https://a.example/cb", "https://a.example/cb?x=1"),
            ("https://a.example/cb", "https://A.example/cb"),
            ("https://a.example/cb", "https://a.example:443/cb"),
            ("https://a.example/cb", "https://a.example/cb#"),
            ("http://localhost:1/cb", "http://localhost:2/cb"),
            ("http://127.0.0.1/cb", "http://[::1]/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:99999/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb"),
            ("http://127.0.0.1", "http://127.0.0.1.evil.example"),
            ("http://127.0.0.1/cb", "https://127.0.0.1:80/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:/cb"),
        ];
        for (a, b) in different {
            assert!(!matches(a, b), "{a} {b}");
        }
    }
}
