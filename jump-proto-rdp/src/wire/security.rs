//! Messages with a security header (MS-RDPBCGR §2.2.8.1.1.2): licensing, and those of the message channel.

use super::bytes::{byte, le16, le32};
use super::share;
use super::{RdpError, RdpResult};

const SEC_LICENSE_PKT: u16 = 0x80;
const SEC_AUTODETECT_REQ: u16 = 0x1000;
const SEC_AUTODETECT_RSP: u16 = 0x2000;
const SEC_HEARTBEAT: u16 = 0x4000;
const SEC_TRANSPORT_REQ: u16 = 2;
const SEC_TRANSPORT_RSP: u16 = 4;

/// Whether this is a message of licensing (MS-RDPELE §2.2.2) on the channel of input and output, where it could be told from
/// nothing else.
#[must_use]
pub fn is_licensing(data: &[u8]) -> bool {
    let (Ok(flags), Ok(kind), Ok(length)) = (le16(data, 0), byte(data, 4), le16(data, 6)) else {
        return false;
    };
    // LICENSE_REQUEST to UPGRADE_LICENSE, LICENSE_INFO to PLATFORM_CHALLENGE_RESPONSE, ERROR_ALERT.
    let known = matches!(kind, 1..=4 | 0x12 | 0x13 | 0x15 | 0xff);
    flags & SEC_LICENSE_PKT != 0
        && known
        && usize::from(length) + 4 == data.len()
        && !share::is_one_part(data)
}

/// A server's message on the message channel (MS-RDPBCGR §2.2.14, §2.2.15, §2.2.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerMessage {
    /// It measures the network, or says that it is there.
    Measure,
    /// It asks for a second transport (§2.2.15.1), under this number.
    Transport(u32),
}

/// Reads a server's message on the message channel.
///
/// # Errors
/// [`RdpError::Protocol`] for an unknown one.
pub fn server_message(data: &[u8]) -> RdpResult<ServerMessage> {
    match le16(data, 0)? {
        SEC_AUTODETECT_REQ | SEC_HEARTBEAT => Ok(ServerMessage::Measure),
        SEC_TRANSPORT_REQ => Ok(ServerMessage::Transport(le32(data, 4)?)),
        _ => Err(RdpError::Protocol("an unknown message on the message channel")),
    }
}

/// Whether a server begins, with this message on the message channel, to measure how many bytes arrive (MS-RDPBCGR §2.2.14.1.2).
pub(crate) fn begins_to_measure(data: &[u8]) -> bool {
    /// `requestType` over TCP within a session; IronRDP answers no other.
    const START: u16 = 0x14;
    matches!((le16(data, 0), le16(data, 8)), (Ok(flags), Ok(START)) if flags & SEC_AUTODETECT_REQ != 0)
}

/// Whether a client's message on the message channel is one that is known: it answers a measurement.
///
/// # Errors
/// [`RdpError::Protocol`] if it is not.
pub fn check_client_message(data: &[u8]) -> RdpResult<()> {
    match le16(data, 0)? {
        SEC_AUTODETECT_RSP | SEC_TRANSPORT_RSP => Ok(()),
        _ => Err(RdpError::Protocol("an unknown message on the message channel")),
    }
}

/// A client's answer to [`ServerMessage::Transport`]: there is none (`E_ABORT`, MS-RDPBCGR §2.2.15.2).
#[must_use]
pub fn no_transport(request: u32) -> Vec<u8> {
    let mut answer = SEC_TRANSPORT_RSP.to_le_bytes().to_vec();
    answer.extend_from_slice(&[0; 2]);
    answer.extend_from_slice(&request.to_le_bytes());
    answer.extend_from_slice(&0x8000_4004_u32.to_le_bytes());
    answer
}
