//! What a rep says when it asks for a session, besides the item.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{Field, Remark};

/// What a Jump Policy may ask for at the door. Nothing of it is believed before it was checked.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Supplied {
    /// Why the session is needed, at most 2048 characters.
    #[serde(skip_serializing_if = "is_empty")]
    pub reason: Remark,
    /// The id of a ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Field>,
    /// The code of a second factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Field>,
    /// Jump although an advisory schedule is closed.
    pub schedule_override: bool,
}

fn is_empty(reason: &Remark) -> bool {
    reason.as_str().is_empty()
}

impl fmt::Debug for Supplied {
    /// Without the code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supplied")
            .field("reason", &self.reason)
            .field("ticket", &self.ticket)
            .field("code", &self.code.as_ref().map(|_| "…"))
            .field("schedule_override", &self.schedule_override)
            .finish()
    }
}
