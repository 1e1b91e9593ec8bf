//! Bounds on what a server may have collected before it is decoded: IronRDP puts parts together for as long as they come.

use jump_core::{Error, ErrorKind, Result};

use super::size::MAX_PIXELS;

/// The most bytes of one fast-path update in fragments: the size that the client announces (MS-RDPBCGR §2.2.7.2.6).
const MAX_UPDATE: usize = 8 << 20;
/// The most bytes of one message of a static channel in chunks (MS-RDPBCGR §2.2.6.1): a clipboard of 1 MiB, in UTF-16.
const MAX_CHANNEL_MESSAGE: usize = 3 << 20;
/// What a message of a dynamic channel may have beyond its pictures.
const BESIDE_PICTURES: u64 = 1 << 20;

const OPERATION: &str = super::receive::OPERATION;

fn too_much(what: &str) -> Error {
    Error::new(ErrorKind::ResourceLimit, OPERATION, what)
}

/// What is being collected.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Bytes of the update that is under way.
    update: usize,
    /// The most bytes of one message of a dynamic channel in parts (MS-RDPEDYC §2.2.3.1): the screen twice, uncompressed.
    dynamic: u64,
}

impl Default for Budget {
    /// For the largest screen.
    fn default() -> Self {
        Self::of(MAX_PIXELS)
    }
}

impl Budget {
    /// For a screen of so many pixels.
    pub(crate) const fn of(pixels: u32) -> Self {
        Self {
            update: 0,
            dynamic: 2 * 4 * pixels as u64 + BESIDE_PICTURES,
        }
    }

    /// A fast-path message (MS-RDPBCGR §2.2.9.1.2). One that cannot be read is the decoder's to complain about.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`].
    pub(crate) fn fast_path(&mut self, message: &[u8]) -> Result<()> {
        let header = match message.get(1) {
            Some(length) if length & 0x80 != 0 => 3,
            _ => 2,
        };
        let mut rest = message.get(header..).unwrap_or_default();
        while let [first, ..] = rest {
            let (fragmentation, compressed) = (first >> 4 & 3, first >> 6 == 2);
            let sized = rest.get(1 + usize::from(compressed)..).unwrap_or_default();
            let [low, high, data @ ..] = sized else {
                return Ok(());
            };
            let length = usize::from(u16::from_le_bytes([*low, *high]));
            self.update = match fragmentation {
                // Alone or the last (§2.2.9.1.2.1, `fragmentation`).
                0 | 1 => 0,
                2 => length,
                _ => self.update + length,
            };
            if self.update > MAX_UPDATE {
                return Err(too_much("an update of the server has more than 8 MiB"));
            }
            rest = data.get(length..).unwrap_or_default();
        }
        Ok(())
    }

    /// A chunk of a static channel (MS-RDPBCGR §2.2.6.1), on the dynamic channels' or another one.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`], [`ErrorKind::Protocol`] if it is compressed, which the client has not offered.
    pub(crate) fn chunk(&self, chunk: &[u8], dynamic: bool) -> Result<()> {
        const FIRST: u8 = 1;
        /// `CHANNEL_PACKET_COMPRESSED`, in the third byte.
        const COMPRESSED: u8 = 0x20;
        let [l0, l1, l2, l3, flags, _, more_flags, _, data @ ..] = chunk else {
            return Ok(());
        };
        if more_flags & COMPRESSED != 0 {
            let message = "the server compresses a channel, which it was not asked for";
            return Err(Error::new(ErrorKind::Protocol, OPERATION, message));
        }
        let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
        if length > MAX_CHANNEL_MESSAGE {
            return Err(too_much("a message of a channel has more than 3 MiB"));
        }
        if dynamic && flags & FIRST != 0 {
            return self.dynamic_message(data);
        }
        Ok(())
    }

    /// A message of a dynamic channel, or the first of its parts, which says how long all of it is (MS-RDPEDYC §2.2.3.1).
    fn dynamic_message(&self, data: &[u8]) -> Result<()> {
        const DATA_FIRST: u8 = 2;
        let [header, rest @ ..] = data else {
            return Ok(());
        };
        if header >> 4 != DATA_FIRST {
            return Ok(());
        }
        let bytes_of = |kind: u8| match kind & 3 {
            0 => 1,
            1 => 2,
            _ => 4,
        };
        let length = rest
            .iter()
            .skip(bytes_of(*header))
            .take(bytes_of(*header >> 2))
            .rev()
            .fold(0u64, |length, byte| length << 8 | u64::from(*byte));
        if length > self.dynamic {
            return Err(too_much(
                "a message of a dynamic channel has more than the screen twice, uncompressed",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use super::*;

    /// A fast-path message with one update.
    fn update(fragmentation: u8, length: u16) -> Vec<u8> {
        let mut message = vec![0, 0x80, 0, fragmentation << 4 | 4];
        message.extend(length.to_le_bytes());
        message.resize(message.len() + usize::from(length), 0);
        message
    }

    #[test]
    fn s27_an_update_that_never_ends_is_refused_and_many_that_end_are_not() {
        let mut budget = Budget::default();
        for _ in 0..1000 {
            for fragmentation in [2, 3, 3, 1, 0] {
                budget.fast_path(&update(fragmentation, 16_000)).unwrap();
            }
        }
        budget.fast_path(&update(2, 16_000)).unwrap();
        let refused = (0..1000).find_map(|_| budget.fast_path(&update(3, 16_000)).err());
        assert_eq!(refused.unwrap().kind(), ErrorKind::ResourceLimit);
    }

    #[test]
    fn s27_a_message_of_a_channel_is_refused_by_what_it_announces() {
        let budget = Budget::of(640 * 480);
        let chunk = |length: u32, flags: u32, data: &[u8]| {
            [&length.to_le_bytes()[..], &flags.to_le_bytes(), data].concat()
        };
        budget.chunk(&chunk(3 << 20, 1, b"data"), false).unwrap();
        let error = budget
            .chunk(&chunk((3 << 20) + 1, 1, b"data"), false)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceLimit);
        let error = budget.chunk(&chunk(4, 0x20_0001, b"data"), false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        // DATA_FIRST with a channel of one byte and a length of four.
        let first = |length: u32| [&[0x28, 7][..], &length.to_le_bytes()].concat();
        let most = 2 * 4 * 640 * 480 + (1 << 20);
        budget.chunk(&chunk(6, 3, &first(most)), true).unwrap();
        let error = budget.chunk(&chunk(6, 3, &first(most + 1)), true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceLimit);
        // The same bytes are another thing on another channel.
        budget.chunk(&chunk(6, 3, &first(1 << 31)), false).unwrap();
        budget.chunk(b"short", true).unwrap();
    }
}
