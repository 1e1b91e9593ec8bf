//! Where a server's messages begin and end, without decoding them.
//!
//! RFB has no lengths around its messages: to leave one out, such as a clipboard's, everything before it must be measured,
//! rectangle by rectangle. The [`Walker`] does, by the same table of layouts as the decoder, and unpacks nothing.

mod follower;
mod rectangle;

use crate::decode::layout::{self, Budget};
use crate::decode::tight::tight_format;
use crate::decode::update::UNTIL_LAST;
use crate::wire::{CutText, Encoding, Input, PixelFormat, RectangleHeader, Size, colour_map_bytes};
use crate::{RfbError, RfbResult};
pub use follower::{Followed, Follower};
use rectangle::{Step, Walk};

/// A message of a server by its first byte (RFC 6143 §7.6; rfbproto "Server to Client Messages").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerMessageKind {
    /// 0: rectangles (RFC 6143 §7.6.1).
    FramebufferUpdate,
    /// 1: colours of the map (RFC 6143 §7.6.2).
    SetColourMapEntries,
    /// 2: a sound (RFC 6143 §7.6.3).
    Bell,
    /// 3: the server's clipboard, plain or extended (RFC 6143 §7.6.4; rfbproto "ServerCutText").
    ServerCutText,
    /// 150: no updates without being asked for from here on (rfbproto "EndOfContinuousUpdates").
    EndOfContinuousUpdates,
    /// 248: a mark in the stream (rfbproto "ServerFence").
    Fence,
    /// 250: what the server can be told to do with its machine (rfbproto "xvp Server Message").
    Xvp,
}

/// The longest payload of a fence (rfbproto "ServerFence").
const MAX_FENCE_BYTES: u8 = 64;

/// What became of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walked {
    /// So many bytes from the first one on belong to the message that is walked over. The others are to be given again,
    /// with what follows them.
    pub consumed: usize,
    /// What message it is; `None` if not even its first byte is there.
    pub message: Option<ServerMessageKind>,
    /// Whether it ends with the last of these bytes.
    pub ends: bool,
}

/// Walks over a server's messages, after ServerInit. It holds none of their bytes, and what it asks to be given again is
/// at most 2 KiB long.
///
/// ```
/// use jump_proto_vnc::walk::{ServerMessageKind, Walker};
/// use jump_proto_vnc::wire::PixelFormat;
///
/// # fn main() -> jump_proto_vnc::RfbResult<()> {
/// let mut walker = Walker::new(PixelFormat::BGRX8888);
/// let bytes = [2, 3, 0, 0, 0, 0, 0, 0, 2, b'h'];
/// let bell = walker.walk(&bytes)?;
/// assert_eq!((bell.consumed, bell.message, bell.ends), (1, Some(ServerMessageKind::Bell), true));
/// let text = walker.walk(&bytes[1..])?;
/// assert_eq!((text.consumed, text.message, text.ends), (9, Some(ServerMessageKind::ServerCutText), false));
/// assert!(walker.walk(b"i")?.ends);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Walker {
    format: PixelFormat,
    /// The last size of the screen that was said.
    size: Option<Size>,
    /// How often the update changed it.
    resizes: u8,
    message: Option<ServerMessageKind>,
    state: State,
    /// What comes before `state` goes on.
    skip: usize,
}

#[derive(Clone, Debug)]
enum State {
    Type,
    /// Before a rectangle's header; how many there are, if not until the last one.
    Rectangles(Option<u16>),
    Rectangle(Option<u16>, Walk),
    End,
    Broken(RfbError),
}

impl Walker {
    /// Walks over the messages of a server that writes pixels in this format.
    #[must_use]
    pub const fn new(format: PixelFormat) -> Self {
        Self {
            format,
            size: None,
            resizes: 0,
            message: None,
            state: State::Type,
            skip: 0,
        }
    }

    /// From a ServerInit on, which says the size of the screen: another size is a change.
    #[must_use]
    pub const fn on_screen(mut self, size: Size) -> Self {
        self.size = Some(size);
        self
    }

    /// The server writes pixels in another format from the next message on.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] within a message.
    pub fn set_format(&mut self, format: PixelFormat) -> RfbResult<()> {
        match &self.state {
            State::Type => self.format = format,
            State::Broken(error) => return Err(error.clone()),
            _ => return Err(RfbError::Protocol("a message is not over")),
        }
        Ok(())
    }

    /// How often the message that is walked over, or that was last, changed the size of the screen so far. The first size
    /// that is said counts as none where the screen's is not known: it may be that one.
    #[must_use]
    pub const fn resizes(&self) -> u8 {
        self.resizes
    }

    /// Walks on, at most to the end of the message.
    ///
    /// # Errors
    /// What the server did wrong. The same error is returned from then on: where the next message would begin is not
    /// known.
    pub fn walk(&mut self, bytes: &[u8]) -> RfbResult<Walked> {
        let mut input = Input::new(bytes);
        let ends = self.advance(&mut input).inspect_err(|error| {
            self.state = State::Broken(error.clone());
        })?;
        let message = self.message;
        if ends {
            self.message = None;
        }
        Ok(Walked {
            consumed: input.consumed(),
            message,
            ends,
        })
    }

    fn advance(&mut self, input: &mut Input<'_>) -> RfbResult<bool> {
        loop {
            let there = self.skip.min(input.rest().len());
            input.take(there);
            self.skip -= there;
            if self.skip > 0 {
                return Ok(false);
            }
            match &mut self.state {
                State::Broken(error) => return Err(error.clone()),
                State::End => {
                    self.state = State::Type;
                    return Ok(true);
                }
                State::Type => {
                    let Some(first) = input.rest().first() else {
                        return Ok(false);
                    };
                    self.message = Some(kind(*first)?);
                    self.resizes = 0;
                    let mut attempt = *input;
                    let Some(state) = self.begin(&mut attempt)? else {
                        return Ok(false);
                    };
                    *input = attempt;
                    self.state = state;
                }
                State::Rectangles(Some(0)) => self.state = State::End,
                State::Rectangles(left) => {
                    let left = left.map(|left| left.saturating_sub(1));
                    let Some(header) = RectangleHeader::read(input) else {
                        return Ok(false);
                    };
                    self.note_size(&header)?;
                    self.state = if header.encoding == Encoding::LAST_RECT {
                        State::End
                    } else {
                        State::Rectangle(left, Walk::new(header)?)
                    };
                }
                State::Rectangle(left, walk) => match walk.step(input, self.format)? {
                    Step::Unknown => return Ok(false),
                    Step::Skip(length) => self.skip = length,
                    Step::Last(length) => {
                        self.skip = length;
                        self.state = State::Rectangles(*left);
                    }
                },
            }
        }
    }

    /// A rectangle may change the screen's size, as often in an update as the decoder takes it.
    fn note_size(&mut self, header: &RectangleHeader) -> RfbResult<()> {
        if let Some(size) = layout::new_size(header)
            && self
                .size
                .replace(size.as_framebuffer()?)
                .is_some_and(|last| last != size)
        {
            self.resizes += 1;
            if self.resizes > Budget::RESIZES {
                return Err(layout::TOO_MANY_RESIZES);
            }
        }
        Ok(())
    }

    /// Reads a message's fixed part, if all of it is there.
    fn begin(&mut self, input: &mut Input<'_>) -> RfbResult<Option<State>> {
        let limit = |length: usize, most: usize| {
            if length <= most {
                Ok(length)
            } else {
                Err(RfbError::Limit("a message is too long"))
            }
        };
        let mut fields = *input;
        let Some(message) = fields.u8().map(kind).transpose()? else {
            return Ok(None);
        };
        let read = match message {
            ServerMessageKind::FramebufferUpdate => fields.take(1).and(fields.u16()).map(|count| {
                let count = (count != UNTIL_LAST).then_some(count);
                (0, State::Rectangles(count))
            }),
            ServerMessageKind::SetColourMapEntries => match fields.u8().and(fields.u16()).zip(fields.u16()) {
                None => None,
                Some((first, count)) => Some((colour_map_bytes(first, count)?, State::End)),
            },
            ServerMessageKind::Bell | ServerMessageKind::EndOfContinuousUpdates => Some((0, State::End)),
            ServerMessageKind::ServerCutText => match fields.take(3).and(fields.i32()) {
                None => None,
                Some(length) => Some((CutText::length(length)?.0, State::End)),
            },
            ServerMessageKind::Fence => match fields.take(7).and(fields.u8()) {
                None => None,
                Some(length) => Some((limit(length.into(), MAX_FENCE_BYTES.into())?, State::End)),
            },
            ServerMessageKind::Xvp => fields.take(3).map(|_| (0, State::End)),
        };
        Ok(read.map(|(skip, state)| {
            *input = fields;
            self.skip = skip;
            state
        }))
    }
}

/// Whether everything has the same length in both formats.
fn measure_alike(one: PixelFormat, other: PixelFormat) -> bool {
    one.bytes_per_pixel() == other.bytes_per_pixel()
        && layout::compact_bytes(one) == layout::compact_bytes(other)
        && tight_format(one, false) == tight_format(other, false)
}

fn kind(first: u8) -> RfbResult<ServerMessageKind> {
    Ok(match first {
        0 => ServerMessageKind::FramebufferUpdate,
        1 => ServerMessageKind::SetColourMapEntries,
        2 => ServerMessageKind::Bell,
        3 => ServerMessageKind::ServerCutText,
        150 => ServerMessageKind::EndOfContinuousUpdates,
        248 => ServerMessageKind::Fence,
        250 => ServerMessageKind::Xvp,
        _ => return Err(RfbError::Unsupported("a server's message of an unknown type")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_end_where_they_end_however_they_come() {
        let format = PixelFormat::BGRX8888;
        let messages: [(&[u8], ServerMessageKind); 8] = [
            (
                &[1, 0, 0, 7, 0, 1, 1, 2, 3, 4, 5, 6],
                ServerMessageKind::SetColourMapEntries,
            ),
            (&[2], ServerMessageKind::Bell),
            (&[3, 0, 0, 0, 0, 0, 0, 2, 3, 3], ServerMessageKind::ServerCutText),
            (
                &[3, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc, 1, 0, 0, 0],
                ServerMessageKind::ServerCutText,
            ),
            (&[150], ServerMessageKind::EndOfContinuousUpdates),
            (&[248, 0, 0, 0, 0, 0, 0, 1, 1, 9], ServerMessageKind::Fence),
            (&[250, 0, 1, 1], ServerMessageKind::Xvp),
            (&[0, 0, 0, 0], ServerMessageKind::FramebufferUpdate),
        ];
        for (message, kind) in messages {
            for split in 0..message.len() {
                let mut walker = Walker::new(format);
                let (first, _) = message.split_at(split);
                let before = walker.walk(first).unwrap();
                assert!(!before.ends);
                let mut rest = message[before.consumed..].to_vec();
                rest.push(2);
                let after = walker.walk(&rest).unwrap();
                assert_eq!((after.message, after.ends), (Some(kind), true));
                assert_eq!(before.consumed + after.consumed, message.len());
            }
        }
    }

    #[test]
    fn what_has_no_known_length_is_an_error_and_stays_one() {
        for bytes in [
            &[4u8][..],
            &[255],
            // Colours beyond the map, and an extended clipboard without its flags.
            &[1, 0, 0xff, 0xff, 0, 2],
            &[3, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
            &[3, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff],
            &[3, 0, 0, 0, 0x80, 0, 0, 0],
            &[3, 0, 0, 0, 0, 0x10, 0, 1],
            &[248, 0, 0, 0, 0, 0, 0, 0, 65],
            // A rectangle of encoding 22.
            &[0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 22],
        ] {
            let mut walker = Walker::new(PixelFormat::BGRX8888);
            let error = walker.walk(bytes).unwrap_err();
            assert_eq!(walker.walk(&[2]).unwrap_err(), error);
        }
    }
}
