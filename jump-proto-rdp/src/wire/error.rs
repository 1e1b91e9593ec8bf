//! What can be wrong with an RDP stream.

use jump_core::error::{Error, ErrorKind};

/// A `Result` with an [`RdpError`].
pub type RdpResult<T> = Result<T, RdpError>;

/// What a peer did wrong, or asked for too much of. Messages are lower case and hold nothing that the peer wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RdpError {
    /// The peer broke the protocol.
    #[error("the peer broke the protocol: {0}")]
    Protocol(&'static str),
    /// The peer sent or announced more than a limit allows.
    #[error("a limit was exceeded: {0}")]
    Limit(&'static str),
    /// Somebody on the path has changed what was said.
    #[error("somebody is in between: {0}")]
    Tampered(&'static str),
    /// The peer wants something that is not supported here.
    #[error("not supported: {0}")]
    Unsupported(&'static str),
}

impl RdpError {
    /// The same as the library's one error, for an operation such as "read the target's messages".
    #[must_use]
    pub fn into_error(self, operation: &'static str) -> Error {
        let kind = match self {
            RdpError::Protocol(_) => ErrorKind::Protocol,
            RdpError::Limit(_) => ErrorKind::ResourceLimit,
            RdpError::Tampered(_) => ErrorKind::TargetAuthentication,
            RdpError::Unsupported(_) => ErrorKind::Unsupported,
        };
        Error::new(kind, operation, self.to_string())
    }
}
