//! The settings of both sides: blocks of user data in a conference of T.124, in MCS's connection (MS-RDPBCGR §2.2.1.3, §2.2.1.4).

use std::ops::Range;

use bytes::BytesMut;

use super::bytes::{basic_length, be16, byte, le16, packed_length, part, put};
use super::{RdpError, RdpResult};

/// A block of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Its type (MS-RDPBCGR §2.2.1.3.1).
    pub(super) kind: u16,
    /// Its content within the message, without its header.
    pub(super) body: Range<usize>,
}

/// `t124Identifier` (T.124 §8.7): the key of the connection's data.
const T124: [u8; 7] = [0, 5, 0, 0x14, 0x7c, 0, 1];
/// A conference of one name, with the client's key "Duca" (T.124 §8.7, MS-RDPBCGR §4.1.3).
const CREATE_REQUEST: [u8; 12] = [0, 8, 0, 0x10, 0, 1, 0xc0, 0, b'D', b'u', b'c', b'a'];
/// The result, and the server's key "McDn" (MS-RDPBCGR §4.1.4).
const CREATED: [u8; 8] = [0, 1, 0xc0, 0, b'M', b'c', b'D', b'n'];
/// More blocks than there are types.
const MOST_BLOCKS: usize = 32;

const SETTINGS: RdpError = RdpError::Protocol("the settings of the connection cannot be read");

/// One value of the basic encoding rules: where its content is, and where the next one begins.
fn value(message: &[u8], at: usize, tag: u8) -> RdpResult<(Range<usize>, usize)> {
    if byte(message, at)? != tag {
        return Err(SETTINGS);
    }
    let (length, size) = basic_length(message, at + 1)?;
    let start = at + 1 + size;
    let end = start + length;
    part(message, start..end)?;
    Ok((start..end, end))
}

/// Where the content of a Connect Initial or Response begins, which has to be the rest of the message.
fn content(message: &[u8], at: usize) -> RdpResult<usize> {
    let (length, size) = basic_length(message, at)?;
    let start = at + size;
    if start + length != message.len() {
        return Err(SETTINGS);
    }
    Ok(start)
}

/// Where the user data of a Connect Initial is tagged (T.125 §7); it is the last of its values.
fn user_data(message: &[u8], at: usize) -> RdpResult<usize> {
    let mut at = content(message, at)?;
    // callingDomainSelector, calledDomainSelector, upwardFlag, three times the domain's parameters.
    for tag in [4, 4, 1, 0x30, 0x30, 0x30] {
        at = value(message, at, tag)?.1;
    }
    Ok(at)
}

/// Adds a block to a client's, in a message that is a whole TPKT (RFC 1006 §6).
///
/// # Errors
/// As for [`client_blocks`]; [`RdpError::Limit`] if a length has no room for it.
pub(super) fn append(message: &mut BytesMut, at: usize, block: &[u8]) -> RdpResult<()> {
    const FULL: RdpError = RdpError::Limit("the client's settings have no room for another");
    client_blocks(message, at)?;
    let user = user_data(message, at)?;
    let (data, _) = value(message, user, 4)?;
    let inner = conference(message, data.start)? + CREATE_REQUEST.len();
    // The highest bits of each, which say that it has two bytes, stay as they are.
    for (place, form, mask) in [
        (at, Some(0x82), 0xffff),
        (user + 1, Some(0x82), 0xffff),
        (data.start + T124.len(), None, 0x3fff),
        (inner, None, 0x3fff),
        (2, None, 0xffff),
    ] {
        let place = match form {
            Some(form) if byte(message, place)? == form => place + 1,
            None if mask == 0xffff || byte(message, place)? & 0xc0 == 0x80 => place,
            _ => return Err(FULL),
        };
        let now = be16(message, place)?;
        let longer = usize::from(now & mask) + block.len();
        let longer = u16::try_from(longer)
            .ok()
            .filter(|longer| *longer <= mask)
            .ok_or(FULL)?;
        put(message, place, &(now & !mask | longer).to_be_bytes())?;
    }
    message.extend_from_slice(block);
    Ok(())
}

/// The client's blocks; `at` is where [`Domain::ConnectInitial`](super::Domain::ConnectInitial) says.
pub(super) fn client_blocks(message: &[u8], at: usize) -> RdpResult<Vec<Block>> {
    let (data, end) = value(message, user_data(message, at)?, 4)?;
    let start = conference(message, data.start)?;
    let key = part(message, start..start + CREATE_REQUEST.len())?;
    if key != CREATE_REQUEST || end != message.len() {
        return Err(SETTINGS);
    }
    blocks(message, start + CREATE_REQUEST.len()..end)
}

/// The server's blocks; `at` is where [`Domain::ConnectResponse`](super::Domain::ConnectResponse) says.
pub(super) fn server_blocks(message: &[u8], at: usize) -> RdpResult<Vec<Block>> {
    let at = content(message, at)?;
    let (result, at) = value(message, at, 10)?;
    if byte(message, result.start)? != 0 {
        return Err(RdpError::Protocol("the server refused the mcs connection"));
    }
    let (_, at) = value(message, at, 2)?;
    let (_, at) = value(message, at, 0x30)?;
    let (data, end) = value(message, at, 4)?;
    let at = conference(message, data.start)?;
    // ConnectGCCPDU's choice, the node's id, the tag with its length, the result.
    if byte(message, at)? != 0x14 {
        return Err(SETTINGS);
    }
    be16(message, at + 1)?;
    let tag: usize = byte(message, at + 3)?.into();
    let start = at + 4 + tag;
    let key = part(message, start..start + CREATED.len())?;
    if key != CREATED || end != message.len() {
        return Err(SETTINGS);
    }
    blocks(message, start + CREATED.len()..end)
}

/// Skips the conference's key and the length of its data.
fn conference(message: &[u8], at: usize) -> RdpResult<usize> {
    if part(message, at..at + T124.len())? != T124 {
        return Err(SETTINGS);
    }
    let at = at + T124.len();
    // What it says is wrong in the specification's own example (MS-RDPBCGR §4.1.4), and nobody looks at it.
    let (_, size) = packed_length(message, at)?;
    Ok(at + size)
}

/// The blocks behind their length; they fill the whole rest.
fn blocks(message: &[u8], range: Range<usize>) -> RdpResult<Vec<Block>> {
    let (length, size) = packed_length(message, range.start)?;
    let mut at = range.start + size;
    if at + length != range.end {
        return Err(SETTINGS);
    }
    let mut found: Vec<Block> = Vec::new();
    while at < range.end {
        let (kind, length) = (le16(message, at)?, usize::from(le16(message, at + 2)?));
        if length < 4 || at + length > range.end {
            return Err(SETTINGS);
        }
        if found.len() == MOST_BLOCKS || found.iter().any(|block| block.kind == kind) {
            return Err(RdpError::Protocol("a block of settings comes twice"));
        }
        found.push(Block {
            kind,
            body: at + 4..at + length,
        });
        at += length;
    }
    Ok(found)
}
