//! The fast path of graphics and of input (MS-RDPBCGR §2.2.9.1.2, §2.2.8.1.2).

use super::bytes::{byte, le16};
use super::{RdpError, RdpResult};

/// Checks that a server's message of the fast path is whole and neither encrypted nor compressed: nothing of that was agreed on.
///
/// # Errors
/// [`RdpError::Protocol`].
pub fn check_output(message: &[u8]) -> RdpResult<()> {
    let mut at = start(message)?;
    while at < message.len() {
        let header = byte(message, at)?;
        at += 1;
        if header & 0x80 != 0 {
            // FASTPATH_OUTPUT_COMPRESSION_USED: flags follow, and PACKET_COMPRESSED is one of them.
            if byte(message, at)? & 0x20 != 0 {
                return Err(RdpError::Protocol(
                    "graphics are compressed, which was not agreed on",
                ));
            }
            at += 1;
        }
        at += 2 + usize::from(le16(message, at)?);
    }
    if at != message.len() {
        return Err(RdpError::Protocol("graphics of the fast path are cut"));
    }
    Ok(())
}

/// Checks that a client's message of the fast path is not encrypted.
///
/// # Errors
/// [`RdpError::Protocol`].
pub fn check_input(message: &[u8]) -> RdpResult<()> {
    start(message).map(|_| ())
}

/// Where what follows the head begins.
pub(crate) fn start(message: &[u8]) -> RdpResult<usize> {
    if byte(message, 0)? & 0xc0 != 0 {
        return Err(RdpError::Protocol(
            "the fast path is encrypted, which was not agreed on",
        ));
    }
    Ok(if byte(message, 1)? & 0x80 == 0 { 2 } else { 3 })
}
