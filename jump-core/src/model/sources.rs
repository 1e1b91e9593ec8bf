//! From which networks a login may be used.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// The networks from which a login may be used; the default is any.
///
/// What counts is the address from which the connection reaches the broker. IPv4 that comes in through IPv6 counts as IPv4.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<IpNet>", into = "Vec<IpNet>")]
pub struct Sources(Vec<IpNet>);

impl Sources {
    /// Any address, known or not.
    pub const ANY: Self = Self(Vec::new());
    /// The most networks.
    pub const MOST: usize = 32;

    /// These networks; none of them is [`Sources::ANY`]. Bits behind a prefix are cleared.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for more than [`Sources::MOST`], and for IPv4 written as IPv6 (RFC 4291 §2.5.5.2), which
    /// would never match.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Result<Self> {
        let invalid = |rule| Err(Error::new(ErrorKind::InvalidArgument, "limit a login", rule));
        let mut kept = Vec::new();
        for network in networks {
            if network.addr() != network.addr().to_canonical() {
                return invalid("write IPv4 networks as IPv4, such as 192.0.2.0/24");
            }
            if kept.len() == Self::MOST {
                return invalid("at most 32 networks");
            }
            kept.push(network.trunc());
        }
        Ok(Self(kept))
    }

    /// Whether any address will do.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a connection from this address is one of them. An address that is not known (`None`) is in no network.
    #[must_use]
    pub fn admit(&self, address: Option<IpAddr>) -> bool {
        let within = |address: IpAddr| {
            self.0
                .iter()
                .any(|network| network.contains(&address.to_canonical()))
        };
        self.is_any() || address.is_some_and(within)
    }
}

impl TryFrom<Vec<IpNet>> for Sources {
    type Error = Error;

    fn try_from(networks: Vec<IpNet>) -> Result<Self> {
        Self::new(networks)
    }
}

impl From<Sources> for Vec<IpNet> {
    fn from(sources: Sources) -> Self {
        sources.0
    }
}

impl fmt::Display for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_any() {
            return f.write_str("anywhere");
        }
        for (at, network) in self.0.iter().enumerate() {
            write!(f, "{}{network}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(networks: &[&str]) -> Result<Sources> {
        Sources::new(networks.iter().map(|network| network.parse().unwrap()))
    }

    fn admits(sources: &Sources, address: &str) -> bool {
        sources.admit(Some(address.parse().unwrap()))
    }

    #[test]
    fn an_address_inside_is_admitted_and_the_next_one_and_an_unknown_one_are_not() {
        let office = sources(&["192.0.2.77/28", "2001:db8::/64"]).unwrap();
        for inside in ["192.0.2.64", "192.0.2.79", "::ffff:192.0.2.65", "2001:db8::1"] {
            assert!(admits(&office, inside), "{inside}");
        }
        for outside in [
            "192.0.2.63",
            "192.0.2.80",
            "2001:db8:0:1::",
            "::192.0.2.65",
            "::1",
        ] {
            assert!(!admits(&office, outside), "{outside}");
        }
        assert!(!office.admit(None));
        assert_eq!(office.to_string(), "192.0.2.64/28, 2001:db8::/64");
        assert!(Sources::ANY.admit(None) && admits(&Sources::ANY, "192.0.2.1"));
    }

    #[test]
    fn networks_that_never_match_and_too_many_are_refused_when_read_too() {
        assert!(sources(&["::ffff:192.0.2.0/120"]).is_err());
        assert!(sources(&["192.0.2.0/24"; Sources::MOST]).is_ok());
        assert!(sources(&["192.0.2.0/24"; Sources::MOST + 1]).is_err());
        assert!(serde_json::from_str::<Sources>(r#"["::ffff:192.0.2.0/120"]"#).is_err());
        let written = serde_json::to_string(&sources(&["192.0.2.0/24"]).unwrap()).unwrap();
        assert_eq!(written, r#"["192.0.2.0/24"]"#);
    }
}
