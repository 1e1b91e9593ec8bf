//! What a server sends after the security handshake, but for the rectangles of its updates (RFC 6143 §7.3.2, §7.6;
//! rfbproto "Server to Client Messages").

use super::client_message::{append_fence, fence_length};
use super::{CutText, Input, PixelFormat, Size, limits};
use crate::{RfbError, RfbResult};

/// Numbers of messages (RFC 6143 §7.6; rfbproto "Server to Client Messages").
pub(crate) mod number {
    pub(crate) const UPDATE: u8 = 0;
    pub(crate) const COLOUR_MAP: u8 = 1;
    pub(crate) const BELL: u8 = 2;
    pub(crate) const CUT_TEXT: u8 = 3;
    pub(crate) const END_OF_CONTINUOUS_UPDATES: u8 = 150;
    pub(crate) const FENCE: u8 = 248;
    pub(crate) const XVP: u8 = 250;
}

/// The server's first words after the login (RFC 6143 §7.3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInit {
    /// The size of the screen.
    pub size: Size,
    /// How it writes pixels until the client says otherwise.
    pub pixel_format: PixelFormat,
    /// The desktop's name, as it came, at most [`limits::MAX_NAME_BYTES`]: most servers write UTF-8. Escape it where it
    /// is shown.
    pub name: Vec<u8>,
}

impl ServerInit {
    /// Reads it, if all of it is there; `None`, and nothing moves, if not.
    ///
    /// # Errors
    /// [`RfbError::Limit`] for a screen or a name that is too large, [`RfbError::Protocol`] for a pixel format that
    /// cannot be read.
    pub fn read(input: &mut Input<'_>) -> RfbResult<Option<Self>> {
        let mut ahead = *input;
        let mut head = || Some((ahead.u16()?, ahead.u16()?, ahead.array()?, ahead.u32()?));
        let Some((width, height, format, length)) = head() else {
            return Ok(None);
        };
        let size = Size { width, height }.as_framebuffer()?;
        let pixel_format = PixelFormat::read(&format)?;
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= limits::MAX_NAME_BYTES)
            .ok_or(RfbError::Limit("a desktop's name has at most 4096 bytes"))?;
        let Some(name) = ahead.take(length) else {
            return Ok(None);
        };
        *input = ahead;
        Ok(Some(Self {
            size,
            pixel_format,
            name: name.to_vec(),
        }))
    }

    /// Appends its bytes.
    ///
    /// # Errors
    /// [`RfbError::Limit`] for a name that is too long; nothing is appended then.
    pub fn write(&self, output: &mut Vec<u8>) -> RfbResult<()> {
        let length = u32::try_from(self.name.len())
            .ok()
            .filter(|_| self.name.len() <= limits::MAX_NAME_BYTES)
            .ok_or(RfbError::Limit("a desktop's name has at most 4096 bytes"))?;
        output.extend(self.size.width.to_be_bytes());
        output.extend(self.size.height.to_be_bytes());
        output.extend(self.pixel_format.to_bytes());
        output.extend(length.to_be_bytes());
        output.extend(&self.name);
        Ok(())
    }
}

/// A server's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerMessage<'a> {
    /// Rectangles follow (RFC 6143 §7.6.1).
    Update {
        /// How many; 65535 if the last one will be marked (rfbproto "LastRect Pseudo-encoding").
        rectangles: u16,
    },
    /// Colours of a colour map (RFC 6143 §7.6.2).
    ColourMap {
        /// The first one's place.
        first: u16,
        /// Six bytes each: U16 red, green and blue. Read them with [`colours`].
        colours: &'a [u8],
    },
    /// Ring the bell (RFC 6143 §7.6.3).
    Bell,
    /// The server's clipboard (RFC 6143 §7.6.4).
    CutText(CutText<'a>),
    /// Updates have to be asked for again (rfbproto "EndOfContinuousUpdates").
    EndOfContinuousUpdates,
    /// A mark in the stream (rfbproto "ServerFence").
    Fence {
        /// What is to be kept in order, and whether an answer is asked for, as rfbproto says.
        flags: u32,
        /// What is to be sent back; at most [`limits::MAX_FENCE_BYTES`].
        payload: &'a [u8],
    },
    /// The extension is there (1), or what was asked for was not done (0) (rfbproto "xvp Server Message").
    Xvp {
        /// The version of the extension; 1.
        version: u8,
        /// Which.
        code: u8,
    },
}

/// A message and the bytes it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerFrame<'a> {
    /// Its bytes; of an update, without its rectangles.
    pub raw: &'a [u8],
    /// What they say.
    pub message: ServerMessage<'a>,
}

impl<'a> ServerMessage<'a> {
    /// The next message, if all of it is there; `None`, and nothing moves, if not. Of an update only the header is read.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] for an unknown message or one that says what cannot be, [`RfbError::Limit`] for one that
    /// is too long.
    pub fn next(input: &mut Input<'a>) -> RfbResult<Option<ServerFrame<'a>>> {
        let mut ahead = *input;
        let Some(message) = Self::read(&mut ahead)? else {
            return Ok(None);
        };
        let raw = input
            .take(ahead.consumed() - input.consumed())
            .unwrap_or_default();
        Ok(Some(ServerFrame { raw, message }))
    }

    fn read(input: &mut Input<'a>) -> RfbResult<Option<Self>> {
        let Some(number) = input.u8() else {
            return Ok(None);
        };
        Ok(match number {
            number::UPDATE => input
                .u8()
                .zip(input.u16())
                .map(|(_, rectangles)| ServerMessage::Update { rectangles }),
            number::COLOUR_MAP => {
                let mut head = || Some((input.u8()?, input.u16()?, input.u16()?));
                let Some((_, first, count)) = head() else {
                    return Ok(None);
                };
                input
                    .take(colour_map_bytes(first, count)?)
                    .map(|colours| ServerMessage::ColourMap { first, colours })
            }
            number::BELL => Some(ServerMessage::Bell),
            number::CUT_TEXT => CutText::read(input)?.map(ServerMessage::CutText),
            number::END_OF_CONTINUOUS_UPDATES => Some(ServerMessage::EndOfContinuousUpdates),
            number::FENCE => {
                let mut head = || Some((input.array::<3>()?, input.u32()?, input.u8()?));
                let Some((_, flags, length)) = head() else {
                    return Ok(None);
                };
                input
                    .take(usize::from(fence_length(length)?))
                    .map(|payload| ServerMessage::Fence { flags, payload })
            }
            number::XVP => input
                .array()
                .map(|[_, version, code]| ServerMessage::Xvp { version, code }),
            _ => return Err(RfbError::Protocol("an unknown message of the server")),
        })
    }

    /// Appends a message.
    ///
    /// # Errors
    /// [`RfbError::Limit`] or [`RfbError::Protocol`] for one that says more than it may. Nothing is appended then.
    pub fn write(&self, output: &mut Vec<u8>) -> RfbResult<()> {
        let start = output.len();
        let written = self.append(output);
        if written.is_err() {
            output.truncate(start);
        }
        written
    }

    fn append(&self, output: &mut Vec<u8>) -> RfbResult<()> {
        match *self {
            ServerMessage::Update { rectangles } => {
                output.extend([number::UPDATE, 0]);
                output.extend(rectangles.to_be_bytes());
            }
            ServerMessage::ColourMap { first, colours } => {
                let count = u16::try_from(colours.len() / 6)
                    .ok()
                    .filter(|count| u32::from(first) + u32::from(*count) <= 1 << 16)
                    .ok_or(RfbError::Limit("a colour map has at most 65536 colours"))?;
                if colours.len() % 6 != 0 {
                    return Err(RfbError::Protocol("a colour has six bytes"));
                }
                output.extend([number::COLOUR_MAP, 0]);
                output.extend(first.to_be_bytes());
                output.extend(count.to_be_bytes());
                output.extend(colours);
            }
            ServerMessage::Bell => output.push(number::BELL),
            ServerMessage::CutText(text) => {
                output.push(number::CUT_TEXT);
                text.write(output)?;
            }
            ServerMessage::EndOfContinuousUpdates => output.push(number::END_OF_CONTINUOUS_UPDATES),
            ServerMessage::Fence { flags, payload } => append_fence(flags, payload, output)?,
            ServerMessage::Xvp { version, code } => output.extend([number::XVP, 0, version, code]),
        }
        Ok(())
    }
}

/// The colours of a [`ServerMessage::ColourMap`]: red, green and blue, each 0 to 65535.
pub fn colours(bytes: &[u8]) -> impl Iterator<Item = [u16; 3]> + '_ {
    let (colours, _) = bytes.as_chunks::<6>();
    colours.iter().map(|&[r1, r0, g1, g0, b1, b0]| {
        [
            u16::from_be_bytes([r1, r0]),
            u16::from_be_bytes([g1, g0]),
            u16::from_be_bytes([b1, b0]),
        ]
    })
}
/// How many bytes so many colours of a map take, from this one on (RFC 6143 §7.6.2).
pub(crate) fn colour_map_bytes(first: u16, count: u16) -> RfbResult<usize> {
    if u32::from(first) + u32::from(count) > 1 << 16 {
        return Err(RfbError::Protocol("a colour map has at most 65536 colours"));
    }
    Ok(usize::from(count) * 6)
}
