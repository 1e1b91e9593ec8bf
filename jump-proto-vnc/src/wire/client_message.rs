//! What a client sends after the handshake (RFC 6143 §7.5; rfbproto "Client to Server Messages").
//!
//! [`ClientFramer`] says how long each message is and what it means. The messages it does not know are errors: their
//! length could not be known, so nothing after them could be judged.

use super::{CutText, Encoding, Input, PixelFormat, Rectangle, Screen, Size, limits};
use crate::{RfbError, RfbResult};

/// Numbers of messages (RFC 6143 §7.5; rfbproto "Client to Server Messages").
pub(crate) mod number {
    pub(crate) const SET_PIXEL_FORMAT: u8 = 0;
    pub(crate) const SET_ENCODINGS: u8 = 2;
    pub(crate) const UPDATE_REQUEST: u8 = 3;
    pub(crate) const KEY: u8 = 4;
    pub(crate) const POINTER: u8 = 5;
    pub(crate) const CUT_TEXT: u8 = 6;
    pub(crate) const CONTINUOUS_UPDATES: u8 = 150;
    pub(crate) const FENCE: u8 = 248;
    pub(crate) const XVP: u8 = 250;
    pub(crate) const SET_DESKTOP_SIZE: u8 = 251;
    pub(crate) const QEMU: u8 = 255;
    /// Of [`QEMU`].
    pub(crate) const QEMU_KEY: u8 = 0;
}

/// The bit of a button mask that says that a second mask follows (rfbproto "PointerEvent").
const EXTENDED_BUTTONS: u8 = 0x80;

/// Which message it is, as its first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientMessageKind {
    /// [`ClientMessage::SetPixelFormat`].
    SetPixelFormat,
    /// [`ClientMessage::SetEncodings`].
    SetEncodings,
    /// [`ClientMessage::UpdateRequest`].
    UpdateRequest,
    /// [`ClientMessage::Key`].
    Key,
    /// [`ClientMessage::Pointer`].
    Pointer,
    /// [`ClientMessage::CutText`] in Latin-1.
    CutText,
    /// [`ClientMessage::CutText`] of the extended clipboard.
    ExtendedClipboard,
    /// [`ClientMessage::ContinuousUpdates`].
    ContinuousUpdates,
    /// [`ClientMessage::Fence`].
    Fence,
    /// [`ClientMessage::Xvp`].
    Xvp,
    /// [`ClientMessage::SetDesktopSize`].
    SetDesktopSize,
    /// [`ClientMessage::QemuKey`].
    QemuKey,
}

/// A client's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// How pixels are to be written from now on (RFC 6143 §7.5.1).
    SetPixelFormat(PixelFormat),
    /// What the client understands, best first (RFC 6143 §7.5.2); at most [`limits::MAX_ENCODINGS`].
    SetEncodings(Vec<Encoding>),
    /// Asks for a part of the screen (RFC 6143 §7.5.3).
    UpdateRequest {
        /// Only what has changed.
        incremental: bool,
        /// Which part.
        rectangle: Rectangle,
    },
    /// A key went down or up (RFC 6143 §7.5.4).
    Key {
        /// Whether it is pressed now.
        down: bool,
        /// Its X keysym.
        keysym: u32,
    },
    /// The pointer (RFC 6143 §7.5.5; rfbproto "PointerEvent").
    Pointer {
        /// Button n is bit n − 1: 8 buttons, or 15 once both sides have extended mouse buttons.
        buttons: u16,
        /// Pixels from the left.
        x: u16,
        /// Pixels from the top.
        y: u16,
    },
    /// The client's clipboard (RFC 6143 §7.5.6).
    CutText(CutText<'a>),
    /// Updates without being asked for (rfbproto "EnableContinuousUpdates").
    ContinuousUpdates {
        /// Whether they are wanted.
        enabled: bool,
        /// For which part of the screen.
        rectangle: Rectangle,
    },
    /// A mark in the stream (rfbproto "ClientFence").
    Fence {
        /// What is to be kept in order, and whether an answer is asked for, as rfbproto says.
        flags: u32,
        /// What is to be sent back; at most [`limits::MAX_FENCE_BYTES`].
        payload: &'a [u8],
    },
    /// Shut down (2), reboot (3) or reset (4) the machine (rfbproto "xvp Client Message").
    Xvp {
        /// The version of the extension; 1.
        version: u8,
        /// Which.
        code: u8,
    },
    /// Another size of the desktop is asked for (rfbproto "SetDesktopSize").
    SetDesktopSize {
        /// The size of the framebuffer.
        size: Size,
        /// Its screens; at most [`limits::MAX_SCREENS`].
        screens: Vec<Screen>,
    },
    /// A key with its place on the keyboard (rfbproto "QEMU Extended Key Event Message").
    QemuKey {
        /// Whether it is pressed now.
        down: bool,
        /// Its X keysym; 0 if there is none.
        keysym: u32,
        /// Its scan code of set 1, in QEMU's form.
        keycode: u32,
    },
}

/// How long the message at the front is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientMessageHead {
    /// Which message it is.
    pub kind: ClientMessageKind,
    /// All of it, in bytes: at most [`limits::MAX_CLIENT_MESSAGE_BYTES`].
    pub length: usize,
}

/// A message and the bytes it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFrame<'a> {
    /// Its bytes.
    pub raw: &'a [u8],
    /// What they say.
    pub message: ClientMessage<'a>,
}

/// Reads a client's messages one after the other, and writes them.
///
/// It holds no bytes: the caller keeps what was not read yet, which is never more than one message.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientFramer {
    extended_buttons: bool,
}

impl ClientFramer {
    /// For a stream at its beginning.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            extended_buttons: false,
        }
    }

    /// Whether both sides have said that they understand [`Encoding::EXTENDED_MOUSE_BUTTONS`]: the client in its
    /// encodings, the server by a rectangle. The highest bit of a button mask says from then on that more buttons follow.
    pub const fn set_extended_buttons(&mut self, extended: bool) {
        self.extended_buttons = extended;
    }

    /// What the message at the front of `bytes` is and how long, as soon as its first bytes say it, at most 9;
    /// `None` before.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] for an unknown message, [`RfbError::Unsupported`] for audio, [`RfbError::Limit`] for a
    /// message that is too long.
    pub fn head(&self, bytes: &[u8]) -> RfbResult<Option<ClientMessageHead>> {
        use ClientMessageKind as Kind;
        let mut input = Input::new(bytes);
        let Some(number) = input.u8() else {
            return Ok(None);
        };
        let fixed = |kind, length| Ok(Some(ClientMessageHead { kind, length }));
        match number {
            number::SET_PIXEL_FORMAT => fixed(Kind::SetPixelFormat, 20),
            number::SET_ENCODINGS => {
                let Some((_, count)) = input.u8().zip(input.u16()) else {
                    return Ok(None);
                };
                let count = usize::from(count);
                if count > limits::MAX_ENCODINGS {
                    return Err(RfbError::Limit("a client lists at most 256 encodings"));
                }
                fixed(Kind::SetEncodings, 4 + 4 * count)
            }
            number::UPDATE_REQUEST => fixed(Kind::UpdateRequest, 10),
            number::KEY => fixed(Kind::Key, 8),
            number::POINTER if !self.extended_buttons => fixed(Kind::Pointer, 6),
            number::POINTER => match input.u8() {
                Some(mask) if mask & EXTENDED_BUTTONS != 0 => fixed(Kind::Pointer, 7),
                Some(_) => fixed(Kind::Pointer, 6),
                None => Ok(None),
            },
            number::CUT_TEXT => {
                let Some(([_, _, _], field)) = input.array().zip(input.i32()) else {
                    return Ok(None);
                };
                match CutText::length(field)? {
                    (length, true) => fixed(Kind::ExtendedClipboard, 8 + length),
                    (length, false) => fixed(Kind::CutText, 8 + length),
                }
            }
            number::CONTINUOUS_UPDATES => fixed(Kind::ContinuousUpdates, 10),
            number::FENCE => {
                let Some(([_, _, _, _, _, _, _], length)) = input.array().zip(input.u8()) else {
                    return Ok(None);
                };
                fixed(Kind::Fence, 9 + usize::from(fence_length(length)?))
            }
            number::XVP => fixed(Kind::Xvp, 4),
            number::SET_DESKTOP_SIZE => {
                let Some(([_, _, _, _, _], screens)) = input.array().zip(input.u8()) else {
                    return Ok(None);
                };
                if screens > limits::MAX_SCREENS {
                    return Err(RfbError::Limit("a layout has at most 64 screens"));
                }
                fixed(Kind::SetDesktopSize, 8 + Screen::LENGTH * usize::from(screens))
            }
            number::QEMU => match input.u8() {
                None => Ok(None),
                Some(number::QEMU_KEY) => fixed(Kind::QemuKey, 12),
                Some(_) => Err(RfbError::Unsupported("audio")),
            },
            _ => Err(RfbError::Protocol("an unknown message of the client")),
        }
    }

    /// The next message, if all of it is there; `None`, and nothing moves, if not.
    ///
    /// # Errors
    /// As [`head`](Self::head), and [`RfbError::Protocol`] for a message that says what cannot be.
    pub fn next<'a>(&self, input: &mut Input<'a>) -> RfbResult<Option<ClientFrame<'a>>> {
        let Some(head) = self.head(input.rest())? else {
            return Ok(None);
        };
        let mut ahead = *input;
        let Some(raw) = ahead.take(head.length) else {
            return Ok(None);
        };
        let message = self
            .body(head.kind, &mut Input::new(raw))?
            .ok_or(RfbError::Protocol("a client's message is shorter than it says"))?;
        *input = ahead;
        Ok(Some(ClientFrame { raw, message }))
    }

    /// Reads a whole message.
    fn body<'a>(
        &self,
        kind: ClientMessageKind,
        input: &mut Input<'a>,
    ) -> RfbResult<Option<ClientMessage<'a>>> {
        if kind == ClientMessageKind::SetPixelFormat {
            let Some(([_, _, _, _], format)) = input.array().zip(input.array()) else {
                return Ok(None);
            };
            return PixelFormat::read(&format)
                .map(ClientMessage::SetPixelFormat)
                .map(Some);
        }
        let mut read = || {
            use ClientMessageKind as Kind;
            let [_number, second] = input.array()?;
            Some(match kind {
                Kind::SetPixelFormat => return None,
                Kind::SetEncodings => {
                    let count = input.u16()?;
                    let encodings = (0..count).map(|_| input.i32().map(Encoding));
                    ClientMessage::SetEncodings(encodings.collect::<Option<_>>()?)
                }
                Kind::UpdateRequest => ClientMessage::UpdateRequest {
                    incremental: second != 0,
                    rectangle: input.rectangle()?,
                },
                Kind::Key => {
                    input.u16()?;
                    ClientMessage::Key {
                        down: second != 0,
                        keysym: input.u32()?,
                    }
                }
                Kind::Pointer => {
                    let (x, y) = (input.u16()?, input.u16()?);
                    let buttons = match input.u8() {
                        Some(more) => u16::from(second & !EXTENDED_BUTTONS) | u16::from(more) << 7,
                        None => u16::from(second),
                    };
                    ClientMessage::Pointer { buttons, x, y }
                }
                Kind::CutText | Kind::ExtendedClipboard => {
                    let [_, _, _, _, _, _] = input.array()?;
                    ClientMessage::CutText(if kind == Kind::CutText {
                        CutText::Latin1(input.rest())
                    } else {
                        CutText::Extended(input.rest())
                    })
                }
                Kind::ContinuousUpdates => ClientMessage::ContinuousUpdates {
                    enabled: second != 0,
                    rectangle: input.rectangle()?,
                },
                Kind::Fence => {
                    let [_, _] = input.array()?;
                    let flags = input.u32()?;
                    let length = usize::from(input.u8()?);
                    ClientMessage::Fence {
                        flags,
                        payload: input.take(length)?,
                    }
                }
                Kind::Xvp => ClientMessage::Xvp {
                    version: input.u8()?,
                    code: input.u8()?,
                },
                Kind::SetDesktopSize => {
                    let size = Size {
                        width: input.u16()?,
                        height: input.u16()?,
                    };
                    let [count, _] = input.array()?;
                    let screens = (0..count).map(|_| Screen::read(input));
                    ClientMessage::SetDesktopSize {
                        size,
                        screens: screens.collect::<Option<_>>()?,
                    }
                }
                Kind::QemuKey => ClientMessage::QemuKey {
                    down: input.u16()? != 0,
                    keysym: input.u32()?,
                    keycode: input.u32()?,
                },
            })
        };
        Ok(read())
    }

    /// Appends a message.
    ///
    /// # Errors
    /// [`RfbError::Limit`] for one that is longer than it may be, [`RfbError::Unsupported`] for buttons that the other
    /// side does not know. Nothing is appended then.
    pub fn write(&self, message: &ClientMessage<'_>, output: &mut Vec<u8>) -> RfbResult<()> {
        let start = output.len();
        let written = self.append(message, output);
        if written.is_err() {
            output.truncate(start);
        }
        written
    }

    fn append(&self, message: &ClientMessage<'_>, output: &mut Vec<u8>) -> RfbResult<()> {
        match *message {
            ClientMessage::SetPixelFormat(format) => {
                output.extend([number::SET_PIXEL_FORMAT, 0, 0, 0]);
                output.extend(format.to_bytes());
            }
            ClientMessage::SetEncodings(ref encodings) => {
                let count = u16::try_from(encodings.len())
                    .ok()
                    .filter(|count| usize::from(*count) <= limits::MAX_ENCODINGS)
                    .ok_or(RfbError::Limit("a client lists at most 256 encodings"))?;
                output.extend([number::SET_ENCODINGS, 0]);
                output.extend(count.to_be_bytes());
                for encoding in encodings {
                    output.extend(encoding.0.to_be_bytes());
                }
            }
            ClientMessage::UpdateRequest {
                incremental,
                rectangle,
            } => {
                output.extend([number::UPDATE_REQUEST, u8::from(incremental)]);
                output.extend(rectangle.to_bytes());
            }
            ClientMessage::Key { down, keysym } => {
                output.extend([number::KEY, u8::from(down), 0, 0]);
                output.extend(keysym.to_be_bytes());
            }
            ClientMessage::Pointer { buttons, x, y } => self.append_pointer(buttons, x, y, output)?,
            ClientMessage::CutText(text) => {
                output.push(number::CUT_TEXT);
                text.write(output)?;
            }
            ClientMessage::ContinuousUpdates { enabled, rectangle } => {
                output.extend([number::CONTINUOUS_UPDATES, u8::from(enabled)]);
                output.extend(rectangle.to_bytes());
            }
            ClientMessage::Fence { flags, payload } => append_fence(flags, payload, output)?,
            ClientMessage::Xvp { version, code } => output.extend([number::XVP, 0, version, code]),
            ClientMessage::SetDesktopSize { size, ref screens } => {
                let count = u8::try_from(screens.len())
                    .ok()
                    .filter(|count| *count <= limits::MAX_SCREENS)
                    .ok_or(RfbError::Limit("a layout has at most 64 screens"))?;
                output.extend([number::SET_DESKTOP_SIZE, 0]);
                output.extend(size.width.to_be_bytes());
                output.extend(size.height.to_be_bytes());
                output.extend([count, 0]);
                for screen in screens {
                    screen.write(output);
                }
            }
            ClientMessage::QemuKey {
                down,
                keysym,
                keycode,
            } => {
                output.extend([number::QEMU, number::QEMU_KEY, 0, u8::from(down)]);
                output.extend(keysym.to_be_bytes());
                output.extend(keycode.to_be_bytes());
            }
        }
        Ok(())
    }

    fn append_pointer(&self, buttons: u16, x: u16, y: u16, output: &mut Vec<u8>) -> RfbResult<()> {
        let [high, low] = buttons.to_be_bytes();
        let more = if self.extended_buttons {
            let [beyond, more] = (buttons >> 7).to_be_bytes();
            if beyond != 0 {
                return Err(RfbError::Unsupported("a mouse with more than 15 buttons"));
            }
            (more != 0).then_some(more)
        } else if high != 0 {
            return Err(RfbError::Unsupported(
                "more than 8 mouse buttons at a server that knows 8",
            ));
        } else {
            None
        };
        let mask = if more.is_some() {
            low | EXTENDED_BUTTONS
        } else {
            low
        };
        output.extend([number::POINTER, mask]);
        output.extend(x.to_be_bytes());
        output.extend(y.to_be_bytes());
        output.extend(more);
        Ok(())
    }
}

/// A fence's length, if it may be that long.
pub(crate) const fn fence_length(length: u8) -> RfbResult<u8> {
    if length > limits::MAX_FENCE_BYTES {
        return Err(RfbError::Protocol("a fence carries at most 64 bytes"));
    }
    Ok(length)
}

/// Appends a fence, which is the same in both directions.
pub(crate) fn append_fence(flags: u32, payload: &[u8], output: &mut Vec<u8>) -> RfbResult<()> {
    let too_long = |_| RfbError::Limit("a fence carries at most 64 bytes");
    let length = fence_length(u8::try_from(payload.len()).map_err(too_long)?)?;
    output.extend([number::FENCE, 0, 0, 0]);
    output.extend(flags.to_be_bytes());
    output.push(length);
    output.extend(payload);
    Ok(())
}
