//! How a peer can break the protocol.

use std::fmt;

use jump_core::{Error, ErrorKind};

/// Who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The rep's client.
    Client,
    /// The target's server.
    Target,
}

/// What a peer sent that is no SFTP, or not what it may send here. The file transfer cannot go on after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A packet is longer than the longest that is taken.
    TooLong(Side),
    /// A packet is too short for what it says it is, or too long.
    Malformed(Side),
    /// The first packet does not start the protocol, or a later one starts it again (§4).
    OutOfOrder(Side),
    /// The two sides do not share version 3 (§4).
    Version(Side),
    /// The client used the id of a request that is not answered yet.
    DuplicateId,
    /// The target answered what was not asked, or in a way that is no answer to it.
    WrongAnswer,
    /// The target gave a handle that is in use.
    DuplicateHandle,
    /// The client ended in the middle of a packet.
    Truncated,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = |side: &Side| match side {
            Side::Client => "the rep's client",
            Side::Target => "the target",
        };
        match self {
            Violation::TooLong(side) => write!(f, "{} sent a packet that is too long", who(side)),
            Violation::Malformed(side) => write!(f, "{} sent a packet that cannot be read", who(side)),
            Violation::OutOfOrder(side) => write!(f, "{} did not start with its version", who(side)),
            Violation::Version(side) => write!(f, "{} does not speak version 3", who(side)),
            Violation::DuplicateId => f.write_str("the rep's client used a request id twice"),
            Violation::WrongAnswer => f.write_str("the target sent what is no answer to a request"),
            Violation::DuplicateHandle => f.write_str("the target gave the same handle twice"),
            Violation::Truncated => f.write_str("the rep's client ended in the middle of a packet"),
        }
    }
}

impl std::error::Error for Violation {}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Error::new(
            ErrorKind::Protocol,
            "transfer files by SFTP",
            violation.to_string(),
        )
    }
}
