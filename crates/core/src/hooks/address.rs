//! Where a webhook may lead: which addresses can be set, and which network addresses may be connected to.
//! Must not resolve a name nor connect; whoever does asks [`Rules::permits`] about the very address it connects to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pantry_types::shown;
use url::{Host, Url};

use crate::Error;

const MAX_BYTES: usize = 2048;

/// Ports from 1024 on that speak something else than HTTP: those that browsers send nothing to either (Fetch, section 2.9).
const OTHER_PORTS: [u16; 21] = [
    1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
    // What forgives a line of HTTP and goes on with the next one.
    6379, 11211,
];

/// A network: its address and how many bits of it count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Net {
    ip: IpAddr,
    bits: u8,
}

impl Net {
    const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Self {
        Self {
            ip: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
            bits,
        }
    }

    const fn v6(a: u16, b: u16, c: u16, bits: u8) -> Self {
        Self {
            ip: IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)),
            bits,
        }
    }

    /// `10.0.0.0/8`, `::1`; none if the text is no network.
    fn parse(text: &str) -> Option<Self> {
        let (ip, bits) = match text.split_once('/') {
            Some((ip, bits)) => (ip, Some(bits)),
            None => (text, None),
        };
        let ip: IpAddr = ip.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
        let most = if ip.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok().filter(|bits| *bits <= most))?;
        Some(Self { ip, bits })
    }

    fn contains(self, ip: IpAddr) -> bool {
        let same = |a: u128, b: u128, width: u32| {
            let shift = width - u32::from(self.bits);
            a.checked_shr(shift).unwrap_or(0) == b.checked_shr(shift).unwrap_or(0)
        };
        match (self.ip, ip) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
            _ => false,
        }
    }
}

/// IPv4 that is not somebody's server on the Internet (IANA's special-purpose registry, and what clouds keep for themselves).
const SPECIAL_V4: [Net; 19] = [
    Net::v4(0, 0, 0, 0, 8),
    Net::v4(10, 0, 0, 0, 8),
    Net::v4(100, 64, 0, 0, 10),
    Net::v4(127, 0, 0, 0, 8),
    // A cloud's agent on its virtual machines, at an address that looks public.
    Net::v4(168, 63, 129, 16, 32),
    Net::v4(169, 254, 0, 0, 16),
    Net::v4(172, 16, 0, 0, 12),
    Net::v4(192, 0, 0, 0, 24),
    Net::v4(192, 0, 2, 0, 24),
    Net::v4(192, 31, 196, 0, 24),
    Net::v4(192, 52, 193, 0, 24),
    Net::v4(192, 88, 99, 0, 24),
    Net::v4(192, 168, 0, 0, 16),
    Net::v4(192, 175, 48, 0, 24),
    Net::v4(198, 18, 0, 0, 15),
    Net::v4(198, 51, 100, 0, 24),
    Net::v4(203, 0, 113, 0, 24),
    Net::v4(224, 0, 0, 0, 4),
    Net::v4(240, 0, 0, 0, 4),
];

/// The IPv6 that is given out to networks; all else is local, reserved, or IPv4 in disguise (mapped, compatible, NAT64).
const GLOBAL_V6: Net = Net::v6(0x2000, 0, 0, 3);

/// What of it is special: Teredo, ORCHID, benchmarks and the like; documentation; 6to4, which is IPv4 in disguise; AS112.
const SPECIAL_V6: [Net; 5] = [
    Net::v6(0x2001, 0, 0, 23),
    Net::v6(0x2001, 0x0db8, 0, 32),
    Net::v6(0x2002, 0, 0, 16),
    Net::v6(0x3fff, 0, 0, 20),
    Net::v6(0x2620, 0x004f, 0x8000, 48),
];

/// Whether somebody's server on the Internet may have this address.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => !SPECIAL_V4.iter().any(|net| net.contains(ip)),
        IpAddr::V6(_) => GLOBAL_V6.contains(ip) && !SPECIAL_V6.iter().any(|net| net.contains(ip)),
    }
}

/// What no rule lets through: nobody's address, everybody's, and a disguise of another.
fn is_nobody(ip: IpAddr) -> bool {
    let is_disguise = matches!(ip, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
    ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) || is_disguise
}

/// What the operator allows beside public addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    hosts: Vec<String>,
    nets: Vec<Net>,
}

impl Rules {
    /// Reads the setting `hooks.allow`: hosts and networks, separated by commas.
    ///
    /// # Errors
    /// The entry that is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rules = Self::default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            if let Some(net) = Net::parse(entry) {
                rules.nets.push(net);
                continue;
            }
            match Host::parse(entry) {
                Ok(Host::Domain(host)) if !entry.contains(['/', ':', '*']) => rules.hosts.push(host),
                _ => {
                    return Err(format!(
                        "{} is neither a host nor a network; write hooks.internal or 10.1.0.0/16",
                        shown(entry)
                    ));
                }
            }
        }
        Ok(rules)
    }

    /// Whether what is addressed to this host may go to this network address. To be asked of the very address that is
    /// connected to, at that time: what a name resolved to earlier means nothing.
    pub fn permits(&self, target: &Target, ip: IpAddr) -> bool {
        if is_nobody(ip) {
            return false;
        }
        is_public(ip) || self.nets.iter().any(|net| net.contains(ip)) || self.names(target)
    }

    fn names(&self, target: &Target) -> bool {
        matches!(&target.host, Host::Domain(host) if self.hosts.contains(host))
    }

    /// Whether the operator named this place, by its host or as a network that its literal address lies in.
    fn knows(&self, target: &Target) -> bool {
        match target.literal() {
            Some(ip) => !is_nobody(ip) && self.nets.iter().any(|net| net.contains(ip)),
            None => self.names(target),
        }
    }
}

/// The address of a webhook, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: String,
    host: Host<String>,
    authority: String,
    port: u16,
    is_secure: bool,
    path: String,
}

impl Target {
    /// Reads an address and checks what can be told of it without asking anybody.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn parse(text: &str, rules: &Rules) -> Result<Self, Error> {
        let bad = |why: &str| Error::invalid("url", format!("{} cannot be a webhook: {why}", shown(text)));
        if text.len() > MAX_BYTES {
            return Err(bad("it is longer than 2,048 bytes"));
        }
        // What parsers forgive, each in its own way, is not let near one.
        if !text.bytes().all(|b| matches!(b, 0x21..=0x7e))
            || text.contains(['"', '<', '>', '\\', '^', '`', '{', '|', '}'])
        {
            return Err(bad(
                "write it in ASCII, a host in its xn-- form, anything else percent-encoded",
            ));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(bad("it must begin with https://"));
        };
        if scheme != "https" && scheme != "http" {
            return Err(bad("it must begin with https://"));
        }
        if text.contains('#') {
            return Err(bad("it must have no fragment (#)"));
        }
        let written = rest.split(['/', '?']).next().unwrap_or_default();
        if written.contains('@') {
            return Err(bad("it must name no user"));
        }
        let url = Url::parse(text).map_err(|_| bad("its host or port is not one"))?;
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(bad("its host or port is not one"));
        };
        let host = host.to_owned();
        let shown_host = host.to_string();
        // 0x7f.1, 2130706433, 0177.0.0.1, %31…: whoever writes an address so has no good reason to.
        let (written_host, written_port) = host_and_port(written);
        if !written_host.eq_ignore_ascii_case(&shown_host) {
            return Err(bad(
                "write the host plainly; a network address as 203.0.113.7 or [2001:db8::7]",
            ));
        }
        if written_port.is_some_and(str::is_empty) {
            return Err(bad("its host or port is not one"));
        }
        if shown_host.split('.').any(str::is_empty) {
            return Err(bad("its host has a dot too many"));
        }
        if !(matches!(port, 80 | 443) || port >= 1024) || OTHER_PORTS.contains(&port) {
            return Err(bad(
                "use port 443, or one from 1024 on that is not known for something else",
            ));
        }
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let target = Self {
            authority: url
                .port()
                .map_or_else(|| shown_host.clone(), |port| format!("{shown_host}:{port}")),
            is_secure: scheme == "https",
            url: url.into(),
            host,
            port,
            path,
        };
        if let Some(ip) = target.literal()
            && !rules.permits(&target, ip)
        {
            return Err(bad("its host is not a public address"));
        }
        if !target.is_secure && !rules.knows(&target) {
            return Err(bad("use https"));
        }
        Ok(target)
    }

    /// The whole address, as it is kept.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Its host.
    pub fn host(&self) -> &Host<String> {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host, and port where it is not the scheme's own.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Path and query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it is `https`.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The network address that stands in the place of a host's name.
    pub fn literal(&self) -> Option<IpAddr> {
        match self.host {
            Host::Domain(_) => None,
            Host::Ipv4(ip) => Some(ip.into()),
            Host::Ipv6(ip) => Some(ip.into()),
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

#[cfg(test)]
mod tests {
    //! Addresses by the names of what attackers try.
    use super::*;

    fn none() -> Rules {
        Rules::default()
    }

    fn refused(text: &str) -> String {
        match Target::parse(text, &none()) {
            Err(Error::Invalid {
                parameter: "url",
                problem,
            }) => problem,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn public_addresses_are_taken_apart() {
        let t = Target::parse("https://Hooks.Example:8443/a%20b?x=1", &none()).expect("fine");
        assert_eq!(t.as_str(), "https://hooks.example:8443/a%20b?x=1");
        assert_eq!(
            (t.authority(), t.port(), t.path()),
            ("hooks.example:8443", 8443, "/a%20b?x=1")
        );
        let t = Target::parse("https://hooks.example", &none()).expect("fine");
        assert_eq!((t.authority(), t.port(), t.path()), ("hooks.example", 443, "/"));
        let t = Target::parse("https://[2606:4700::1111]:443/x", &none()).expect("fine");
        assert_eq!((t.authority(), t.literal().is_some()), ("[2606:4700::1111]", true));
        for good in [
            "https://8.8.8.8/",
            "https://xn--fiqs8s.example/",
            "https://a.example:65535/?",
            "https://a.example/x?y=https://10.0.0.1/",
        ] {
            assert!(Target::parse(good, &none()).is_ok(), "{good}");
        }
    }

    #[test]
    fn literal_addresses_that_are_not_public_are_refused() {
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:8.8.8.8",
            "64:ff9b::127.0.0.1",
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::1",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            let parsed: IpAddr = ip.parse().expect("an address");
            assert!(!is_public(parsed), "{ip}");
            // As the parser writes it, which for some is not as the standard library does.
            let text = match parsed {
                IpAddr::V4(ip) => Host::<String>::Ipv4(ip).to_string(),
                IpAddr::V6(ip) => Host::<String>::Ipv6(ip).to_string(),
            };
            let problem = refused(&format!("https://{text}/"));
            assert!(problem.contains("not a public address"), "{ip}: {problem}");
        }
        for ip in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "168.63.129.15",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2003::1",
            "2606:4700::1111",
            "2a00::1",
        ] {
            assert!(is_public(ip.parse().expect("an address")), "{ip}");
        }
    }

    #[test]
    fn odd_forms_of_addresses_are_refused() {
        for odd in [
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "127.0.1",
            "017700000001",
            "1.1.1.1.",
            "%31%32%37.0.0.1",
            "127%2e0.0.1",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:0:0:1]",
            "[::1%25lo]",
            "[::1%lo]",
            "8.8.8.8.",
            "08.8.8.8",
            "0x08.8.8.8",
            "134744072",
            "[2606:4700:0::1111]",
            "a.example.",
            "..",
            "a..b",
            "",
            "[]",
            "[8.8.8.8]",
        ] {
            let text = format!("https://{odd}/");
            assert!(Target::parse(&text, &none()).is_err(), "{odd}");
        }
    }

    #[test]
    fn what_is_no_plain_address_is_refused() {
        for bad in [
            "",
            "hooks.example",
            "//hooks.example",
            "ftp://hooks.example/",
            "file:///etc/passwd",
            "gopher://a.example/",
            "HTTPS://hooks.example/",
            "https:/hooks.example",
            "https:hooks.example",
            "https:///hooks.example",
            "https://user@hooks.example/",
            "https://user:password@hooks.example/",
            "https://@hooks.example/",
            "https://public.example@10.0.0.1/",
            "https://a.example\\@10.0.0.1/",
            "https://a.example/#x",
            "https://a.example /",
            "https://a\t.example/",
            "https://a.example/\n",
            "https://中文.example/",
            "http://hooks.example/",
            "https://hooks.example:/",
            "https://hooks.example:0/",
            "https://hooks.example:22/",
            "https://hooks.example:25/",
            "https://hooks.example:99999/",
            "https://hooks.example:6379/",
            "https://hooks.example:6667/",
            "https://hooks.example:+443/",
        ] {
            assert!(Target::parse(bad, &none()).is_err(), "{bad:?}");
        }
        let long = format!("https://hooks.example/{}", "x".repeat(2048));
        assert!(Target::parse(&long, &none()).is_err());
    }

    #[test]
    fn the_operator_names_hosts_and_networks() {
        let rules = Rules::parse(" 127.0.0.1/32, hooks.internal ,fd00::/8,,[::1]").expect("rules");
        let parse = |text: &str| Target::parse(text, &rules);
        for good in [
            "http://127.0.0.1:8080/",
            "https://127.0.0.1:8080/",
            "http://hooks.internal/",
            "https://hooks.internal:9000/x",
            "http://[fd12::1]:8080/",
            "http://[::1]:8080/",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://127.0.0.2:8080/",
            "http://other.internal/",
            "http://x.hooks.internal/",
            "https://10.0.0.1/",
            "http://[::ffff:127.0.0.1]:8080/",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let (named, other) = (parse("https://hooks.internal/"), parse("https://hooks.example/"));
        let (named, other) = (named.expect("fine"), other.expect("fine"));
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert!(rules.permits(&named, ip("10.0.0.1")) && rules.permits(&named, ip("169.254.169.254")));
        assert!(!rules.permits(&other, ip("10.0.0.1")) && rules.permits(&other, ip("127.0.0.1")));
        // A name opens no door to what is nobody's.
        for never in [
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "::ffff:10.0.0.1",
        ] {
            assert!(!rules.permits(&named, ip(never)), "{never}");
        }
        let all = Rules::parse("0.0.0.0/0,::/0").expect("rules");
        assert!(all.permits(&other, ip("10.0.0.1")) && all.permits(&other, ip("fe80::1")));
        assert!(!all.permits(&other, ip("::ffff:10.0.0.1")) && !all.permits(&other, ip("0.0.0.0")));
        for bad in [
            "10.0.0.0/33",
            "::/129",
            "*.internal",
            "http://a.internal",
            "a.internal:80",
            "10.0.0/8",
            "a b",
        ] {
            assert!(Rules::parse(bad).is_err(), "{bad}");
        }
    }
}
