//! What both clients are told on their command lines, and the line that they print.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use jump_core::{Error, ErrorKind, Result};

use super::Size;

const OPERATION: &str = "measure an RDP client";

/// Until when a client receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The whole screen has this colour, as `RRGGBB`.
    Colour(&'static str),
    /// Nothing was painted for a while.
    Quiet,
}

/// One session: a server on loopback, who logs in, and what is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) address: SocketAddr,
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
    /// Network Level Authentication, or TLS alone.
    pub(crate) nla: bool,
    pub(crate) size: Size,
    /// Whether RemoteFX and the graphics pipeline are offered to the server.
    pub(crate) lossy: bool,
    pub(crate) wanted: Wanted,
}

impl Order {
    /// The words of both clients' command lines.
    pub(crate) fn words(&self, picture: Option<&Path>) -> Vec<String> {
        let mut words = vec![
            self.address.port().to_string(),
            self.user.to_owned(),
            self.password.to_owned(),
            if self.nla { "nla" } else { "tls" }.to_owned(),
            self.size.width.to_string(),
            self.size.height.to_string(),
            if self.lossy { "lossy" } else { "lossless" }.to_owned(),
            match self.wanted {
                Wanted::Colour(colour) => colour,
                Wanted::Quiet => "quiet",
            }
            .to_owned(),
        ];
        words.extend(picture.map(|picture| picture.display().to_string()));
        words
    }
}

/// What a client says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// From before the connection until the session is active.
    pub(crate) connected: Duration,
    /// From then until the screen was as wanted.
    pub(crate) shown: Duration,
    /// Processor time of the client's process after the session was active.
    pub(crate) cpu: Duration,
    /// By how many KiB its peak memory is above what it had before.
    pub(crate) memory: u64,
}

impl Measured {
    /// Reads the line that a client prints.
    pub(crate) fn read(line: &str) -> Result<Self> {
        let numbers: Vec<u64> = line.split_whitespace().flat_map(str::parse).collect();
        let &[connected, shown, cpu, memory] = numbers.as_slice() else {
            let message = format!("this line is not what a client says: {line}");
            return Err(Error::new(ErrorKind::Internal, OPERATION, message));
        };
        Ok(Self {
            connected: Duration::from_nanos(connected),
            shown: Duration::from_nanos(shown),
            cpu: Duration::from_nanos(cpu),
            memory,
        })
    }
}

impl std::fmt::Display for Measured {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [connected, shown, cpu] = [self.connected, self.shown, self.cpu].map(|time| time.as_nanos());
        write!(formatter, "{connected} {shown} {cpu} {}", self.memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_says_is_read_and_anything_else_is_not() {
        let line = "15000000 21000000 3000000 14980";
        let measured = Measured::read(line).unwrap();
        assert_eq!(measured.shown, Duration::from_millis(21));
        assert_eq!(measured.to_string(), line);
        for wrong in ["", "1 2 3", "1 2 3 x", "1 2 3 4 5"] {
            Measured::read(wrong).unwrap_err();
        }
    }
}
