//! Where a target is, in the remote network.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Hostname;
use crate::error::{Error, ErrorKind, Result};

/// A host and a TCP port (1..=65535) as the Jumpoint sees them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawTarget")]
pub struct TargetAddress {
    host: Hostname,
    port: u16,
}

#[derive(Deserialize)]
struct RawTarget {
    host: Hostname,
    port: u16,
}

impl TryFrom<RawTarget> for TargetAddress {
    type Error = Error;
    fn try_from(raw: RawTarget) -> Result<Self> {
        Self::new(raw.host, raw.port)
    }
}

impl TargetAddress {
    /// The address; port 0 is refused.
    pub fn new(host: Hostname, port: u16) -> Result<Self> {
        if port == 0 {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "read a port",
                "a port is 1 to 65535",
            ));
        }
        Ok(Self { host, port })
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> &Hostname {
        &self.host
    }

    /// The TCP port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for TargetAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.as_str().contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}
