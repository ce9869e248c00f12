//! Where a request comes from. Must not know headers: the face decides whom to believe.

use std::net::{IpAddr, Ipv6Addr};

/// Longest name of a program that is kept.
const AGENT_BYTES: usize = 200;

/// Address and program of a caller.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    address: Option<IpAddr>,
    agent: String,
}

impl Origin {
    /// A caller; `agent` is shortened and freed of control characters.
    pub fn new(address: Option<IpAddr>, agent: &str) -> Self {
        let mut short = String::new();
        for c in agent.chars().filter(|c| !c.is_control()) {
            if short.len() + c.len_utf8() > AGENT_BYTES {
                break;
            }
            short.push(c);
        }
        Self {
            address: address.map(|a| a.to_canonical()),
            agent: short,
        }
    }

    /// The operator, at the machine itself.
    pub fn operator() -> Self {
        Self::default()
    }

    /// The address as text, empty if there is none.
    pub fn address(&self) -> String {
        self.address.map(|a| a.to_string()).unwrap_or_default()
    }

    /// What the program calls itself.
    pub fn agent(&self) -> &str {
        &self.agent
    }

    /// What limits count by: an IPv4 address, or the /64 that one customer has of IPv6.
    pub fn network(&self) -> String {
        match self.address {
            Some(IpAddr::V6(a)) => {
                let s = a.segments();
                format!("{}/64", Ipv6Addr::new(s[0], s[1], s[2], s[3], 0, 0, 0, 0))
            }
            Some(IpAddr::V4(a)) => a.to_string(),
            None => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_counts_by_its_network_and_mapped_ipv4_as_ipv4() {
        let network = |text: &str| Origin::new(text.parse().ok(), "").network();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2::9"), "2001:db8:1:2::/64");
        assert_ne!(network("2001:db8:1:3::9"), network("2001:db8:1:2::9"));
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
    }

    #[test]
    fn a_program_cannot_bring_control_characters_or_a_novel() {
        let origin = Origin::new(None, &format!("a\r\nb{}", "中".repeat(200)));
        assert!(origin.agent().starts_with("ab中") && origin.agent().len() <= AGENT_BYTES);
    }
}
