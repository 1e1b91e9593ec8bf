//! What is on the channel of input and output once the connection is active (MS-RDPBCGR §2.2.8.1.1.1).

use std::ops::Range;

use super::bytes::{byte, change32, le16, le32, put};
use super::{RdpError, RdpResult};

/// Numbers of data (MS-RDPBCGR §2.2.8.1.1.1.2).
pub mod number {
    /// Graphics (§2.2.9.1.1.3).
    pub const UPDATE: u8 = 2;
    /// Cooperation (§2.2.1.15).
    pub const CONTROL: u8 = 20;
    /// The pointer (§2.2.9.1.1.4).
    pub const POINTER: u8 = 27;
    /// Keys and the pointer (§2.2.8.1.1.3).
    pub const INPUT: u8 = 28;
    /// Synchronization (§2.2.1.14).
    pub const SYNCHRONIZE: u8 = 31;
    /// Paint this again (§2.2.11.2).
    pub const REFRESH: u8 = 33;
    /// A sound of the speaker (§2.2.9.1.1.5).
    pub const PLAY_SOUND: u8 = 34;
    /// Paint nothing (§2.2.11.3).
    pub const SUPPRESS_OUTPUT: u8 = 35;
    /// The client would like to leave (§2.2.2.2).
    pub const SHUTDOWN_REQUEST: u8 = 36;
    /// It may not just leave (§2.2.2.3).
    pub const SHUTDOWN_DENIED: u8 = 37;
    /// Who has logged in (§2.2.10.1).
    pub const SAVE_SESSION_INFO: u8 = 38;
    /// The fonts of a client (§2.2.1.18).
    pub const FONT_LIST: u8 = 39;
    /// The fonts of a server, the end of an activation (§2.2.1.22).
    pub const FONT_MAP: u8 = 40;
    /// Lights of the keyboard (§2.2.8.2.1).
    pub const KEYBOARD_INDICATORS: u8 = 41;
    /// Keys of bitmaps that a client has kept (§2.2.1.17).
    pub const PERSISTENT_KEYS: u8 = 43;
    /// A client's bitmap cache went wrong (MS-RDPEGDI §2.2.2.3.1).
    pub const BITMAP_CACHE_ERROR: u8 = 44;
    /// An input method (§2.2.8.2.2).
    pub const KEYBOARD_IME: u8 = 45;
    /// A client's offscreen cache went wrong (MS-RDPEGDI §2.2.2.3.2).
    pub const OFFSCREEN_CACHE_ERROR: u8 = 46;
    /// Why the connection will end (§2.2.5.1.1).
    pub const SET_ERROR_INFO: u8 = 47;
    /// A session was not joined (§2.2.4.1).
    pub const ARC_STATUS: u8 = 50;
    /// What the server is doing (§2.2.5.2).
    pub const STATUS_INFO: u8 = 54;
    /// The monitors (§2.2.12.1).
    pub const MONITOR_LAYOUT: u8 = 55;
    /// A frame was shown (MS-RDPRFX §2.2.3.1).
    pub const FRAME_ACKNOWLEDGE: u8 = 56;
}

/// Which PDU it is (MS-RDPBCGR §2.2.8.1.1.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// The server begins a share.
    DemandActive,
    /// The client takes part in it.
    ConfirmActive,
    /// The server ends it.
    DeactivateAll,
    /// Data of this [`number`].
    Data(u8),
    /// The server sends the client to another one (§2.2.13.3).
    Redirection,
}

/// A PDU in the data of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which one.
    pub control: Control,
    /// Where it is in the data, with its share control header.
    pub range: Range<usize>,
}

/// Whether this could be the begin of a PDU with a share control header that is as long as all the data.
#[must_use]
pub fn is_one_part(data: &[u8]) -> bool {
    le16(data, 0).is_ok_and(|length| usize::from(length) == data.len())
        && le16(data, 2).is_ok_and(|kind| kind & 0xfff0 == 0x10)
}

/// The PDUs in the data of a message.
///
/// # Errors
/// [`RdpError::Protocol`] for one that is cut, unknown or compressed.
pub fn parts(data: &[u8]) -> RdpResult<Vec<Part>> {
    let mut found = Vec::with_capacity(1);
    let mut at = 0;
    while at < data.len() {
        let (length, kind) = (usize::from(le16(data, at)?), le16(data, at + 2)?);
        if length < 6 || at + length > data.len() {
            return Err(RdpError::Protocol("a share control pdu is cut"));
        }
        let control = match kind & 0xf {
            1 => Control::DemandActive,
            3 => Control::ConfirmActive,
            6 => Control::DeactivateAll,
            7 => {
                if byte(data, at + 15)? & 0x20 != 0 {
                    return Err(RdpError::Protocol("data is compressed, which was not agreed on"));
                }
                if length < 18 {
                    return Err(RdpError::Protocol("a share data pdu is cut"));
                }
                Control::Data(byte(data, at + 14)?)
            }
            10 => Control::Redirection,
            _ => return Err(RdpError::Protocol("an unknown share control pdu")),
        };
        found.push(Part {
            control,
            range: at..at + length,
        });
        at += length;
    }
    Ok(found)
}

/// What a PDU with graphics is about (MS-RDPBCGR §2.2.9.1.1.3.1, `updateType`, and §2.2.9.1.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graphics {
    /// Drawing orders (MS-RDPEGDI §2.2.2.1).
    Orders,
    /// Bitmaps (§2.2.9.1.1.3.1.2).
    Bitmaps,
    /// The colours of a palette (§2.2.9.1.1.3.1.1).
    Palette,
    /// Nothing (§2.2.9.1.1.3.1.3).
    Synchronize,
    /// The pointer's place or shape (§2.2.9.1.1.4).
    Pointer,
}

/// What a PDU, with its share control header, is about, and its data behind the headers; `None` if it is without graphics, of an
/// unknown kind, version or stream (§2.2.8.1.1.1.1, §2.2.8.1.1.1.2), or compressed.
#[must_use]
pub fn graphics(pdu: &[u8]) -> Option<(Graphics, &[u8])> {
    let (head, data) = pdu.split_first_chunk::<DATA>()?;
    let [
        _,
        _,
        0x17,
        0,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        0 | 1 | 2 | 4,
        _,
        _,
        kind,
        0,
        _,
        _,
    ] = head
    else {
        return None;
    };
    let about = match (*kind, data) {
        (number::POINTER, _) => Graphics::Pointer,
        (number::UPDATE, [0, 0, ..]) => Graphics::Orders,
        (number::UPDATE, [1, 0, ..]) => Graphics::Bitmaps,
        (number::UPDATE, [2, 0, ..]) => Graphics::Palette,
        (number::UPDATE, [3, 0, ..]) => Graphics::Synchronize,
        _ => return None,
    };
    Some((about, data))
}

/// Where the data of a share data PDU begins.
const DATA: usize = 18;
/// `INFOTYPE_LOGON_EXTENDED_INFO` (MS-RDPBCGR §2.2.10.1.1).
const LOGON_EXTENDED: u32 = 3;
/// `LOGON_EX_AUTORECONNECTCOOKIE` (MS-RDPBCGR §2.2.10.1.1.4).
const HAS_COOKIE: u32 = 1;

/// Blanks the cookie with which a session can be joined without a password (MS-RDPBCGR §2.2.4.2), if a Save Session Info PDU has
/// one; says whether it had.
///
/// # Errors
/// [`RdpError::Protocol`] if it cannot be read.
pub fn blank_cookie(pdu: &mut [u8]) -> RdpResult<bool> {
    if le32(pdu, DATA)? != LOGON_EXTENDED || le32(pdu, DATA + 6)? & HAS_COOKIE == 0 {
        return Ok(false);
    }
    // Behind the length of its field and its own: version, logon id, 16 random bytes.
    let field = DATA + 10;
    if le32(pdu, field)? != 28 || le32(pdu, field + 4)? != 28 {
        return Err(RdpError::Protocol("a reconnect cookie has another length"));
    }
    put(pdu, field + 16, &[0; 16])?;
    change32(pdu, field + 12, |_| 0)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use super::*;

    #[test]
    fn the_cookie_to_join_a_session_is_blanked_and_nothing_else() {
        let mut pdu = vec![0; DATA];
        pdu.extend_from_slice(&[
            3, 0, 0, 0, 42, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0,
        ]);
        pdu.extend_from_slice(&[0xaa; 16]);
        pdu.extend_from_slice(&[7; 20]);
        let mut blanked = pdu.clone();
        assert_eq!(blank_cookie(&mut blanked), Ok(true));
        assert_eq!(blanked.len(), pdu.len());
        assert!(!blanked.contains(&0xaa) && blanked.ends_with(&[7; 20]));
        let mut name = pdu.clone();
        put(&mut name, DATA, &[0]).unwrap();
        let before = name.clone();
        assert_eq!((blank_cookie(&mut name), name), (Ok(false), before));
        for length in DATA + 10..DATA + 42 {
            let mut cut = pdu.clone();
            cut.truncate(length);
            assert!(blank_cookie(&mut cut).is_err(), "{length}");
        }
    }

    #[test]
    fn several_pdus_in_one_message_are_all_found() {
        let data = |number: u8| {
            let mut pdu = vec![18, 0, 0x17, 0];
            pdu.extend_from_slice(&[0; 10]);
            pdu.extend_from_slice(&[number, 0, 0, 0]);
            pdu
        };
        let both = [data(number::REFRESH), data(number::INPUT)].concat();
        let found: Vec<Control> = parts(&both).unwrap().iter().map(|part| part.control).collect();
        assert_eq!(
            found,
            [Control::Data(number::REFRESH), Control::Data(number::INPUT)]
        );
        for length in 1..both.len() {
            let cut = both.get(..length).unwrap();
            assert_eq!(parts(cut).is_ok(), length == 18, "{length}");
        }
        let mut compressed = data(number::INPUT);
        put(&mut compressed, 15, &[0x21]).unwrap();
        assert!(parts(&compressed).is_err());
    }
}
