//! How sessions end, and the signal that ends them.

use std::fmt;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::error::{Error, ErrorKind};
use crate::text::Escaped;

/// Why a session ended. The text in a variant is for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", content = "detail", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndReason {
    /// The rep closed it.
    RepClosed,
    /// The target closed it.
    TargetClosed,
    /// An administrator ended it: who.
    EndedBy(String),
    /// The access decision changed: the reasons of the new one.
    AccessRevoked(String),
    /// The granted time is over.
    Expired,
    /// Nothing came from the rep for as long as the Jump Policy allows.
    Idle,
    /// Whoever served it has not heard from the broker for too long: a Jumpoint for longer than the lease, a rep since its
    /// connection was lost.
    LeaseLost,
    /// The Jumpoint went away.
    JumpointLost,
    /// The rep never came, or went away without a word.
    RepLost,
    /// The broker restarted and nobody confirmed the session.
    BrokerRestarted,
    /// The recording failed and its mode says that the session may not go on without it.
    RecordingFailed(String),
    /// The session failed: the kind and message of the error.
    Failed {
        /// The kind.
        kind: ErrorKind,
        /// The message.
        message: String,
    },
}

impl EndReason {
    /// Whether the session came to its natural end.
    #[must_use]
    pub const fn is_normal(&self) -> bool {
        matches!(self, EndReason::RepClosed | EndReason::TargetClosed)
    }

    /// The end caused by an error.
    #[must_use]
    pub fn from_error(error: &Error) -> Self {
        EndReason::Failed {
            kind: error.kind(),
            message: error.to_string(),
        }
    }

    /// The error that a rep sees.
    #[must_use]
    pub fn to_error(&self) -> Error {
        let kind = match self {
            EndReason::RepClosed | EndReason::TargetClosed => ErrorKind::Closed,
            EndReason::Failed { kind, .. } => *kind,
            EndReason::JumpointLost | EndReason::BrokerRestarted => ErrorKind::Unavailable,
            _ => ErrorKind::SessionEnded,
        };
        Error::new(kind, "session", self.to_string())
    }
}

impl fmt::Display for EndReason {
    /// For people; what others wrote is escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndReason::RepClosed => f.write_str("closed by the rep"),
            EndReason::TargetClosed => f.write_str("closed by the target"),
            EndReason::EndedBy(who) => write!(f, "ended by {}", Escaped(who)),
            EndReason::AccessRevoked(why) => write!(f, "access was revoked: {}", Escaped(why)),
            EndReason::Expired => f.write_str("the granted time is over"),
            EndReason::Idle => f.write_str("nothing came from the rep for too long"),
            EndReason::LeaseLost => f.write_str("contact with the broker was lost"),
            EndReason::JumpointLost => f.write_str("the jumpoint went away"),
            EndReason::RepLost => f.write_str("the rep went away"),
            EndReason::BrokerRestarted => f.write_str("the broker restarted"),
            EndReason::RecordingFailed(why) => write!(f, "the recording failed: {}", Escaped(why)),
            EndReason::Failed { message, .. } => Escaped(message).fmt(f),
        }
    }
}

/// The receiving end of a session's stop signal; cheap to clone.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<Option<EndReason>>);

/// The sending end: the first reason given stays.
#[derive(Clone, Debug)]
pub struct StopHandle(watch::Sender<Option<EndReason>>);

impl StopHandle {
    /// A signal that nobody has given yet.
    #[must_use]
    pub fn new() -> (Self, Stop) {
        let (sender, receiver) = watch::channel(None);
        (Self(sender), Stop(receiver))
    }

    /// Ends the session; has no effect if it was ended before.
    pub fn stop(&self, reason: EndReason) {
        self.0.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(reason);
            }
            first
        });
    }

    /// Another receiving end.
    #[must_use]
    pub fn subscribe(&self) -> Stop {
        Stop(self.0.subscribe())
    }
}

impl Stop {
    /// Waits until the session is to end. If every [`StopHandle`] is gone, that counts as
    /// [`EndReason::LeaseLost`]: nobody is left who could end the session. Cancel-safe.
    pub async fn stopped(&mut self) -> EndReason {
        match self.0.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or(EndReason::LeaseLost),
            Err(_) => EndReason::LeaseLost,
        }
    }

    /// The reason, if the session is to end already.
    #[must_use]
    pub fn reason(&self) -> Option<EndReason> {
        self.0.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s30_what_others_wrote_cannot_act() {
        let evil = || "\u{1b}[2J\u{202e}".to_owned();
        for reason in [
            EndReason::EndedBy(evil()),
            EndReason::AccessRevoked(evil()),
            EndReason::RecordingFailed(evil()),
            EndReason::Failed {
                kind: ErrorKind::Network,
                message: evil(),
            },
        ] {
            assert!(!reason.to_string().chars().any(crate::text::acts), "{reason:?}");
        }
    }
}
