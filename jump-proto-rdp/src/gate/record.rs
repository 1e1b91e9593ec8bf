//! What a recording of an RDP session holds besides the bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What the grant does not permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refused {
    /// Keys and the pointer.
    KeyboardMouse,
    /// The clipboard (MS-RDPECLIP), in both directions.
    Clipboard,
    /// What is on the rep's clipboard.
    ClipboardToTarget,
    /// What is on the target's clipboard.
    ClipboardFromTarget,
    /// Files on a clipboard, the rest of which passes.
    ClipboardFiles,
    /// Drives, printers and other devices of the rep (MS-RDPEFS).
    Devices,
    /// Another size of the target's screen (MS-RDPEDISP).
    Resize,
    /// A channel that no permission speaks of.
    Channel,
    /// Pictures that the rep's client has kept from before (MS-RDPEGFX §2.2.2.16): no recording has them.
    KeptPictures,
}

impl Refused {
    /// What it is, for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Refused::KeyboardMouse => "keys and pointer",
            Refused::Clipboard => "the clipboard",
            Refused::ClipboardToTarget => "the rep's clipboard for the target",
            Refused::ClipboardFromTarget => "the target's clipboard for the rep",
            Refused::ClipboardFiles => "files on the clipboard",
            Refused::Devices => "the rep's drives and devices",
            Refused::Resize => "another size of the screen",
            Refused::Channel => "a channel that no permission speaks of",
            Refused::KeptPictures => "pictures that were kept from before",
        }
    }
}

/// The payload of a [`RecordKind::Event`](jump_core::recording::RecordKind::Event) record of an RDP session, as JSON.
///
/// The other records are the session's bytes in both directions from the MCS Connect Initial PDU on (MS-RDPBCGR §2.2.1.3), as
/// they were passed on: after the gate's changes, and with an empty password in the Client Info PDU (§2.2.1.11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum RdpRecord {
    /// Messages that were not passed on.
    Dropped {
        /// What they were.
        what: Refused,
        /// How many in a row.
        messages: u32,
    },
    /// A channel that was not let through; its name is what the peer says.
    ChannelRefused {
        /// Its name.
        name: String,
        /// What it is.
        what: Refused,
    },
}

impl RdpRecord {
    /// The payload of the record.
    pub(crate) fn payload(&self) -> Bytes {
        // Words and a number are always serializable.
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
        for record in [
            RdpRecord::Dropped {
                what: Refused::KeyboardMouse,
                messages: 3,
            },
            RdpRecord::ChannelRefused {
                name: "rdpdr".to_owned(),
                what: Refused::Devices,
            },
        ] {
            assert_eq!(RdpRecord::read(&record.payload()), Some(record));
        }
    }
}
