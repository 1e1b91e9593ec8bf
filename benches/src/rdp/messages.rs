//! Whole messages over a stream, for the server and the client that replay.

use std::io::{self, Read, Write};

use jump_core::{Error, ErrorKind, Result};
use jump_proto_rdp::wire::Head;

pub(super) const OPERATION: &str = "replay an RDP session";
pub(super) const PIECE: usize = 256 * 1024;

pub(super) fn network(error: io::Error) -> Error {
    Error::from_io(ErrorKind::Network, OPERATION, error)
}

pub(super) fn wrong(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Internal, OPERATION, "tls cannot begin").with_source(error)
}

/// Whole messages from a stream.
pub(super) struct Messages<S> {
    pub(super) stream: S,
    /// What came beyond the last message.
    pub(super) read: Vec<u8>,
}

impl<S: Read + Write> Messages<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    pub(super) fn next(&mut self) -> Result<Vec<u8>> {
        loop {
            let head = Head::read(&self.read).map_err(|error| error.into_error(OPERATION))?;
            if let Some(head) = head.filter(|head| head.length <= self.read.len()) {
                return Ok(self.read.drain(..head.length).collect());
            }
            let mut piece = [0; 4096];
            let read = self.stream.read(&mut piece).map_err(network)?;
            if read == 0 {
                return Err(Error::new(ErrorKind::Closed, OPERATION, "the peer went away"));
            }
            self.read.extend_from_slice(piece.get(..read).unwrap_or_default());
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).map_err(network)
    }
}
