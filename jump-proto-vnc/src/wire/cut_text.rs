//! How a clipboard stands in a message, which is the same in both directions (RFC 6143 §7.5.6, §7.6.4).

use super::{Input, limits};
use crate::{RfbError, RfbResult};

/// The contents of a clipboard as a message carries them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutText<'a> {
    /// Text in ISO 8859-1 (RFC 6143 §7.5.6); read it with [`clipboard::latin1_text`](super::clipboard::latin1_text).
    Latin1(&'a [u8]),
    /// A message of the extended clipboard, at least its 4 bytes of flags; read it with
    /// [`ClipboardMessage::read`](super::clipboard::ClipboardMessage::read).
    Extended(&'a [u8]),
}

impl<'a> CutText<'a> {
    /// How many bytes follow a message's length field, and whether they are an extended clipboard's: its length is
    /// negative (rfbproto "Extended Clipboard Pseudo-Encoding").
    pub(crate) fn length(field: i32) -> RfbResult<(usize, bool)> {
        let length = usize::try_from(field.unsigned_abs())
            .ok()
            .filter(|length| *length <= limits::MAX_CLIPBOARD_BYTES)
            .ok_or(RfbError::Limit("a clipboard has at most 1 MiB"))?;
        if field < 0 && length < 4 {
            return Err(RfbError::Protocol("a clipboard message has no flags"));
        }
        Ok((length, field < 0))
    }

    /// Reads padding, length and contents.
    pub(crate) fn read(input: &mut Input<'a>) -> RfbResult<Option<Self>> {
        let mut ahead = *input;
        let Some(([_, _, _], field)) = ahead.array().zip(ahead.i32()) else {
            return Ok(None);
        };
        let (length, extended) = Self::length(field)?;
        let Some(bytes) = ahead.take(length) else {
            return Ok(None);
        };
        *input = ahead;
        Ok(Some(if extended {
            CutText::Extended(bytes)
        } else {
            CutText::Latin1(bytes)
        }))
    }

    /// Appends padding, length and contents.
    pub(crate) fn write(self, output: &mut Vec<u8>) -> RfbResult<()> {
        let (bytes, extended) = match self {
            CutText::Latin1(bytes) => (bytes, false),
            CutText::Extended(bytes) => (bytes, true),
        };
        let too_long = RfbError::Limit("a clipboard has at most 1 MiB");
        let length = i32::try_from(bytes.len()).map_err(|_| too_long)?;
        let field = if extended { -length } else { length };
        Self::length(field)?;
        output.extend([0; 3]);
        output.extend(field.to_be_bytes());
        output.extend(bytes);
        Ok(())
    }
}
