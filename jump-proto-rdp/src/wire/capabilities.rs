//! Capability sets (MS-RDPBCGR §2.2.1.13), in place: what two sides may agree on is clamped to what a recording can show.

use super::bytes::{byte, change32, le16, le32, put};
use super::{RdpError, RdpResult};

// Types of sets (MS-RDPBCGR §2.2.1.13.1.1.1).
const ORDER: u16 = 3;
const GLYPH_CACHE: u16 = 16;
const OFFSCREEN_CACHE: u16 = 17;
const VIRTUAL_CHANNEL: u16 = 20;
const NINE_GRID_CACHE: u16 = 21;
const GDI_PLUS: u16 = 22;
const REMOTE_PROGRAMS: u16 = 23;
const WINDOW_LIST: u16 = 24;
const BITMAP_CODECS: u16 = 29;

/// `CODEC_GUID_REMOTEFX`, as it is written (MS-RDPBCGR §2.2.7.2.10.1.1).
const REMOTEFX: [u8; 16] = [
    0x12, 0x2f, 0x77, 0x76, 0x72, 0xbd, 0x63, 0x44, 0xaf, 0xb3, 0xb7, 0x3c, 0x9c, 0x6f, 0x78, 0x86,
];
/// `CODEC_GUID_IGNORE`: both sides skip what has it.
const IGNORE: [u8; 16] = [
    0xa6, 0x51, 0x43, 0x9c, 0x35, 0x35, 0xae, 0x42, 0x91, 0x0c, 0xcd, 0xfc, 0xe5, 0x76, 0x0b, 0x58,
];
/// More than there are types.
const MOST_SETS: u16 = 64;

struct Set {
    kind: u16,
    /// Where it begins, with its header.
    at: usize,
    length: usize,
}

/// The sets of a list that begins at `at` with the length of the source's name.
fn sets(pdu: &[u8], at: usize) -> RdpResult<Vec<Set>> {
    let name: usize = le16(pdu, at)?.into();
    let mut at = at + 4 + name;
    let count = le16(pdu, at)?;
    if count > MOST_SETS {
        return Err(RdpError::Limit("there are too many capabilities"));
    }
    at += 4;
    (0..count)
        .map(|_| {
            let (kind, length) = (le16(pdu, at)?, usize::from(le16(pdu, at + 2)?));
            if length < 4 || at + length > pdu.len() {
                return Err(RdpError::Protocol("a capability is cut"));
            }
            let set = Set { kind, at, length };
            at += length;
            Ok(set)
        })
        .collect()
}

/// Clamps a client's Confirm Active PDU (MS-RDPBCGR §2.2.1.13.2), which begins with its share control header: no drawing orders
/// and nothing that belongs to them, no windows of a `remote_app` unless it is one, no bitmap codec but RemoteFX, and that only if it is `lossy`, no compressed
/// channels.
///
/// # Errors
/// [`RdpError::Protocol`] if it cannot be read, [`RdpError::Limit`] for more capabilities than there are.
pub fn clamp_client(pdu: &mut [u8], lossy: bool, remote_app: bool) -> RdpResult<()> {
    for Set { kind, at, length } in sets(pdu, 12)? {
        let set = pdu.get_mut(at..at + length).unwrap_or_default();
        match kind {
            ORDER => {
                // orderSupport, textFlags, orderSupportExFlags (MS-RDPBCGR §2.2.7.1.3).
                put(set, 36, &[0; 36])?;
            }
            GLYPH_CACHE => put(set, 48, &[0; 2])?,
            REMOTE_PROGRAMS | WINDOW_LIST if remote_app => {}
            OFFSCREEN_CACHE | VIRTUAL_CHANNEL | NINE_GRID_CACHE | GDI_PLUS | REMOTE_PROGRAMS
            | WINDOW_LIST => {
                change32(set, 4, |_| 0)?;
            }
            BITMAP_CODECS => clamp_codecs(set, lossy)?,
            _ => {}
        }
    }
    Ok(())
}

fn clamp_codecs(set: &mut [u8], lossy: bool) -> RdpResult<()> {
    let mut at = 5;
    for _ in 0..byte(set, 4)? {
        let properties: usize = le16(set, at + 17)?.into();
        if !lossy || set.get(at..at + 16) != Some(&REMOTEFX) {
            put(set, at, &IGNORE)?;
        }
        at += 19 + properties;
        if at > set.len() {
            return Err(RdpError::Protocol("a bitmap codec is cut"));
        }
    }
    Ok(())
}

/// What a server's Demand Active PDU says (MS-RDPBCGR §2.2.1.13.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demanded {
    /// The share that it begins.
    pub share: u32,
    /// The desktop's width and height in pixels.
    pub size: (u16, u16),
}

const BITMAP: u16 = 2;

/// Clamps a server's Demand Active PDU: it takes no compressed channels.
///
/// # Errors
/// As for [`clamp_client`]; [`RdpError::Protocol`] if it does not say how large the desktop is.
pub fn clamp_server(pdu: &mut [u8]) -> RdpResult<Demanded> {
    let mut size = None;
    for Set { kind, at, length } in sets(pdu, 10)? {
        let set = pdu.get_mut(at..at + length).unwrap_or_default();
        match kind {
            VIRTUAL_CHANNEL => change32(set, 4, |_| 0)?,
            BITMAP => size = Some((le16(set, 12)?, le16(set, 14)?)),
            _ => {}
        }
    }
    Ok(Demanded {
        share: le32(pdu, 6)?,
        size: size.ok_or(RdpError::Protocol(
            "the server does not say how large its desktop is",
        ))?,
    })
}
