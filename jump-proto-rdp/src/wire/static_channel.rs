//! Static channels: messages in chunks (MS-RDPBCGR §2.2.6.1).

use std::ops::Range;

use super::bytes::{le32, part, put};
use super::{RdpError, RdpResult};

/// Length of the whole, and flags.
const HEADER: usize = 8;
const FIRST: u32 = 1;
const LAST: u32 = 2;
/// `CHANNEL_FLAG_SHOW_PROTOCOL`: both ends of a clipboard ask for it (MS-RDPECLIP §2.1).
const SHOW_PROTOCOL: u32 = 0x10;
const COMPRESSED: u32 = 0x20_0000;
/// `CHANNEL_CHUNK_LENGTH` (MS-RDPBCGR §3.1.5.2.1): what every peer takes in one chunk.
const CHUNK: usize = 1600;
/// The longest message of the channel of dynamic channels that is put together: its own are at most 1600 bytes long
/// (MS-RDPEDYC §3.1.5.1.4).
const MAX_WHOLE: usize = 64 * 1024;

/// Checks that a chunk is not compressed.
///
/// # Errors
/// [`RdpError::Protocol`].
pub fn check(data: &[u8]) -> RdpResult<()> {
    if le32(data, 4)? & COMPRESSED != 0 {
        return Err(RdpError::Protocol(
            "a channel is compressed, which was not agreed on",
        ));
    }
    Ok(())
}

/// What a chunk says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkHead {
    /// How long the channel's message is.
    pub total: usize,
    /// Whether it begins with this chunk.
    pub first: bool,
    last: bool,
    content: usize,
}

impl ChunkHead {
    /// How long it is.
    pub const LENGTH: usize = HEADER;

    /// Reads the begin of a chunk, which is not compressed.
    ///
    /// # Errors
    /// [`RdpError::Protocol`].
    pub fn read(data: &[u8]) -> RdpResult<Self> {
        check(data)?;
        let flags = le32(data, 4)?;
        Ok(Self {
            total: le32(data, 0)? as usize,
            first: flags & FIRST != 0,
            last: flags & LAST != 0,
            content: data.len() - HEADER,
        })
    }

    /// How much of a message is still to come after this chunk, if `left` was before it.
    ///
    /// # Errors
    /// [`RdpError::Protocol`] if it is empty, holds more than that, or is the last one too early or too late.
    pub fn left(&self, left: usize) -> RdpResult<usize> {
        match left.checked_sub(self.content) {
            Some(rest) if self.content > 0 && self.last == (rest == 0) => Ok(rest),
            _ => Err(RdpError::Protocol(
                "a message of a channel has another length than it says",
            )),
        }
    }
}

/// A clipboard's message in as many chunks as it takes.
pub fn in_chunks(content: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let total = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let last = content.len().div_ceil(CHUNK).saturating_sub(1);
    content.chunks(CHUNK).enumerate().map(move |(index, part)| {
        let first = if index == 0 { FIRST } else { 0 };
        let end = if index == last { LAST } else { 0 };
        let mut data = Vec::with_capacity(HEADER + part.len());
        data.extend_from_slice(&total.to_le_bytes());
        data.extend_from_slice(&(SHOW_PROTOCOL | first | end).to_le_bytes());
        data.extend_from_slice(part);
        data
    })
}

/// A message of a channel in one chunk.
#[must_use]
pub fn one_chunk(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let mut data = Vec::with_capacity(HEADER + content.len());
    data.extend_from_slice(&length.to_le_bytes());
    data.extend_from_slice(&(FIRST | LAST).to_le_bytes());
    data.extend_from_slice(content);
    data
}

/// Puts a channel's chunks together, and keeps them as they came.
#[derive(Debug, Default)]
pub struct Chunks {
    held: Vec<(Vec<u8>, Range<usize>)>,
    length: usize,
    total: usize,
}

/// A message of a channel that is whole.
#[derive(Debug)]
pub struct Whole {
    chunks: Vec<(Vec<u8>, Range<usize>)>,
    /// What is in it. It may be changed, and not made longer or shorter.
    pub content: Vec<u8>,
}

impl Chunks {
    /// Nothing has come.
    pub const EMPTY: Self = Self {
        held: Vec::new(),
        length: 0,
        total: 0,
    };

    /// Takes the next chunk: a whole message of MCS whose data is in `data`. The channel's message, if it is whole now.
    ///
    /// # Errors
    /// [`RdpError::Protocol`] for chunks in disorder or compressed, [`RdpError::Limit`] for a message of more than 64 KiB.
    pub fn take(&mut self, message: &[u8], data: Range<usize>) -> RdpResult<Option<Whole>> {
        let chunk = part(message, data.clone())?;
        check(chunk)?;
        let (total, flags) = (le32(chunk, 0)? as usize, le32(chunk, 4)?);
        if (flags & FIRST != 0) != self.held.is_empty() {
            return Err(RdpError::Protocol("the chunks of a channel are in disorder"));
        }
        if total > MAX_WHOLE {
            return Err(RdpError::Limit("a message of a channel is too long"));
        }
        if self.held.is_empty() {
            self.total = total;
        }
        let content = data.start + HEADER..data.end;
        self.length += content.len();
        let last = flags & LAST != 0;
        if total != self.total || self.length > total || last != (self.length == total) || content.is_empty()
        {
            return Err(RdpError::Protocol(
                "a message of a channel has another length than it says",
            ));
        }
        self.held.push((message.to_vec(), content));
        if !last {
            return Ok(None);
        }
        self.length = 0;
        let chunks = std::mem::take(&mut self.held);
        let mut content = Vec::with_capacity(total);
        for (message, range) in &chunks {
            content.extend_from_slice(part(message, range.clone())?);
        }
        Ok(Some(Whole { chunks, content }))
    }
}

impl Whole {
    /// The messages of MCS as they came, with what was changed.
    ///
    /// # Errors
    /// Never, unless the content has another length.
    pub fn into_messages(self) -> RdpResult<Vec<u8>> {
        let mut at = 0;
        let mut all = Vec::with_capacity(self.content.len() + 32);
        for (mut message, range) in self.chunks {
            let end = at + range.len();
            put(&mut message, range.start, part(&self.content, at..end)?)?;
            at = end;
            all.extend_from_slice(&message);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use super::*;

    fn chunk(total: u32, flags: u32, content: &[u8]) -> Vec<u8> {
        let mut data = total.to_le_bytes().to_vec();
        data.extend_from_slice(&flags.to_le_bytes());
        data.extend_from_slice(content);
        data
    }

    #[test]
    fn what_is_changed_is_changed_where_it_was() {
        let (first, last) = (chunk(5, FIRST, b"abc"), chunk(5, LAST, b"de"));
        let mut chunks = Chunks::default();
        assert!(chunks.take(&first, 0..first.len()).unwrap().is_none());
        let mut whole = chunks.take(&last, 0..last.len()).unwrap().unwrap();
        assert_eq!(whole.content, b"abcde");
        whole.content.copy_from_slice(b"ABCDE");
        let expected = [chunk(5, FIRST, b"ABC"), chunk(5, LAST, b"DE")].concat();
        assert_eq!(whole.into_messages().unwrap(), expected);
        let one = one_chunk(b"xyz");
        let whole = chunks.take(&one, 0..one.len()).unwrap().unwrap();
        assert_eq!(whole.content, b"xyz");
    }

    #[test]
    fn chunks_in_disorder_are_refused() {
        for data in [
            chunk(3, LAST, b"abc"),
            chunk(3, FIRST | LAST, b"ab"),
            chunk(2, FIRST, b"abc"),
            chunk(3, FIRST | LAST | COMPRESSED, b"abc"),
            chunk(1 << 20, FIRST, b"abc"),
            chunk(0, FIRST, b""),
        ] {
            assert!(Chunks::default().take(&data, 0..data.len()).is_err(), "{data:?}");
        }
        let mut chunks = Chunks::default();
        let first = chunk(6, FIRST, b"abc");
        chunks.take(&first, 0..first.len()).unwrap();
        assert!(chunks.take(&first, 0..first.len()).is_err());
    }
}
