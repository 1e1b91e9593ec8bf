//! Where messages begin and end.

use super::{RdpError, RdpResult};

/// The longest message: the length in a TPKT header (RFC 1006 §6) has 16 bits.
pub const MAX_MESSAGE_BYTES: usize = u16::MAX as usize;

/// The first bytes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whether it is of the fast path (MS-RDPBCGR §2.2.8.1.2, §2.2.9.1.2) and in no TPKT.
    pub fast_path: bool,
    /// How long the whole message is, at most [`MAX_MESSAGE_BYTES`].
    pub length: usize,
}

impl Head {
    /// Reads the first bytes of a message; `None` if more of them are needed.
    ///
    /// # Errors
    /// [`RdpError::Protocol`] if it is neither a TPKT nor of the fast path, or shorter than its own head.
    pub fn read(bytes: &[u8]) -> RdpResult<Option<Self>> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        let (fast_path, head, length) = match first & 3 {
            // FASTPATH_INPUT_ACTION_FASTPATH, FASTPATH_OUTPUT_ACTION_FASTPATH.
            0 if second & 0x80 == 0 => (true, 2, usize::from(*second)),
            0 => match rest {
                [third, ..] => (true, 3, usize::from(second & 0x7f) << 8 | usize::from(*third)),
                [] => return Ok(None),
            },
            3 if *first == 3 => match rest {
                [high, low, ..] => (false, 7, usize::from(u16::from_be_bytes([*high, *low]))),
                _ => return Ok(None),
            },
            _ => return Err(RdpError::Protocol("a message begins as none does")),
        };
        if length < head {
            return Err(RdpError::Protocol("a message is shorter than its own head"));
        }
        Ok(Some(Self { fast_path, length }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_that_of_the_head() {
        for (bytes, fast_path, length) in [
            (&[0, 7][..], true, 7),
            (&[0x44, 0x81, 0x02], true, 0x102),
            (&[3, 0, 0, 8], false, 8),
            (&[3, 0, 0xff, 0xff], false, MAX_MESSAGE_BYTES),
        ] {
            assert_eq!(Head::read(bytes), Ok(Some(Head { fast_path, length })));
        }
    }

    #[test]
    fn what_is_not_whole_waits_and_what_is_nothing_fails() {
        for part in [&[][..], &[3], &[0], &[3, 0], &[3, 0, 1], &[0, 0x80]] {
            assert_eq!(Head::read(part), Ok(None), "{part:?}");
        }
        for wrong in [
            &[1, 9][..],
            &[2, 9],
            &[7, 9],
            &[3, 0, 0, 6],
            &[0, 1],
            &[0, 0x80, 2],
        ] {
            assert!(Head::read(wrong).is_err(), "{wrong:?}");
        }
    }
}
