//! Numbers at places of a message; `None` beyond its end.

use std::ops::Range;

use super::{RdpError, RdpResult};

/// A message was shorter than it said.
pub(super) const SHORT: RdpError = RdpError::Protocol("a message is shorter than it says");

pub(super) fn byte(bytes: &[u8], at: usize) -> RdpResult<u8> {
    bytes.get(at).copied().ok_or(SHORT)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> RdpResult<[u8; N]> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk::<N>())
        .copied()
        .ok_or(SHORT)
}

/// Little endian.
pub(super) fn le16(bytes: &[u8], at: usize) -> RdpResult<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

/// Little endian.
pub(super) fn le32(bytes: &[u8], at: usize) -> RdpResult<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

/// Big endian.
pub(super) fn be16(bytes: &[u8], at: usize) -> RdpResult<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

pub(super) fn part(bytes: &[u8], range: Range<usize>) -> RdpResult<&[u8]> {
    bytes.get(range).ok_or(SHORT)
}

/// Writes over what is there.
pub(super) fn put(bytes: &mut [u8], at: usize, new: &[u8]) -> RdpResult<()> {
    let end = at.checked_add(new.len()).ok_or(SHORT)?;
    bytes.get_mut(at..end).ok_or(SHORT)?.copy_from_slice(new);
    Ok(())
}

/// Writes over the little-endian number that is there, if it is there and is another.
pub(super) fn change32(bytes: &mut [u8], at: usize, change: impl FnOnce(u32) -> u32) -> RdpResult<()> {
    let now = le32(bytes, at)?;
    put(bytes, at, &change(now).to_le_bytes())
}

/// A length of T.125's and T.124's packed encoding rules (ITU-T X.691 §10.9), and how many bytes it takes: one, or two with
/// the first bit set. Longer ones do not occur in RDP.
pub(super) fn packed_length(bytes: &[u8], at: usize) -> RdpResult<(usize, usize)> {
    let first = byte(bytes, at)?;
    match first & 0xc0 {
        0x00 | 0x40 => Ok((first.into(), 1)),
        0x80 => Ok((
            usize::from(first & 0x3f) << 8 | usize::from(byte(bytes, at + 1)?),
            2,
        )),
        _ => Err(RdpError::Protocol(
            "a length in the packed encoding is fragmented",
        )),
    }
}

/// A length of the basic encoding rules (ITU-T X.690 §8.1.3), and how many bytes it takes; definite, at most two bytes.
pub(super) fn basic_length(bytes: &[u8], at: usize) -> RdpResult<(usize, usize)> {
    match byte(bytes, at)? {
        short @ 0..=0x7f => Ok((short.into(), 1)),
        0x81 => Ok((byte(bytes, at + 1)?.into(), 2)),
        0x82 => Ok((be16(bytes, at + 1)?.into(), 3)),
        _ => Err(RdpError::Protocol("a length in the basic encoding is too long")),
    }
}
