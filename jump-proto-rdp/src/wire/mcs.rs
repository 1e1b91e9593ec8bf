//! What is in a TPKT: X.224's data (MS-RDPBCGR §2.2.1.3 and on) with a PDU of the multipoint communication service (ITU-T
//! T.125).

use std::ops::Range;

use super::bytes::{be16, byte, packed_length};
use super::{RdpError, RdpResult};

/// TPKT header and X.224 data TPDU: what is in front of every MCS PDU.
const FRONT: usize = 7;
/// User ids are counted from here (T.125 §7, `UserId`).
const USERS: u16 = 1001;

/// What a user sends or gets on a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// Who sent it.
    pub user: u16,
    /// On which channel.
    pub channel: u16,
    /// Where in the message it is.
    pub range: Range<usize>,
}

/// A PDU of MCS, as far as RDP uses them (MS-RDPBCGR §1.3.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Domain {
    /// The client's settings, which begin here.
    ConnectInitial(usize),
    /// The server's settings, which begin here.
    ConnectResponse(usize),
    /// The client erects a domain.
    ErectDomain,
    /// The client asks for a user id.
    AttachUserRequest,
    /// It has this one.
    AttachUserConfirm(u16),
    /// The client joins a channel.
    JoinRequest(u16),
    /// It has joined it, or not.
    JoinConfirm,
    /// From the client.
    SendDataRequest(Data),
    /// From the server.
    SendDataIndication(Data),
    /// A side leaves.
    Disconnect,
}

/// Reads what is in a whole TPKT.
///
/// # Errors
/// [`RdpError::Protocol`] for what is no X.224 data, no PDU of RDP, fragmented, or not whole.
pub fn domain(message: &[u8]) -> RdpResult<Domain> {
    if message.get(4..FRONT) != Some(&[2, 0xf0, 0x80]) {
        return Err(RdpError::Protocol("a message is no data of x.224"));
    }
    let first = byte(message, FRONT)?;
    if first == 0x7f {
        return match byte(message, FRONT + 1)? {
            0x65 => Ok(Domain::ConnectInitial(FRONT + 2)),
            0x66 => Ok(Domain::ConnectResponse(FRONT + 2)),
            _ => Err(RdpError::Protocol(
                "an mcs connection is neither asked for nor answered",
            )),
        };
    }
    Ok(match first >> 2 {
        1 => Domain::ErectDomain,
        8 => Domain::Disconnect,
        10 => Domain::AttachUserRequest,
        11 => {
            // The id is optional; without one nobody was attached.
            if first & 2 == 0 || byte(message, 8)? != 0 {
                return Err(RdpError::Protocol("the server attached no user"));
            }
            Domain::AttachUserConfirm(user(message, 9)?)
        }
        14 => Domain::JoinRequest(be16(message, 10)?),
        15 => Domain::JoinConfirm,
        25 => Domain::SendDataRequest(data(message)?),
        26 => Domain::SendDataIndication(data(message)?),
        _ => return Err(RdpError::Protocol("an unknown pdu of mcs")),
    })
}

fn user(message: &[u8], at: usize) -> RdpResult<u16> {
    be16(message, at)?
        .checked_add(USERS)
        .ok_or(RdpError::Protocol("a user id is too large"))
}

fn data(message: &[u8]) -> RdpResult<Data> {
    if byte(message, 12)? & 0x30 != 0x30 {
        return Err(RdpError::Protocol("data of mcs is fragmented"));
    }
    let (length, size) = packed_length(message, 13)?;
    let start = 13 + size;
    if start + length != message.len() {
        return Err(RdpError::Protocol("data of mcs is not as long as its message"));
    }
    Ok(Data {
        user: user(message, 8)?,
        channel: be16(message, 10)?,
        range: start..start + length,
    })
}

/// A whole message with data from a client.
///
/// # Errors
/// [`RdpError::Limit`] for more than 16383 bytes, [`RdpError::Protocol`] for an impossible user.
pub fn send_data_request(user: u16, channel: u16, data: &[u8]) -> RdpResult<Vec<u8>> {
    send_data(25, user, channel, data)
}

/// A whole message with data from a server.
///
/// # Errors
/// As for [`send_data_request`].
pub fn send_data_indication(user: u16, channel: u16, data: &[u8]) -> RdpResult<Vec<u8>> {
    send_data(26, user, channel, data)
}

fn send_data(choice: u8, user: u16, channel: u16, data: &[u8]) -> RdpResult<Vec<u8>> {
    let user = user
        .checked_sub(USERS)
        .ok_or(RdpError::Protocol("no user is attached"))?;
    let length = u16::try_from(data.len())
        .ok()
        .filter(|length| *length < 0x4000)
        .ok_or(RdpError::Limit("data of mcs is too long"))?;
    let mut message = Vec::with_capacity(data.len() + 15);
    message.extend_from_slice(&[3, 0]);
    message.extend_from_slice(&(length + 15).to_be_bytes());
    message.extend_from_slice(&[2, 0xf0, 0x80, choice << 2]);
    message.extend_from_slice(&user.to_be_bytes());
    message.extend_from_slice(&channel.to_be_bytes());
    message.push(0x70);
    message.extend_from_slice(&(length | 0x8000).to_be_bytes());
    message.extend_from_slice(data);
    Ok(message)
}

/// The message by which a server leaves (T.125 §7, `DisconnectProviderUltimatum`, reason `rn-provider-initiated`).
pub(crate) const SERVER_LEAVES: [u8; 9] = [3, 0, 0, 9, 2, 0xf0, 0x80, 0x21, 0x00];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for length in [0, 1, 127, 128, 16383] {
            let content = vec![7; length];
            let message = send_data_request(1007, 1003, &content).unwrap();
            let Domain::SendDataRequest(data) = domain(&message).unwrap() else {
                panic!("{message:?}");
            };
            assert_eq!((data.user, data.channel), (1007, 1003));
            assert_eq!(message[data.range], content);
        }
        assert!(send_data_request(1007, 1003, &[0; 16384]).is_err());
        assert!(send_data_request(3, 1003, &[]).is_err());
        assert_eq!(domain(&SERVER_LEAVES), Ok(Domain::Disconnect));
    }

    #[test]
    fn a_message_that_is_cut_is_none() {
        let message = send_data_indication(1002, 1003, b"abc").unwrap();
        for length in 0..message.len() {
            assert!(domain(&message[..length]).is_err(), "{length}");
        }
        let mut fragment = message.clone();
        fragment[12] = 0x60;
        assert!(domain(&fragment).is_err());
    }
}
