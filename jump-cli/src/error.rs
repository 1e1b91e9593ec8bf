//! How failures are told: one sentence, a hint where one helps, an exit code.

use std::process::ExitCode;

use jump_core::{Error, ErrorKind};
use serde_json::json;

use crate::output::Output;

/// The exit codes, as `jump --help` shows them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
   0  done
   1  something else failed
   2  the command line, or a value in it, is wrong
   3  denied: the access decision was no
   4  not authenticated: no login, an unknown key, a used invitation
   5  not found, or not visible
   6  unavailable, or no answer in time
   7  integrity: a recording or the audit log was damaged
   8  the session was ended: by somebody, by a changed decision, by its time limit
   9  the target: not reachable, its host key, its credential
  10  conflict: it exists already, or was changed meanwhile
`jump ssh ITEM COMMAND` gives the exit code of COMMAND, and 128 + N if signal N ended it.";

/// Why a command failed, and what the user may do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    error: Error,
    hint: Option<String>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = match error.kind() {
            ErrorKind::Unsupported if error.operation() == "say hello" => {
                Some("use the same version of `jump` on both sides".to_owned())
            }
            ErrorKind::HostKey => Some(
                "if the target really has a new key, remove the item and add it again with --host-key"
                    .to_owned(),
            ),
            _ => None,
        };
        Self { error, hint }
    }
}

impl Failure {
    /// The same failure with advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// One line for people, or one JSON object, on standard error.
    pub(crate) fn report(&self, output: &Output) {
        // Whoever closed the pipe that we write to wants no more words.
        if self.error.operation() == WRITE_OUTPUT && self.error.kind() == ErrorKind::Closed {
            return;
        }
        if output.json() {
            output.complain(&json!({ "error": {
                "kind": self.error.kind(),
                "number": self.error.kind().number(),
                "message": sentence(&self.error),
                "retryable": self.error.is_retryable(),
                "hint": self.hint,
            }}));
            return;
        }
        output.complain(&format_args!("jump: {}", sentence(&self.error)));
        if let Some(hint) = &self.hint {
            output.complain(&format_args!("  hint: {hint}"));
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(exit_code(self.error.kind()))
    }
}

/// The operation of errors about our own output.
pub(crate) const WRITE_OUTPUT: &str = "write the output";

/// The exit code for a kind of error; [`EXIT_CODES`] is its documentation.
const fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::InvalidArgument => 2,
        ErrorKind::Denied => 3,
        ErrorKind::Unauthenticated | ErrorKind::UntrustedPeer => 4,
        ErrorKind::NotFound => 5,
        ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Network => 6,
        ErrorKind::Integrity => 7,
        ErrorKind::SessionEnded => 8,
        ErrorKind::TargetUnreachable | ErrorKind::TargetAuthentication | ErrorKind::HostKey => 9,
        ErrorKind::Conflict => 10,
        _ => 1,
    }
}

/// What happened, as a sentence. The end of a session says who or what ended it.
pub(crate) fn sentence(error: &Error) -> String {
    let text = error.to_string();
    match (error.operation(), text.strip_prefix("session: ")) {
        ("session", Some(how)) if how.starts_with("ended by ") || how.starts_with("closed by ") => {
            format!("the session was {how}")
        }
        ("session", Some(how)) => format!("the session ended: {how}"),
        // What the broker answered says by itself what was being done.
        ("ask", _) => text.strip_prefix("ask: ").unwrap_or(&text).to_owned(),
        _ => text,
    }
}

/// A wrong command line that the parser could not know to be wrong.
pub(crate) fn usage(message: impl Into<String>) -> Failure {
    Error::new(ErrorKind::InvalidArgument, "read the command line", message).into()
}

/// The broker answered a question that was not asked.
pub(crate) fn surprised() -> Failure {
    Error::new(
        ErrorKind::Protocol,
        "ask the broker",
        "it answered another question",
    )
    .into()
}

pub(crate) fn runtime(error: std::io::Error) -> Failure {
    Error::from_io(ErrorKind::Internal, "start", error).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jump_core::session::EndReason;

    #[test]
    fn every_documented_code_is_given_and_every_given_code_documented() {
        for kind in ErrorKind::ALL {
            let code = exit_code(*kind);
            assert!(
                EXIT_CODES.contains(&format!("\n  {code:>2}  ")),
                "{kind} gives {code}"
            );
        }
    }

    #[test]
    fn the_end_of_a_session_is_told_as_a_sentence() {
        let ended = EndReason::EndedBy("alice".to_owned()).to_error();
        assert_eq!(sentence(&ended), "the session was ended by alice");
        assert_eq!(
            sentence(&EndReason::Expired.to_error()),
            "the session ended: the granted time is over"
        );
        let other = Error::new(ErrorKind::NotFound, "find a jump item", "there is none");
        assert_eq!(sentence(&other), "find a jump item: there is none");
    }
}
