//! What is known of a request beside its content: its id, where it came from, who it turned out to be.
//! Must not decide anything from it.

use std::{
    convert::Infallible,
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use axum::extract::FromRequestParts;
use http::{HeaderMap, request::Parts};
use pantry_types::{Random, UserId, random};

use crate::state::AppState;

/// A request's id: 16 hex digits in the log, in the header `x-request-id`, and in the body of an error.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RequestId(u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Gives out request ids: no two alike in a process, and hardly two alike in two.
#[derive(Debug)]
pub struct RequestIds {
    next: AtomicU64,
}

impl RequestIds {
    /// Starts at a random place.
    pub fn new(random: &dyn Random) -> Self {
        Self {
            next: AtomicU64::new(u64::from_le_bytes(random::bytes::<8>(random))),
        }
    }

    /// The next one.
    pub fn next(&self) -> RequestId {
        // The odd step visits every number once, and the mixing (splitmix64) is one to one.
        let mut z = self.next.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        RequestId(z ^ (z >> 31))
    }
}

/// One request, for whoever handles it. Clones are the same.
#[derive(Clone, Debug)]
pub struct Context(Arc<Known>);

#[derive(Debug)]
struct Known {
    id: RequestId,
    user: AtomicI64,
}

impl Context {
    /// Of a request that just came.
    pub fn new(id: RequestId) -> Self {
        Self(Arc::new(Known {
            id,
            user: AtomicI64::new(0),
        }))
    }

    /// The request's id.
    pub fn id(&self) -> RequestId {
        self.0.id
    }

    /// Notes who the caller turned out to be, for the log.
    pub fn set_user(&self, user: UserId) {
        self.0.user.store(user.0, Ordering::Relaxed);
    }

    /// Who the caller turned out to be, 0 if nobody.
    pub fn user(&self) -> i64 {
        self.0.user.load(Ordering::Relaxed)
    }
}

impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Context>().cloned();
        Ok(known.unwrap_or_else(|| Self::new(RequestId(0))))
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Context::from_request_parts(parts, state)
            .await
            .map(|context| context.id())
    }
}

/// The other end of the connection. Whoever serves puts it into each request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The caller's address: the other end of the connection, or what a trusted proxy says it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<AppState> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let peer = parts
            .extensions
            .get::<Peer>()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |p| p.0.ip());
        Ok(Self(state.proxies().client(peer, &parts.headers)))
    }
}

/// The proxies whose `X-Forwarded-For` is believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<(IpAddr, u8)>);

impl TrustedProxies {
    /// Reads addresses and networks (`10.0.0.0/8`) with commas between them.
    ///
    /// # Errors
    /// A text for the operator that names what is no address.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut networks = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let bad = || format!("server.trusted_proxies: {part:?} is no address and no network such as 10.0.0.0/8");
            let (address, bits) = part
                .split_once('/')
                .map_or((part, None), |(address, bits)| (address, Some(bits)));
            let address: IpAddr = address.parse().map_err(|_| bad())?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = match bits {
                None => most,
                Some(bits) => bits.parse::<u8>().ok().filter(|bits| *bits <= most).ok_or_else(bad)?,
            };
            networks.push((address, bits));
        }
        Ok(Self(networks))
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|(network, bits)| match (network, address) {
            (IpAddr::V4(n), IpAddr::V4(a)) => prefix(u128::from(n.to_bits()), u128::from(a.to_bits()), *bits, 32),
            (IpAddr::V6(n), IpAddr::V6(a)) => prefix(n.to_bits(), a.to_bits(), *bits, 128),
            _ => false,
        })
    }

    /// The last address on the way here that no trusted proxy has.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut at = peer.to_canonical();
        if self.0.is_empty() || !self.trusts(at) {
            return at;
        }
        let lines: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|line| line.to_str().ok())
            .collect();
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let Some(address) = forwarded(hop.trim()) else { break };
            at = address;
            if !self.trusts(at) {
                break;
            }
        }
        at
    }
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn forwarded(hop: &str) -> Option<IpAddr> {
    let address = hop
        .parse::<IpAddr>()
        .ok()
        .or_else(|| hop.parse::<SocketAddr>().ok().map(|a| a.ip()))
        .or_else(|| hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok())?;
    Some(address.to_canonical())
}

fn prefix(network: u128, address: u128, bits: u8, width: u8) -> bool {
    let shift = u32::from(width - bits);
    shift >= 128 || (network >> shift) == (address >> shift)
}

#[cfg(test)]
mod tests {
    //! Ids that differ, and who is believed about an address.
    use super::*;
    use pantry_types::SeededRandom;

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().expect("a header"));
        }
        let proxies = TrustedProxies::parse(trusted).expect("proxies");
        proxies.client(peer.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn request_ids_have_sixteen_digits_and_differ() {
        let ids = RequestIds::new(&SeededRandom::new(1));
        let some: std::collections::HashSet<String> = (0..10_000).map(|_| ids.next().to_string()).collect();
        assert_eq!(some.len(), 10_000);
        assert!(some.iter().all(|id| id.len() == 16));
    }

    #[test]
    fn nobody_but_a_trusted_proxy_is_believed() {
        assert_eq!(client("", "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client("10.0.0.0/8", "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", &["198.51.100.7"]), "198.51.100.7");
        // What the caller wrote itself stands to the left and is not looked at.
        assert_eq!(
            client("10.0.0.1", "10.0.0.1", &["203.0.113.9, 198.51.100.7"]),
            "198.51.100.7"
        );
        assert_eq!(
            client("10.0.0.0/8", "10.0.0.1", &["198.51.100.7", "10.0.0.2"]),
            "198.51.100.7"
        );
        assert_eq!(client("::1", "::1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(client("127.0.0.1", "::ffff:127.0.0.1", &["nonsense"]), "127.0.0.1");
    }

    #[test]
    fn what_is_no_address_is_named() {
        for text in ["proxy", "10.0.0.0/33", "10.0.0.0/x"] {
            assert!(TrustedProxies::parse(text).is_err_and(|e| e.contains(text)), "{text}");
        }
    }
}
