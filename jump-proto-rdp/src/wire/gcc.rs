//! The settings of both sides: blocks of user data in a conference of T.124, in MCS's connection (MS-RDPBCGR §2.2.1.3, §2.2.1.4).

use std::ops::Range;

use super::bytes::{basic_length, be16, byte, le16, packed_length, part};
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

/// The client's blocks; `at` is where [`Domain::ConnectInitial`](super::Domain::ConnectInitial) says.
pub(super) fn client_blocks(message: &[u8], at: usize) -> RdpResult<Vec<Block>> {
    let mut at = content(message, at)?;
    // callingDomainSelector, calledDomainSelector, upwardFlag, three times the domain's parameters (T.125 §7).
    for tag in [4, 4, 1, 0x30, 0x30, 0x30] {
        at = value(message, at, tag)?.1;
    }
    let (data, end) = value(message, at, 4)?;
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
