//! What may happen in a session.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the rep may do inside a session. Each gate enforces what its protocol has a message for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionPermissions {
    /// An interactive shell.
    pub shell: bool,
    /// Running a command without a shell.
    pub exec: bool,
    /// The file transfer subsystem. A shell or command can move files as well: this is a convenience for honest
    /// users, not a boundary.
    pub file_transfer: bool,
    /// Connections from the target to other hosts through the session (`direct-tcpip`). Off by default.
    pub port_forwarding: bool,
}

impl Default for SessionPermissions {
    fn default() -> Self {
        Self {
            shell: true,
            exec: true,
            file_transfer: true,
            port_forwarding: false,
        }
    }
}

/// What happens when a session's recording fails or cannot keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingMode {
    /// Nothing is recorded.
    Off,
    /// The session goes on; what was lost is counted in the recording and in the audit log.
    BestEffort,
    /// The session waits until the recording has caught up, and ends if it fails.
    #[default]
    Backpressure,
    /// The session ends as soon as the recording cannot keep up or fails.
    FailClosed,
}

impl fmt::Display for RecordingMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RecordingMode::Off => "off",
            RecordingMode::BestEffort => "best_effort",
            RecordingMode::Backpressure => "backpressure",
            RecordingMode::FailClosed => "fail_closed",
        })
    }
}
