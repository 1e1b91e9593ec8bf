//! What a client's keys and pointer say, on the fast path (MS-RDPBCGR §2.2.8.1.2) and in share data (§2.2.8.1.1.3).

use super::bytes::{byte, le16};
use super::{RdpError, RdpResult, fast_path};

/// A key or the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// A key, by its place: a scan code of set 1.
    Key {
        /// Whether it is pressed now.
        down: bool,
        /// The scan code.
        code: u8,
        /// Whether it is one of the keys that came later: the code is preceded by E0.
        extended: bool,
    },
    /// A unit of UTF-16 that a key typed.
    Character {
        /// Whether the key is pressed now.
        down: bool,
        /// The unit.
        unit: u16,
    },
    /// The pointer (§2.2.8.1.1.3.1.1.3).
    Pointer {
        /// `pointerFlags`: where bit 11 is set, it was moved; bits 12 to 14 are its buttons, bit 15 says that they are pressed.
        flags: u16,
        /// Pixels from the left.
        x: u16,
        /// Pixels from the top.
        y: u16,
    },
}

const fn key(flags: u16, code: u16, released: u16, extended: u16) -> Input {
    Input::Key {
        down: flags & released == 0,
        code: (code & 0xff) as u8,
        extended: flags & extended != 0,
    }
}

/// The input in a client's whole message of the fast path; what is neither key nor pointer is left out.
///
/// # Errors
/// [`RdpError::Protocol`] for what is cut or unknown.
pub fn of_fast_path(message: &[u8]) -> RdpResult<Vec<Input>> {
    let mut at = fast_path::start(message)?;
    let mut count = byte(message, 0)? >> 2 & 0xf;
    if count == 0 {
        count = byte(message, at)?;
        at += 1;
    }
    let mut inputs = Vec::with_capacity(count.into());
    for _ in 0..count {
        let header = byte(message, at)?;
        let flags = u16::from(header & 0x1f);
        let (input, length) = match header >> 5 {
            0 => (Some(key(flags, byte(message, at + 1)?.into(), 1, 2)), 2),
            1 => (Some(pointer(message, at + 1)?), 7),
            // More buttons, relative movement.
            2 | 5 => (None, 7),
            // Locks.
            3 => (None, 1),
            4 => {
                let unit = le16(message, at + 1)?;
                let down = flags & 1 == 0;
                (Some(Input::Character { down, unit }), 3)
            }
            // When something was shown.
            6 => (None, 5),
            _ => return Err(RdpError::Protocol("unknown input on the fast path")),
        };
        inputs.extend(input);
        at += length;
    }
    if at != message.len() {
        return Err(RdpError::Protocol("input has another length than it says"));
    }
    Ok(inputs)
}

fn pointer(message: &[u8], at: usize) -> RdpResult<Input> {
    Ok(Input::Pointer {
        flags: le16(message, at)?,
        x: le16(message, at + 2)?,
        y: le16(message, at + 4)?,
    })
}

/// The same of a share data PDU, with its headers.
///
/// # Errors
/// As for [`of_fast_path`].
pub fn of_share_data(pdu: &[u8]) -> RdpResult<Vec<Input>> {
    let count = le16(pdu, 18)?;
    let mut inputs = Vec::new();
    let mut at = 22;
    for _ in 0..count {
        let kind = le16(pdu, at + 4)?;
        let (first, second) = (le16(pdu, at + 6)?, le16(pdu, at + 8)?);
        inputs.extend(match kind {
            4 => Some(key(first, second, 0x8000, 0x100)),
            5 => Some(Input::Character {
                down: first & 0x8000 == 0,
                unit: second,
            }),
            0x8001 => Some(pointer(pdu, at + 6)?),
            // Locks, an unused one, more buttons, relative movement.
            0 | 2 | 0x8002 | 0x8004 => None,
            _ => return Err(RdpError::Protocol("unknown input")),
        });
        at += 12;
    }
    if at > pdu.len() {
        return Err(RdpError::Protocol("input is cut"));
    }
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_paths_say_the_same() {
        let fast = [
            &[0x0c, 16][..],
            &[0x00, 0x1e],
            &[0x03, 0x1e],
            &[0x20, 0, 8, 5, 0, 6, 0],
            &[0x80, 0xac, 0x20],
        ]
        .concat();
        let expected = [
            Input::Key {
                down: true,
                code: 0x1e,
                extended: false,
            },
            Input::Key {
                down: false,
                code: 0x1e,
                extended: true,
            },
            Input::Pointer {
                flags: 0x800,
                x: 5,
                y: 6,
            },
        ];
        let mut three = fast.clone();
        three.truncate(13);
        assert_eq!(of_fast_path(&three), Ok(expected.to_vec()));
        assert!(of_fast_path(&fast).is_err(), "there is a fourth");
        let mut slow = vec![0; 18];
        slow.extend_from_slice(&[3, 0, 0, 0]);
        for event in [
            [0, 0, 0, 0, 4, 0, 0, 0, 0x1e, 0, 0, 0],
            [0, 0, 0, 0, 4, 0, 0, 0x81, 0x1e, 0, 0, 0],
            [0, 0, 0, 0, 1, 0x80, 0, 8, 5, 0, 6, 0],
        ] {
            slow.extend_from_slice(&event);
        }
        assert_eq!(of_share_data(&slow), Ok(expected.to_vec()));
        for length in 18..slow.len() {
            assert!(
                of_share_data(slow.get(..length).unwrap_or_default()).is_err(),
                "{length}"
            );
        }
    }
}
