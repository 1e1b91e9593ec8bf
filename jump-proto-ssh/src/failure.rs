//! russh's errors as ours.

use jump_core::{Error, ErrorKind};

/// The longest text of a peer or library that goes into an error.
const LONGEST: usize = 512;

/// Cuts text at a character boundary so that it has at most `longest` bytes.
pub(crate) fn cut(text: &str, longest: usize) -> &str {
    let mut end = longest.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The error of one leg; `network` is the kind for a leg that broke or closed.
pub(crate) fn from_russh(network: ErrorKind, operation: &'static str, error: russh::Error) -> Error {
    use russh::Error as Ssh;
    let (kind, message) = match error {
        Ssh::IO(error) => return Error::from_io(network, operation, error),
        Ssh::Disconnect | Ssh::HUP | Ssh::SendError | Ssh::RecvError => {
            (network, "the connection was closed".to_owned())
        }
        Ssh::NoCommonAlgo { kind, theirs, .. } => (
            ErrorKind::Unsupported,
            format!(
                "the two sides share no {kind:?} algorithm; the other side offers {}",
                theirs.join(",")
            ),
        ),
        Ssh::KeepaliveTimeout | Ssh::InactivityTimeout | Ssh::ConnectionTimeout | Ssh::Elapsed(_) => {
            (ErrorKind::Timeout, "the other side stopped answering".to_owned())
        }
        Ssh::Join(_) => (
            ErrorKind::Internal,
            "the SSH library failed; only this session ended".to_owned(),
        ),
        other => (ErrorKind::Protocol, other.to_string()),
    };
    Error::new(kind, operation, cut(&message, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_a_character() {
        assert_eq!(cut("büro", 2), "b");
        assert_eq!(cut("büro", 3), "bü");
        assert_eq!(cut("b", 9), "b");
    }
}
