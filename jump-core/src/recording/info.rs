//! What a recording is of.

use serde::{Deserialize, Serialize};

use crate::id::SessionId;
use crate::session::RecordingMode;
use crate::time::Timestamp;

/// What a recording is of. It is not encrypted, but cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingInfo {
    /// The session.
    pub session: SessionId,
    /// The user's name at the time.
    pub user_name: String,
    /// The Jump Item's name at the time.
    pub item_name: String,
    /// The protocol's key, such as `ssh`.
    pub protocol: String,
    /// When the session began, by the wall clock of the machine that recorded it.
    pub started: Timestamp,
    /// What was to happen if the recording could not keep up.
    pub mode: RecordingMode,
}
