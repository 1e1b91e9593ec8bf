//! What a recording of a VNC session holds besides the bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What the grant does not permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refused {
    /// Keys and the pointer.
    KeyboardMouse,
    /// The rep's clipboard.
    ClipboardToTarget,
    /// The target's clipboard.
    ClipboardFromTarget,
    /// Another size of the target's screen.
    Resize,
    /// Shutting down or restarting the target's machine.
    Power,
}

impl Refused {
    /// What it is, for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Refused::KeyboardMouse => "keys and pointer",
            Refused::ClipboardToTarget => "the rep's clipboard for the target",
            Refused::ClipboardFromTarget => "the target's clipboard for the rep",
            Refused::Resize => "another size of the screen",
            Refused::Power => "shutting down or restarting the machine",
        }
    }
}

/// The payload of a [`RecordKind::Event`](jump_core::recording::RecordKind::Event) record of a VNC session, as JSON.
///
/// The other records are the session's bytes: the first from the target is its ServerInit (RFC 6143 §7.3.2), the first from
/// the rep is ClientInit (§7.3.1), and what follows are the messages that were passed on, as they were passed on. Nothing
/// of either login is in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum VncRecord {
    /// Messages that were not passed on.
    Dropped {
        /// What they were.
        what: Refused,
        /// How many in a row.
        messages: u32,
    },
    /// Updates that the rep had asked for and that have not begun count as answered: the SetPixelFormat that follows (RFC
    /// 6143 §7.5.1) holds from the next update on.
    UpdatesAnswered,
}

impl VncRecord {
    /// The payload of the record.
    pub(crate) fn payload(&self) -> Bytes {
        // A word and a number are always serializable.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    /// Reads a record's payload; `None` if it is not one of ours.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back() {
        let record = VncRecord::Dropped {
            what: Refused::KeyboardMouse,
            messages: 3,
        };
        let payload = record.payload();
        assert_eq!(
            &*payload,
            br#"{"event":"dropped","what":"keyboard_mouse","messages":3}"#
        );
        assert_eq!(VncRecord::read(&payload), Some(record));
        let answered = VncRecord::UpdatesAnswered;
        assert_eq!(VncRecord::read(&answered.payload()), Some(answered));
    }
}
