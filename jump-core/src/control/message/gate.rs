//! What who serves sessions says of them.

use serde::{Deserialize, Serialize};

use crate::audit::RecordingNote;
use crate::id::SessionId;
use crate::protocol::{Outcome, SessionEvent};

/// What whoever runs a session's gate says about it; the answer means that it is on stable storage.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case", deny_unknown_fields)]
pub enum GateReport {
    /// The rep has joined the session and its gate starts.
    Started {
        /// Which.
        session: SessionId,
    },
    /// Something happened in a session.
    Event {
        /// Which session.
        session: SessionId,
        /// Counts the session's events from 1, so that one sent twice is logged once.
        number: u64,
        /// What.
        event: SessionEvent,
    },
    /// A session ended.
    Ended {
        /// Which.
        session: SessionId,
        /// How.
        outcome: Outcome,
        /// Its recording, if there is one that was closed properly.
        #[serde(default)]
        recording: Option<RecordingNote>,
    },
}

impl From<GateReport> for JumpointRequest {
    /// The same as a Jumpoint has said it since version 1.0.
    fn from(report: GateReport) -> Self {
        match report {
            GateReport::Started { session } => JumpointRequest::SessionStarted { session },
            GateReport::Event {
                session,
                number,
                event,
            } => JumpointRequest::SessionEvent {
                session,
                number,
                event,
            },
            GateReport::Ended {
                session,
                outcome,
                recording,
            } => JumpointRequest::SessionEnded {
                session,
                outcome,
                recording,
            },
        }
    }
}

/// What a Jumpoint may say that needs an answer: the answer means that it is on stable storage.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum JumpointRequest {
    /// The rep has joined the session and its gate starts.
    SessionStarted {
        /// Which.
        session: SessionId,
    },
    /// Something happened in a session.
    SessionEvent {
        /// Which session.
        session: SessionId,
        /// Counts the session's events from 1, so that one sent twice is logged once.
        number: u64,
        /// What.
        event: SessionEvent,
    },
    /// A session ended.
    SessionEnded {
        /// Which.
        session: SessionId,
        /// How.
        outcome: Outcome,
        /// Its recording, if there is one that was closed properly.
        #[serde(default)]
        recording: Option<RecordingNote>,
    },
    /// The recording of a session that is over is older than recordings are kept here: may it go? Refused with
    /// [`ErrorKind::Denied`](crate::ErrorKind::Denied) if it may not.
    RemoveRecording {
        /// Of which session.
        session: SessionId,
        /// The last link of its hash chain, SHA-256 in hex.
        hash: String,
        /// How many bytes its file has.
        file_bytes: u64,
        /// For how many days recordings are kept here; counted from 1.
        days: u32,
    },
}
