//! The event records of a Shell Jump.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The longest event record that is read; the gate writes none that is longer.
const LONGEST: usize = 256 * 1024;

/// What happened on a channel, other than its bytes. Text is the peer's own, as it came: escape it where it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ShellRecord {
    /// The channel was opened: a session (RFC 4254 §6.1).
    Opened,
    /// The channel was opened: a connection from the target to another host (RFC 4254 §7.2).
    Connected {
        /// To where.
        to: String,
    },
    /// A terminal was asked for (RFC 4254 §6.2).
    Terminal {
        /// Its kind.
        kind: String,
        /// Columns.
        columns: u32,
        /// Rows.
        rows: u32,
    },
    /// The terminal has a new size (RFC 4254 §6.7).
    Resized {
        /// Columns.
        columns: u32,
        /// Rows.
        rows: u32,
    },
    /// A shell was asked for (RFC 4254 §6.5).
    Shell,
    /// A command was asked for.
    Exec {
        /// The command; bytes that are not UTF-8 are replaced.
        command: String,
        /// The command's bytes, if they are not UTF-8.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        raw: Option<Vec<u8>>,
    },
    /// A subsystem was asked for.
    Subsystem {
        /// Its name, such as `sftp`.
        name: String,
    },
    /// A signal was sent to the program (RFC 4254 §6.9).
    Signal {
        /// Its name without `SIG`.
        name: String,
    },
    /// The target answered a request (RFC 4254 §5.4).
    Answered {
        /// Whether it agreed.
        success: bool,
    },
    /// The rep says that no more input follows.
    InputEnded,
    /// The program returned (RFC 4254 §6.10).
    Exited {
        /// Its exit status.
        status: u32,
    },
    /// A signal ended the program.
    Killed {
        /// The signal's name without `SIG`.
        signal: String,
    },
    /// The channel was closed.
    Closed,
}

impl ShellRecord {
    /// The record of a command.
    #[must_use]
    pub fn exec(command: &[u8]) -> Self {
        match std::str::from_utf8(command) {
            Ok(text) => Self::Exec {
                command: text.to_owned(),
                raw: None,
            },
            Err(_) => Self::Exec {
                command: String::from_utf8_lossy(command).into_owned(),
                raw: Some(command.to_vec()),
            },
        }
    }

    /// The bytes for a recording.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        // A value of this type always has a JSON form; should that ever change, an empty record says so.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    /// Reads what [`ShellRecord::encode`] wrote; `None` for anything else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > LONGEST {
            return None;
        }
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_command_of_any_bytes_survives(command in prop::collection::vec(any::<u8>(), 0..300)) {
            let back = ShellRecord::decode(&ShellRecord::exec(&command).encode()).unwrap();
            let ShellRecord::Exec { command: text, raw } = back else { panic!() };
            prop_assert_eq!(raw.unwrap_or_else(|| text.into_bytes()), command);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = ShellRecord::decode(&bytes);
        }
    }
}
