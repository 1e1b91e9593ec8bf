//! Framing of control messages: 4 bytes length, big-endian, then that many bytes of JSON.

use zeroize::Zeroize;

use crate::error::{Error, ErrorKind, Result};

/// The largest frame read from a peer that is not authenticated yet.
pub const MAX_FRAME_BEFORE_AUTHENTICATION: usize = 16 * 1024;
/// The largest frame read from an authenticated peer.
pub const MAX_FRAME: usize = 1024 * 1024;

/// Appends the frame that carries `payload` to `out`.
///
/// # Errors
/// [`ErrorKind::ResourceLimit`] if the payload is larger than [`MAX_FRAME`].
pub fn encode_frame(payload: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let length = u32::try_from(payload.len())
        .ok()
        .filter(|length| *length as usize <= MAX_FRAME)
        .ok_or_else(|| {
            Error::new(
                ErrorKind::ResourceLimit,
                "write a control message",
                "it is larger than 1 MiB; ask for less at once",
            )
        })?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(payload);
    Ok(())
}

/// The memory that an empty decoder keeps, in bytes.
const KEEP: usize = 64 * 1024;

/// Cuts a stream of bytes into frames. Sans-I/O: bytes in, frames out. It keeps at most one incomplete frame, and
/// wipes its memory when dropped: a frame may hold an invitation.
#[derive(Debug)]
pub struct FrameDecoder {
    limit: usize,
    buffer: Vec<u8>,
    taken: usize,
}

impl FrameDecoder {
    /// A decoder that refuses frames larger than `limit` bytes as soon as it sees their length.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            buffer: Vec::new(),
            taken: 0,
        }
    }

    /// Changes the limit, once the peer is authenticated.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Adds bytes that were read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        if self.buffer.is_empty() && self.buffer.capacity() > KEEP {
            self.buffer = Vec::new();
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame's payload; `None` if more bytes are needed.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`] if the announced length is over the limit; nothing was allocated for it.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>> {
        let pending = self.buffer.get(self.taken..).unwrap_or_default();
        let Some((length, rest)) = pending.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if length > self.limit {
            let message = format!(
                "it announces {length} bytes; at most {} are allowed here",
                self.limit
            );
            return Err(Error::new(
                ErrorKind::ResourceLimit,
                "read a control message",
                message,
            ));
        }
        let Some(frame) = rest.get(..length) else {
            return Ok(None);
        };
        self.taken += 4 + length;
        Ok(Some(frame))
    }
}

impl Drop for FrameDecoder {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_length_of_four_gib_is_refused_at_once() {
        let mut decoder = FrameDecoder::new(MAX_FRAME_BEFORE_AUTHENTICATION);
        decoder.push(&u32::MAX.to_be_bytes());
        assert_eq!(decoder.next_frame().unwrap_err().kind(), ErrorKind::ResourceLimit);
    }

    #[test]
    fn the_memory_of_a_large_frame_is_given_back() {
        let mut decoder = FrameDecoder::new(MAX_FRAME);
        let mut frame = Vec::new();
        encode_frame(&vec![0; MAX_FRAME], &mut frame).unwrap();
        decoder.push(&frame);
        assert!(decoder.next_frame().unwrap().is_some());
        decoder.push(&[0, 0]);
        assert!(decoder.buffer.capacity() <= KEEP);
    }

    proptest! {
        #[test]
        fn frames_survive_being_cut_anywhere(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..8),
            piece in 1usize..64,
        ) {
            let mut bytes = Vec::new();
            for payload in &payloads {
                encode_frame(payload, &mut bytes).unwrap();
            }
            let mut decoder = FrameDecoder::new(MAX_FRAME);
            let mut decoded = Vec::new();
            for chunk in bytes.chunks(piece) {
                decoder.push(chunk);
                while let Some(frame) = decoder.next_frame().unwrap() {
                    decoded.push(frame.to_vec());
                }
            }
            prop_assert_eq!(decoded, payloads);
        }

        #[test]
        fn arbitrary_bytes_never_panic_nor_grow_the_buffer_beyond_them(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
            let mut decoder = FrameDecoder::new(1024);
            decoder.push(&bytes);
            while let Ok(Some(frame)) = decoder.next_frame() {
                prop_assert!(frame.len() <= 1024);
            }
            prop_assert!(decoder.buffer.len() <= bytes.len());
        }
    }
}
