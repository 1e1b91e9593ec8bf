//! Protocol versions: two small numbers and nothing else, whatever the peer sends.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// A version of the control protocol. Peers with the same major number understand each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProtocolVersion {
    /// Raised by a change that older peers cannot follow.
    pub major: u16,
    /// Raised by a change that older peers can ignore.
    pub minor: u16,
}

impl ProtocolVersion {
    /// The version that this library speaks.
    pub const CURRENT: Self = Self { major: 1, minor: 1 };

    /// Whether a broker of this version takes sessions that a rep serves itself.
    pub(crate) const fn has_local_jumps(self) -> bool {
        self.major == 1 && self.minor >= 1
    }

    /// Whether the two versions understand each other.
    #[must_use]
    pub const fn is_compatible_with(self, other: Self) -> bool {
        self.major == other.major
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for ProtocolVersion {
    type Err = Error;

    /// Reads `major.minor`, each 1 to 5 ASCII digits up to 65535; anything else is one error that does not repeat
    /// what the peer sent.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::new(
                ErrorKind::Protocol,
                "read a protocol version",
                "a version is `major.minor`",
            )
        };
        let number = |digits: &str| {
            let plain = (1..=5).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            if plain {
                digits.parse::<u16>().map_err(|_| wrong())
            } else {
                Err(wrong())
            }
        };
        let (major, minor) = text.split_once('.').ok_or_else(wrong)?;
        Ok(Self {
            major: number(major)?,
            minor: number(minor)?,
        })
    }
}

impl TryFrom<String> for ProtocolVersion {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ProtocolVersion> for String {
    fn from(version: ProtocolVersion) -> String {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn v02_only_two_plain_numbers_are_a_version() {
        assert_eq!(
            "1.1".parse::<ProtocolVersion>().unwrap(),
            ProtocolVersion::CURRENT
        );
        for bad in [
            "", "1", "1.", ".1", "1.0.0", "+1.0", "1.-1", "1. 0", "65536.0", "a[$(id)]", "1.0\n", "１.0",
            "000001.0",
        ] {
            assert_eq!(
                bad.parse::<ProtocolVersion>().unwrap_err().kind(),
                ErrorKind::Protocol,
                "{bad:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn v02_any_other_text_is_refused_without_repeating_it(text in ".{0,64}") {
            if let Err(error) = text.parse::<ProtocolVersion>() {
                prop_assert_eq!(error.to_string(), "read a protocol version: a version is `major.minor`");
            } else {
                prop_assert!(text.len() <= 11);
            }
        }

        #[test]
        fn versions_round_trip(major: u16, minor: u16) {
            let version = ProtocolVersion { major, minor };
            prop_assert_eq!(version.to_string().parse::<ProtocolVersion>().unwrap(), version);
        }
    }
}
