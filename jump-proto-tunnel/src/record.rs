//! What a recording of a tunnel session holds besides the bytes.

use bytes::Bytes;
use jump_core::error::ErrorKind;
use serde::{Deserialize, Serialize};

/// The payload of a [`RecordKind::Event`](jump_core::recording::RecordKind::Event) record of a tunnel session, as JSON.
/// The record's channel is the number of the stream; the bytes of a stream are the records with the same channel between
/// its opening and its close. A stream with no close was open when the session ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum TunnelRecord {
    /// The target was connected.
    Opened {
        /// The target's address.
        to: String,
    },
    /// The rep asked and got no stream.
    Refused {
        /// The address it asked for.
        to: String,
        /// Why.
        kind: ErrorKind,
    },
    /// The stream has ended.
    Closed {
        /// Bytes that were written to the target.
        from_rep: u64,
        /// Bytes that the target sent.
        from_target: u64,
        /// Whether both sides ended it in order; otherwise one of them cut it.
        complete: bool,
    },
}

impl TunnelRecord {
    /// The payload of the record.
    pub(crate) fn payload(&self) -> Bytes {
        // A struct of strings and numbers is always serializable.
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
        let record = TunnelRecord::Refused {
            to: "10.0.0.5:22".to_owned(),
            kind: ErrorKind::Denied,
        };
        assert_eq!(
            record.payload(),
            br#"{"event":"refused","to":"10.0.0.5:22","kind":"denied"}"#.as_slice()
        );
        assert_eq!(TunnelRecord::read(&record.payload()), Some(record));
        assert_eq!(TunnelRecord::read(b"\xff"), None);
    }
}
