//! One line of the log, and the chain that runs through the lines.
//!
//! ```text
//! {"seq":7,"prev":"<64 hex digits>","event":{...},"hash":"<64 hex digits>"}
//! ```
//!
//! `hash` is SHA-256 over a tag, the sequence number as 8 bytes big-endian, the event's bytes exactly as they stand in
//! the line, and `prev`, each preceded by its length; `prev` is the hash of the line before, or zeros for the first.
//! There is one way to write a line: any other is a damaged one.

use std::ops::Range;

use data_encoding::HEXLOWER;

use crate::keys::sha256_parts;

/// The longest line, its newline included: 16 MiB.
pub(super) const MAX_LINE: usize = 16 * 1024 * 1024;

/// The longest event: what fits a line with the largest sequence number.
pub(super) const MAX_EVENT: usize = MAX_LINE - 256;

/// The end of the chain: where the next line is to be hung.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ChainEnd {
    /// The sequence number of the last line; 0 if there is none.
    pub(super) sequence: u64,
    /// Its hash; zeros if there is none.
    pub(super) hash: [u8; 32],
}

impl ChainEnd {
    /// Appends the line of an event to `out`, and gives the end of the chain behind it.
    #[must_use]
    pub(super) fn write(self, event: &[u8], out: &mut Vec<u8>) -> Self {
        let next = self.behind(event);
        out.extend_from_slice(self.prefix().as_bytes());
        out.extend_from_slice(event);
        out.extend_from_slice(next.suffix().as_bytes());
        out.push(b'\n');
        next
    }

    /// Reads the next line, without its newline: where in it the event stands, and the end of the chain behind it.
    pub(super) fn read(self, line: &[u8]) -> Result<(Range<usize>, Self), &'static str> {
        let prefix = self.prefix();
        let rest = line.strip_prefix(prefix.as_bytes()).ok_or(
            "does not follow the line before it: one of them was changed, inserted, moved or removed",
        )?;
        let length = rest.len().saturating_sub(self.suffix().len());
        let (event, suffix) = rest.split_at_checked(length).unwrap_or_default();
        let next = self.behind(event);
        if suffix != next.suffix().as_bytes() {
            return Err("was changed");
        }
        Ok((prefix.len()..prefix.len() + length, next))
    }

    fn behind(self, event: &[u8]) -> Self {
        let sequence = self.sequence.saturating_add(1);
        let hash = sha256_parts(&[b"jump audit event v1", &sequence.to_be_bytes(), event, &self.hash]);
        Self { sequence, hash }
    }

    /// What stands before the event in the line that comes next.
    fn prefix(self) -> String {
        let sequence = self.sequence.saturating_add(1);
        format!(
            "{{\"seq\":{sequence},\"prev\":\"{}\",\"event\":",
            HEXLOWER.encode(&self.hash)
        )
    }

    /// What stands behind the event in the line that this is the end of; always equally long.
    fn suffix(self) -> String {
        format!(",\"hash\":\"{}\"}}", HEXLOWER.encode(&self.hash))
    }
}
