//! What can be wrong with an RFB stream.

use jump_core::error::{Error, ErrorKind};

/// A `Result` with an [`RfbError`].
pub type RfbResult<T> = Result<T, RfbError>;

/// What a peer did wrong, or asked for too much of. Messages are lower case and hold nothing that the peer wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RfbError {
    /// The peer broke the protocol.
    #[error("the peer broke the protocol: {0}")]
    Protocol(&'static str),
    /// The peer sent or announced more than a limit allows.
    #[error("a limit was exceeded: {0}")]
    Limit(&'static str),
    /// The peer speaks a version, security type or encoding that is not supported here.
    #[error("not supported: {0}")]
    Unsupported(&'static str),
    /// The server refused the credential; `0` is its reason, as it came: escape it where it is shown.
    #[error("the server refused the login")]
    Refused(String),
    /// The server wants something to log in with that the item does not have.
    #[error("the login cannot be done: {0}")]
    MissingCredential(&'static str),
    /// What the server offers is less than the item asks for.
    #[error("refused: {0}")]
    NotAllowed(&'static str),
    /// The peer's certificate or key is not the expected one.
    #[error("the peer's identity was not accepted: {0}")]
    Untrusted(&'static str),
}

impl RfbError {
    /// The same as the library's one error, for an operation such as "decode the target's screen".
    #[must_use]
    pub fn into_error(self, operation: &'static str) -> Error {
        let kind = match &self {
            RfbError::Protocol(_) => ErrorKind::Protocol,
            RfbError::Limit(_) => ErrorKind::ResourceLimit,
            RfbError::Unsupported(_) => ErrorKind::Unsupported,
            RfbError::Refused(_) | RfbError::MissingCredential(_) | RfbError::NotAllowed(_) => {
                ErrorKind::TargetAuthentication
            }
            RfbError::Untrusted(_) => ErrorKind::HostKey,
        };
        let context = match &self {
            RfbError::Refused(reason) if !reason.is_empty() => format!("{self}: {reason}"),
            _ => self.to_string(),
        };
        Error::new(kind, operation, context)
    }
}
