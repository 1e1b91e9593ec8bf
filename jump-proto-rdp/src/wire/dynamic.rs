//! Dynamic channels (MS-RDPEDYC §2.2), and what a client says on that of graphics (MS-RDPEGFX §2.2.2).

use std::ops::Range;

use super::bytes::{byte, change32, le16, le32, part, put};
use super::{RdpError, RdpResult};

/// The channel of graphics (MS-RDPEGFX §2.1).
pub const GRAPHICS: &str = "Microsoft::Windows::RDS::Graphics";
/// The longest name of a channel: nobody has longer ones.
const LONGEST_NAME: usize = 256;

/// A message on `drdynvc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dynamic {
    /// The server's version, or the client's: it is where `version` says.
    Capabilities {
        /// The version, 1 to 3.
        version: u16,
    },
    /// The server opens a channel, or the client answers.
    Create {
        /// Its number.
        id: u32,
        /// What follows: the name from a server, the result from a client.
        rest: Range<usize>,
    },
    /// A side closes a channel.
    Close {
        /// Its number.
        id: u32,
    },
    /// The first part of a longer message.
    DataFirst {
        /// The channel.
        id: u32,
        /// How long all of it is.
        total: u32,
        /// The part.
        data: Range<usize>,
    },
    /// A message, or a further part of one.
    Data {
        /// The channel.
        id: u32,
        /// The message or part.
        data: Range<usize>,
    },
}

impl Dynamic {
    /// Reads a whole message on `drdynvc`.
    ///
    /// # Errors
    /// [`RdpError::Protocol`] for one that is cut, unknown or compressed.
    pub fn read(content: &[u8]) -> RdpResult<Self> {
        let header = byte(content, 0)?;
        let command = header >> 4;
        if command == 5 {
            return Ok(Dynamic::Capabilities {
                version: le16(content, 2)?,
            });
        }
        let (id, at) = number(content, 1, header & 3)?;
        let rest = at..content.len();
        match command {
            1 => Ok(Dynamic::Create { id, rest }),
            2 => {
                let (total, at) = number(content, at, header >> 2 & 3)?;
                let data = at..content.len();
                if data.len() > total as usize {
                    return Err(RdpError::Protocol("a part on a dynamic channel is too long"));
                }
                Ok(Dynamic::DataFirst { id, total, data })
            }
            3 => Ok(Dynamic::Data { id, data: rest }),
            4 => Ok(Dynamic::Close { id }),
            _ => Err(RdpError::Protocol("an unknown message of dynamic channels")),
        }
    }
}

/// A number of one, two or four bytes.
fn number(content: &[u8], at: usize, size: u8) -> RdpResult<(u32, usize)> {
    Ok(match size {
        0 => (byte(content, at)?.into(), at + 1),
        1 => (le16(content, at)?.into(), at + 2),
        2 => (le32(content, at)?, at + 4),
        _ => return Err(RdpError::Protocol("a number of a dynamic channel has no size")),
    })
}

/// Makes version 3, which compresses, version 2, which does not and is written the same (MS-RDPEDYC §2.2.1).
///
/// # Errors
/// [`RdpError::Protocol`] if there is none.
pub fn clamp_version(content: &mut [u8]) -> RdpResult<()> {
    let version = le16(content, 2)?.min(2);
    put(content, 2, &version.to_le_bytes())
}

/// The name of the channel that a server opens, from where [`Dynamic::Create`] says.
///
/// # Errors
/// [`RdpError::Protocol`] for a name that is none.
pub fn name(content: &[u8], rest: Range<usize>) -> RdpResult<&str> {
    let rest = part(content, rest)?;
    let end = rest.iter().position(|byte| *byte == 0);
    end.filter(|end| *end <= LONGEST_NAME)
        .and_then(|end| rest.get(..end))
        .and_then(|name| std::str::from_utf8(name).ok())
        .ok_or(RdpError::Protocol("the name of a dynamic channel is none"))
}

/// A client's answer to a server that opens a channel: there is none of that name (`STATUS_UNSUCCESSFUL`, MS-RDPEDYC §2.2.2.2).
///
/// # Errors
/// [`RdpError::Protocol`] if the request is none.
pub fn refuse(request: &[u8]) -> RdpResult<Vec<u8>> {
    let header = byte(request, 0)?;
    let (_, end) = number(request, 1, header & 3)?;
    let mut answer = vec![0x10 | header & 3];
    answer.extend_from_slice(part(request, 1..end)?);
    answer.extend_from_slice(&0xc000_0001_u32.to_le_bytes());
    Ok(answer)
}

/// What a client says on the channel of graphics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphicsVerdict {
    /// It may pass; what it can decode was clamped.
    Pass,
    /// It offers pictures that it has kept from before, which no recording has (MS-RDPEGFX §2.2.2.16).
    KeptPictures,
}

/// `RDPGFX_CMDID_CACHEIMPORTOFFER` and `RDPGFX_CMDID_CAPSADVERTISE` (MS-RDPEGFX §2.2.1.5).
const CACHE_IMPORT_OFFER: u16 = 0x10;
const CAPABILITIES_ADVERTISE: u16 = 0x12;

// Versions and flags of capabilities (MS-RDPEGFX §2.2.3).
const VERSION_8: u32 = 0x0008_0004;
const VERSION_8_1: u32 = 0x0008_0105;
const VERSION_10: u32 = 0x000a_0002;
const VERSION_10_1: u32 = 0x000a_0100;
const VERSION_10_7: u32 = 0x000a_0701;
const AVC420: u32 = 0x10;
const AVC_DISABLED: u32 = 0x20;
const AVC_THIN_CLIENT: u32 = 0x40;

/// Clamps what a client says on the channel of graphics to what a recording can show: no H.264, no pictures of before.
/// `whole` says whether the message is; of a longer one this is the first part, and `total` its length.
///
/// # Errors
/// [`RdpError::Protocol`] for one that cannot be read, or that says what the client can in parts.
pub fn clamp_graphics(message: &mut [u8], total: usize) -> RdpResult<GraphicsVerdict> {
    let whole = message.len() == total;
    let mut at = 0;
    while at < message.len() {
        let (command, length) = (le16(message, at)?, le32(message, at + 4)? as usize);
        if length < 8 || at + length > total || !whole && (at != 0 || length != total) {
            return Err(RdpError::Protocol("a message on graphics is cut"));
        }
        match command {
            CACHE_IMPORT_OFFER if at == 0 && length == total => return Ok(GraphicsVerdict::KeptPictures),
            CACHE_IMPORT_OFFER => {
                return Err(RdpError::Protocol("pictures of before are offered among others"));
            }
            CAPABILITIES_ADVERTISE if whole => {
                let message = message.get_mut(at..at + length).unwrap_or_default();
                clamp_advertised(message)?;
            }
            CAPABILITIES_ADVERTISE => {
                return Err(RdpError::Protocol("the capabilities of graphics come in parts"));
            }
            _ => {}
        }
        if !whole {
            break;
        }
        at += length;
    }
    Ok(GraphicsVerdict::Pass)
}

fn clamp_advertised(message: &mut [u8]) -> RdpResult<()> {
    let mut at = 10;
    for _ in 0..le16(message, 8)? {
        let (version, length) = (le32(message, at)?, le32(message, at + 4)? as usize);
        part(message, at + 8..(at + 8).saturating_add(length))?;
        match version {
            VERSION_8 => {}
            VERSION_8_1 => change32(message, at + 8, |flags| flags & !AVC420)?,
            VERSION_10_1 => old(message, at)?,
            VERSION_10..=VERSION_10_7 => {
                change32(message, at + 8, |flags| flags & !AVC_THIN_CLIENT | AVC_DISABLED)?;
            }
            // What later ones can, nobody knows.
            _ => old(message, at)?,
        }
        at += 8 + length;
    }
    if at != message.len() {
        return Err(RdpError::Protocol("the capabilities of graphics are cut"));
    }
    Ok(())
}

/// Makes it the first version: version 10.1 has no flags, and means H.264.
fn old(message: &mut [u8], at: usize) -> RdpResult<()> {
    put(message, at, &VERSION_8.to_le_bytes())?;
    change32(message, at + 8, |_| 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use super::*;

    fn advertise(sets: &[(u32, &[u8])]) -> Vec<u8> {
        let mut body = u16::try_from(sets.len()).unwrap().to_le_bytes().to_vec();
        for (version, data) in sets {
            body.extend_from_slice(&version.to_le_bytes());
            body.extend_from_slice(&(data.len() as u32).to_le_bytes());
            body.extend_from_slice(data);
        }
        let mut message = CAPABILITIES_ADVERTISE.to_le_bytes().to_vec();
        message.extend_from_slice(&[0, 0]);
        message.extend_from_slice(&(body.len() as u32 + 8).to_le_bytes());
        message.extend_from_slice(&body);
        message
    }

    #[test]
    fn no_version_keeps_h264() {
        let mut message = advertise(&[
            (VERSION_8, &[3, 0, 0, 0]),
            (VERSION_8_1, &[0x12, 0, 0, 0]),
            (VERSION_10, &[2, 0, 0, 0]),
            (VERSION_10_1, &[9; 16]),
            (VERSION_10_7, &[0x42, 0, 0, 0]),
            (0x000b_0000, &[1, 0, 0, 0]),
        ]);
        let total = message.len();
        assert_eq!(clamp_graphics(&mut message, total), Ok(GraphicsVerdict::Pass));
        let mut zeroed = [9; 16];
        zeroed[..4].fill(0);
        let clamped = advertise(&[
            (VERSION_8, &[3, 0, 0, 0]),
            (VERSION_8_1, &[2, 0, 0, 0]),
            (VERSION_10, &[0x22, 0, 0, 0]),
            (VERSION_8, &zeroed),
            (VERSION_10_7, &[0x22, 0, 0, 0]),
            (VERSION_8, &[0; 4]),
        ]);
        assert_eq!(message, clamped);
    }

    #[test]
    fn capabilities_do_not_hide_behind_others_nor_in_parts() {
        let mut frame = vec![0x0d, 0, 0, 0, 20, 0, 0, 0];
        frame.extend_from_slice(&[0; 12]);
        let mut both = [frame.clone(), advertise(&[(VERSION_10, &[0; 4])])].concat();
        let total = both.len();
        clamp_graphics(&mut both, total).unwrap();
        assert_eq!(both[total - 4], 0x20);
        let mut first = advertise(&[(VERSION_10, &[0; 4])]);
        let total = first.len();
        first.truncate(12);
        assert!(clamp_graphics(&mut first, total).is_err());
        frame.truncate(10);
        assert!(clamp_graphics(&mut frame, 40).is_err(), "something would follow");
        for cut in 0..total {
            let mut message = advertise(&[(VERSION_10, &[0; 4])]);
            message.truncate(cut);
            assert_eq!(clamp_graphics(&mut message, cut).is_err(), cut > 0, "{cut}");
        }
    }

    #[test]
    fn a_channel_is_refused_under_its_number() {
        for request in [
            &[0x10, 7, b'x', 0][..],
            &[0x11, 7, 1, b'x', 0],
            &[0x12, 1, 2, 3, 4, b'x', 0],
        ] {
            let Dynamic::Create { id, rest } = Dynamic::read(request).unwrap() else {
                panic!("{request:?}");
            };
            assert_eq!(name(request, rest), Ok("x"));
            let answer = refuse(request).unwrap();
            let Dynamic::Create { id: answered, rest } = Dynamic::read(&answer).unwrap() else {
                panic!("{answer:?}");
            };
            assert_eq!(id, answered);
            assert_eq!(answer[rest], 0xc000_0001_u32.to_le_bytes());
        }
        assert!(Dynamic::read(&[0x13, 1]).is_err());
        for command in [0, 6, 7, 8, 9, 15] {
            assert!(Dynamic::read(&[command << 4, 1, 0, 0, 0]).is_err(), "{command}");
        }
    }
}
