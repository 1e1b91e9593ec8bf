//! Both directions of a recorded session, without I/O.

use super::client::ClientSide;
use super::formats::FormatChanges;
use super::pointer::draw;
use crate::decode::{CursorImage, Helpers, Progress, UpdateDecoder, UpdateEvent};
use crate::framebuffer::Framebuffer;
use crate::wire::clipboard::{self, ClipboardMessage, Formats};
use crate::wire::{ClientMessage, CutText, Input, ServerInit, ServerMessage, Size, colours};
use crate::{Refused, RfbError, RfbResult, VncRecord};

/// Whose clipboard it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The target's.
    Target,
    /// The client's, so the rep's.
    Rep,
}

/// What happened in a session. Texts came from a peer: escape them where they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScreenEvent {
    /// The target said its first words (RFC 6143 §7.3.2): the screen has this size and is black.
    Opened {
        /// The size of the screen.
        size: Size,
        /// The desktop's name; what was not UTF-8 is U+FFFD.
        name: String,
    },
    /// Something within an update (RFC 6143 §7.6.1).
    Update(UpdateEvent),
    /// An update is whole: what the screen shows now belongs together.
    Updated,
    /// The bell rang (RFC 6143 §7.6.3).
    Bell,
    /// A clipboard's text came (RFC 6143 §7.5.6, §7.6.4; rfbproto "Extended Clipboard Pseudo-Encoding"), or one that
    /// cannot be read.
    Clipboard {
        /// Whose.
        side: Side,
        /// At most [`MAX_CLIPBOARD_BYTES`](crate::wire::limits::MAX_CLIPBOARD_BYTES).
        text: RfbResult<String>,
    },
    /// The client pressed or released a key (RFC 6143 §7.5.4; rfbproto "QEMU Extended Key Event Message").
    Key {
        /// Whether it is pressed now.
        down: bool,
        /// Its X keysym; 0 if only its scan code was sent.
        keysym: u32,
        /// Its scan code, if it was sent.
        keycode: Option<u32>,
    },
    /// The client's pointer (RFC 6143 §7.5.5).
    Pointer {
        /// Button n is bit n − 1.
        buttons: u16,
        /// Pixels from the left.
        x: u16,
        /// Pixels from the top.
        y: u16,
    },
    /// The client asked for the machine to be shut down (2), restarted (3) or reset (4) (rfbproto "xvp Client Message").
    Power(u8),
    /// The gate did not pass messages on.
    NotPassed {
        /// What they were.
        what: Refused,
        /// How many in a row.
        messages: u32,
    },
}

#[derive(Debug)]
enum State {
    /// Before ServerInit is whole.
    Init,
    /// Between messages, or before one is whole.
    Message(UpdateDecoder),
    Update(UpdateDecoder),
    Broken(RfbError),
}

/// Decodes both directions of a session. Its state depends on every byte before: encodings remember what they sent, so
/// there is no beginning in the middle.
///
/// Of the target it holds at most one message that is no update, or 2 KiB of an update; of the client one message.
#[derive(Debug)]
pub struct ScreenDecoder {
    state: State,
    kept: Vec<u8>,
    client: ClientSide,
    formats: FormatChanges,
    helpers: Helpers,
    cursor: Option<CursorImage>,
    pointer: Option<(u16, u16)>,
}

impl Default for ScreenDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl ScreenDecoder {
    /// For a session at its beginning.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: State::Init,
            kept: Vec::new(),
            client: ClientSide::default(),
            formats: FormatChanges::default(),
            helpers: Helpers::none(),
            cursor: None,
            pointer: None,
        }
    }

    /// The same, with others to decode JPEG; before its first bytes.
    #[must_use]
    pub fn with_helpers(self, helpers: Helpers) -> Self {
        Self { helpers, ..self }
    }

    fn updates(&self) -> Option<&UpdateDecoder> {
        match &self.state {
            State::Message(decoder) | State::Update(decoder) => Some(decoder),
            State::Init | State::Broken(_) => None,
        }
    }

    /// The screen as it is painted so far, without a pointer that the target does not paint itself; `None` before the
    /// target's first words and after an error.
    #[must_use]
    pub fn screen(&self) -> Option<&Framebuffer> {
        self.updates().map(UpdateDecoder::screen)
    }

    /// The screen, to take its damage. A rectangle of which only a part has come is marked each time more of it comes.
    pub fn screen_mut(&mut self) -> Option<&mut Framebuffer> {
        match &mut self.state {
            State::Message(decoder) | State::Update(decoder) => Some(decoder.screen_mut()),
            State::Init | State::Broken(_) => None,
        }
    }

    /// What the pointer looks like, if the target left it to the client to show it.
    #[must_use]
    pub const fn cursor(&self) -> Option<&CursorImage> {
        self.cursor.as_ref()
    }

    /// Where the pointer was last moved to, by either side.
    #[must_use]
    pub const fn pointer(&self) -> Option<(u16, u16)> {
        self.pointer
    }

    /// The screen with its pointer, as the rep saw it; `None` as for [`screen`](Self::screen).
    #[must_use]
    pub fn seen(&self) -> Option<Framebuffer> {
        let mut screen = self.screen()?.clone();
        if let (Some(cursor), Some((x, y))) = (&self.cursor, self.pointer) {
            draw(&mut screen, cursor, x, y);
        }
        Some(screen)
    }

    /// Takes the next bytes that came from the target.
    ///
    /// # Errors
    /// What the target did wrong. The same error is returned from then on.
    pub fn target(&mut self, bytes: &[u8], told: &mut dyn FnMut(ScreenEvent)) -> RfbResult<()> {
        let mut all = std::mem::take(&mut self.kept);
        let goes_on = !all.is_empty();
        if goes_on {
            all.extend_from_slice(bytes);
        }
        let mut input = Input::new(if goes_on { &all } else { bytes });
        if let Err(error) = self.target_messages(&mut input, told) {
            self.state = State::Broken(error.clone());
            return Err(error);
        }
        let used = input.consumed();
        if goes_on {
            // What waits for its end is not copied each time that a little more of it comes.
            all.drain(..used);
        } else {
            all.extend_from_slice(bytes.get(used..).unwrap_or_default());
        }
        self.kept = all;
        if let State::Update(decoder) = &mut self.state
            && let Some(part) = decoder.painting()
        {
            decoder.screen_mut().mark(part);
        }
        Ok(())
    }

    /// Takes the next bytes that came from the client.
    ///
    /// # Errors
    /// What the client did wrong. The same error is returned from then on.
    pub fn client(&mut self, bytes: &[u8], told: &mut dyn FnMut(ScreenEvent)) -> RfbResult<()> {
        if let State::Broken(error) = &self.state {
            return Err(error.clone());
        }
        let (formats, pointer) = (&mut self.formats, &mut self.pointer);
        let taken = self.client.take(bytes, &mut |message| {
            match &message {
                ClientMessage::SetPixelFormat(format) => formats.change(*format),
                ClientMessage::UpdateRequest { .. } => formats.asked(),
                ClientMessage::ContinuousUpdates { enabled: false, .. } => formats.ending(),
                _ => {}
            }
            if let Some(event) = client_event(&message) {
                if let ScreenEvent::Pointer { x, y, .. } = event {
                    *pointer = Some((x, y));
                }
                told(event);
            }
            Ok(())
        });
        let taken = taken.and_then(|()| {
            if self.kept.is_empty() {
                self.use_format()
            } else {
                Ok(())
            }
        });
        taken.inspect_err(|error| self.state = State::Broken(error.clone()))
    }

    /// Takes what the gate noted between the bytes.
    pub fn note(&mut self, record: &VncRecord, told: &mut dyn FnMut(ScreenEvent)) {
        match *record {
            VncRecord::Dropped { what, messages } => told(ScreenEvent::NotPassed { what, messages }),
            VncRecord::UpdatesAnswered => self.formats.answered(),
        }
    }

    /// Between two messages of the target: what the client said about pixels holds from here on.
    fn use_format(&mut self) -> RfbResult<()> {
        if let State::Message(decoder) = &mut self.state
            && let Some(format) = self.formats.due()
        {
            decoder.set_format(format)?;
        }
        Ok(())
    }

    fn target_messages(&mut self, input: &mut Input<'_>, told: &mut dyn FnMut(ScreenEvent)) -> RfbResult<()> {
        loop {
            let whole = match std::mem::replace(&mut self.state, State::Init) {
                State::Broken(error) => return Err(error),
                State::Init => {
                    let Some(init) = ServerInit::read(input)? else {
                        return Ok(());
                    };
                    let decoder = UpdateDecoder::new(init.size, init.pixel_format)?;
                    self.state = State::Message(decoder.with_helpers(self.helpers.clone()));
                    told(ScreenEvent::Opened {
                        size: init.size,
                        name: String::from_utf8_lossy(&init.name).into_owned(),
                    });
                    true
                }
                State::Message(decoder) => match ServerMessage::next(input) {
                    Ok(Some(frame)) => {
                        match frame.message {
                            ServerMessage::Update { .. } => self.formats.update_begins(),
                            ServerMessage::EndOfContinuousUpdates => self.formats.ended(),
                            _ => {}
                        }
                        self.state = message(decoder, frame.message, told)?;
                        matches!(self.state, State::Message(_))
                    }
                    Ok(None) => {
                        self.state = State::Message(decoder);
                        return Ok(());
                    }
                    Err(error) => return Err(error),
                },
                State::Update(mut decoder) => {
                    let (cursor, pointer, client) = (&mut self.cursor, &mut self.pointer, &mut self.client);
                    let decoded = decoder.decode(input.rest(), &mut |event| {
                        match &event {
                            UpdateEvent::Cursor(image) => *cursor = Some(image.clone()),
                            UpdateEvent::PointerAt { x, y } => *pointer = Some((*x, *y)),
                            UpdateEvent::ExtendedMouseButtons => client.offer_extended_buttons(),
                            _ => {}
                        }
                        told(ScreenEvent::Update(event));
                    })?;
                    input.take(decoded.consumed);
                    if decoded.progress != Progress::Finished {
                        self.state = State::Update(decoder);
                        return Ok(());
                    }
                    self.state = State::Message(decoder);
                    told(ScreenEvent::Updated);
                    true
                }
            };
            if whole {
                self.use_format()?;
            }
        }
    }
}

/// What comes after a message of the target.
fn message(
    mut decoder: UpdateDecoder,
    message: ServerMessage<'_>,
    told: &mut dyn FnMut(ScreenEvent),
) -> RfbResult<State> {
    match message {
        ServerMessage::Update { rectangles } => {
            decoder.start(rectangles)?;
            return Ok(State::Update(decoder));
        }
        ServerMessage::ColourMap { first, colours: map } => {
            let map: Vec<[u16; 3]> = colours(map).collect();
            decoder.set_colours(first, &map)?;
        }
        ServerMessage::Bell => told(ScreenEvent::Bell),
        ServerMessage::CutText(text) => {
            if let Some(event) = clipboard_event(Side::Target, text) {
                told(event);
            }
        }
        // They say how the connection is driven, and nothing that is seen.
        ServerMessage::EndOfContinuousUpdates | ServerMessage::Fence { .. } | ServerMessage::Xvp { .. } => {}
    }
    Ok(State::Message(decoder))
}

/// What a client's message means to who watches; `None` if it only says how the connection is driven.
fn client_event(message: &ClientMessage<'_>) -> Option<ScreenEvent> {
    Some(match *message {
        ClientMessage::Key { down, keysym } => ScreenEvent::Key {
            down,
            keysym,
            keycode: None,
        },
        ClientMessage::QemuKey {
            down,
            keysym,
            keycode,
        } => ScreenEvent::Key {
            down,
            keysym,
            keycode: Some(keycode),
        },
        ClientMessage::Pointer { buttons, x, y } => ScreenEvent::Pointer { buttons, x, y },
        ClientMessage::CutText(text) => return clipboard_event(Side::Rep, text),
        ClientMessage::Xvp { code, .. } => ScreenEvent::Power(code),
        ClientMessage::SetPixelFormat(_)
        | ClientMessage::SetEncodings(_)
        | ClientMessage::UpdateRequest { .. }
        | ClientMessage::ContinuousUpdates { .. }
        | ClientMessage::Fence { .. }
        | ClientMessage::SetDesktopSize { .. } => return None,
    })
}

/// The text that a clipboard's message carries; `None` if it only talks about one.
fn clipboard_event(side: Side, text: CutText<'_>) -> Option<ScreenEvent> {
    let text = match text {
        CutText::Latin1(bytes) => Ok(clipboard::latin1_text(bytes)),
        CutText::Extended(bytes) => match ClipboardMessage::read(bytes) {
            Ok(ClipboardMessage::Provide(contents)) => {
                let (_, data) = contents
                    .into_iter()
                    .find(|(format, _)| *format == Formats::TEXT)?;
                clipboard::text(&data)
            }
            Ok(_) => return None,
            Err(error) => Err(error),
        },
    };
    Some(ScreenEvent::Clipboard { side, text })
}
