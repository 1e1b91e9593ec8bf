//! The one error type of every Jump crate, and the one table of error kinds.

use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::Escaped;

/// A `Result` with Jump's [`struct@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! error_kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $code:literal;)+) => {
        /// What went wrong, as a number that never changes its meaning.
        ///
        /// The numbers and the codes are the contract for Rust, C, Python, the command's exit codes and the
        /// documentation: new kinds are added at the end, none is renumbered.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum ErrorKind {
            $($(#[doc = $doc])+ $name = $number,)+
        }

        impl ErrorKind {
            /// Every kind, in the order of its number.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$name,)+];

            /// The frozen number of this kind; 0 is never used (it means success in C).
            #[must_use]
            pub const fn number(self) -> i32 {
                self as i32
            }

            /// The stable lower-case word for this kind, as it stands in JSON.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(ErrorKind::$name => $code,)+
                }
            }

            /// The kind with this code.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                match code {
                    $($code => Some(ErrorKind::$name),)+
                    _ => None,
                }
            }
        }
    };
}

error_kinds! {
    /// The caller passed something that can never work; fix the call.
    InvalidArgument = 1, "invalid_argument";
    /// There is no such object, or the caller may not know of it (the two are not told apart).
    NotFound = 2, "not_found";
    /// The access decision was no; the reasons are in the message.
    Denied = 3, "denied";
    /// The peer's identity was not accepted: unknown key, wrong or used token, wrong API key.
    Unauthenticated = 4, "unauthenticated";
    /// The object exists already, or was changed by somebody else in the meantime.
    Conflict = 5, "conflict";
    /// A limit on size, number or rate was reached.
    ResourceLimit = 6, "resource_limit";
    /// Something did not answer in time.
    Timeout = 7, "timeout";
    /// The other part is not there now: Jumpoint offline, broker or relay not reachable.
    Unavailable = 8, "unavailable";
    /// The stream, session or connection is closed.
    Closed = 9, "closed";
    /// The session was ended by a decision: revoked, ended by an administrator, expired.
    SessionEnded = 10, "session_ended";
    /// The peer broke the protocol; the message says how.
    Protocol = 11, "protocol";
    /// The peer's key is not the one that was pinned.
    UntrustedPeer = 12, "untrusted_peer";
    /// The target could not be reached, or the Jumpoint's network policy forbids it.
    TargetUnreachable = 13, "target_unreachable";
    /// The target refused the injected credential, or none is stored.
    TargetAuthentication = 14, "target_authentication";
    /// The target's host key or certificate is unknown or has changed.
    HostKey = 15, "host_key";
    /// Stored data does not verify: a recording or audit log was damaged or tampered with.
    Integrity = 16, "integrity";
    /// Our own disk or database failed.
    Storage = 17, "storage";
    /// The network failed under us.
    Network = 18, "network";
    /// The feature, version or algorithm is not supported here.
    Unsupported = 19, "unsupported";
    /// A grant or relay ticket is expired, replayed, for somebody else, or badly signed.
    Grant = 20, "grant";
    /// The clocks of two parts differ by more than the protocol allows.
    ClockSkew = 21, "clock_skew";
    /// A bug in this library; please report it.
    Internal = 22, "internal";
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for ErrorKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for ErrorKind {
    /// An unknown code (a newer peer) becomes [`ErrorKind::Internal`], so that the message still arrives.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Ok(ErrorKind::from_code(&code).unwrap_or(ErrorKind::Internal))
    }
}

/// What went wrong, where, and whether trying again can help. It never holds a secret.
///
/// The message is lower case and says what to do. Text that came from a peer is escaped when it is shown.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    operation: &'static str,
    context: String,
    retryable: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind` that happened during `operation` (a lower-case phrase such as "dial the relay").
    #[must_use]
    pub fn new(kind: ErrorKind, operation: &'static str, context: impl Into<String>) -> Self {
        let retryable = matches!(
            kind,
            ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::Network
        );
        Self(Box::new(Inner {
            kind,
            operation,
            context: context.into(),
            retryable,
            source: None,
        }))
    }

    /// The same error with its cause attached.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error with its retry advice changed.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What was being done.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The details, in one sentence.
    #[must_use]
    pub fn context(&self) -> &str {
        &self.0.context
    }

    /// Whether the same call may work later without a change.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.operation, Escaped(&self.0.context))?;
        let mut source = self.source();
        while let Some(cause) = source {
            write!(f, ": {}", Escaped(&cause.to_string()))?;
            source = cause.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<Error> for std::io::Error {
    /// Wraps the error so that [`Error::from_io`] can take it out again.
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Timeout => std::io::ErrorKind::TimedOut,
            ErrorKind::Closed | ErrorKind::SessionEnded => std::io::ErrorKind::ConnectionAborted,
            ErrorKind::Protocol | ErrorKind::Integrity => std::io::ErrorKind::InvalidData,
            _ => std::io::ErrorKind::Other,
        };
        std::io::Error::new(kind, error)
    }
}

impl Error {
    /// Turns an I/O error into ours; one that carries a Jump error gives that error back unchanged.
    #[must_use]
    pub fn from_io(kind: ErrorKind, operation: &'static str, error: std::io::Error) -> Self {
        if error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
            if let Some(Ok(inner)) = error.into_inner().map(|inner| inner.downcast::<Error>()) {
                return *inner;
            }
            return Error::new(kind, operation, "i/o failed");
        }
        Error::new(kind, operation, "i/o failed").with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_codes_are_unique_and_codes_round_trip() {
        for (index, kind) in ErrorKind::ALL.iter().enumerate() {
            assert_eq!(
                kind.number(),
                i32::try_from(index).unwrap() + 1,
                "numbers have no gap and never move"
            );
            assert_eq!(ErrorKind::from_code(kind.code()), Some(*kind));
        }
    }

    #[test]
    fn a_jump_error_survives_the_trip_through_io_error() {
        let error = Error::new(
            ErrorKind::SessionEnded,
            "read from the session",
            "the item was deleted",
        );
        let back = Error::from_io(ErrorKind::Network, "copy", std::io::Error::from(error));
        assert_eq!(back.kind(), ErrorKind::SessionEnded);
        assert_eq!(back.to_string(), "read from the session: the item was deleted");
    }

    #[test]
    fn peer_text_cannot_move_the_cursor_of_a_terminal() {
        let error = Error::new(ErrorKind::Protocol, "read", "\u{1b}[2Jgone\r\n");
        assert!(!error.to_string().contains('\u{1b}') && !error.to_string().contains('\n'));
    }
}
