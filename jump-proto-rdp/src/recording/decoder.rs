//! Both directions of a recorded session, without I/O.

use bytes::BytesMut;
use jump_core::protocol::{Area, Picture};

use super::server::Server;
use crate::wire::client_info::is_client_info;
use crate::wire::connect::{Wishes, change_client};
use crate::wire::input::{self, Input};
use crate::wire::share::{self, Control, number};
use crate::wire::{Domain, Head, RdpError, RdpResult, domain};
use crate::{RdpRecord, Refused};

/// What happened in a session. Texts came from a peer: escape them where they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScreenEvent {
    /// The screen has this size now and is black.
    Opened {
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },
    /// This part was painted.
    Painted(Area),
    /// A key or the pointer of the client.
    Input(Input),
    /// The gate did not pass messages on.
    NotPassed {
        /// What they were.
        what: Refused,
        /// How many in a row.
        messages: u32,
    },
    /// The gate did not let a channel through.
    ChannelRefused {
        /// Its name.
        name: String,
        /// What it is.
        what: Refused,
    },
}

/// Decodes both directions of a session. Its state depends on every byte before: codecs remember what they sent, so there is
/// no beginning in the middle.
#[derive(Debug, Default)]
pub struct ScreenDecoder {
    up: BytesMut,
    down: BytesMut,
    server: Server,
    pointer: Option<(u16, u16)>,
    broken: Option<RdpError>,
}

impl ScreenDecoder {
    /// For a session at its beginning.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The screen as it is painted so far, without the pointer; `None` before there is one.
    #[must_use]
    pub fn screen(&self) -> Option<Picture> {
        self.server.screen()
    }

    /// The screen with the pointer where the client had it, as the rep saw it; `None` as for [`screen`](Self::screen).
    #[must_use]
    pub fn seen(&self) -> Option<Picture> {
        let mut screen = self.screen()?;
        if let Some((x, y)) = self.pointer {
            self.server.draw_pointer(&mut screen, x, y);
        }
        Some(screen)
    }

    /// How many pieces of graphics could not be decoded, and are missing in the picture.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.server.missing()
    }

    /// Whether the target sent graphics at all.
    #[must_use]
    pub const fn graphics(&self) -> bool {
        self.server.graphics()
    }

    /// Takes the next bytes that came from the target.
    ///
    /// # Errors
    /// What cannot be decoded. The same error is returned from then on.
    pub fn target(&mut self, bytes: &[u8], told: &mut dyn FnMut(ScreenEvent)) -> RdpResult<()> {
        self.sound()?;
        self.down.extend_from_slice(bytes);
        let mut taken = Ok(());
        while taken.is_ok() {
            match next(&mut self.down) {
                Ok(None) => break,
                Ok(Some(message)) => taken = self.server.message(message, told),
                Err(error) => taken = Err(error),
            }
        }
        taken.inspect_err(|error| self.broken = Some(*error))
    }

    /// Takes the next bytes that came from the client.
    ///
    /// # Errors
    /// As for [`target`](Self::target).
    pub fn client(&mut self, bytes: &[u8], told: &mut dyn FnMut(ScreenEvent)) -> RdpResult<()> {
        self.sound()?;
        self.up.extend_from_slice(bytes);
        let mut taken = Ok(());
        while taken.is_ok() {
            match next(&mut self.up) {
                Ok(None) => break,
                Ok(Some(message)) => taken = self.client_message(message, told),
                Err(error) => taken = Err(error),
            }
        }
        taken.inspect_err(|error| self.broken = Some(*error))
    }

    fn sound(&self) -> RdpResult<()> {
        self.broken.map_or(Ok(()), Err)
    }

    fn client_message(&mut self, mut message: BytesMut, told: &mut dyn FnMut(ScreenEvent)) -> RdpResult<()> {
        let head = Head::read(&message)?;
        if head.is_some_and(|head| head.fast_path) {
            return self.input(&input::of_fast_path(&message)?, told);
        }
        match domain(&message)? {
            Domain::ConnectInitial(at) => {
                // The gate's changes are there already; nothing is changed that is read here.
                let settings = change_client(&mut message, at, 0, Wishes::default(), |_| true)?;
                self.server.listed(settings.channels);
            }
            Domain::SendDataRequest(data) if Some(data.channel) == self.server.io() => {
                let content = message.get(data.range).unwrap_or_default();
                if self.server.has_screen() {
                    for part in share::parts(content)? {
                        if part.control == Control::Data(number::INPUT) {
                            let pdu = content.get(part.range).unwrap_or_default();
                            self.input(&input::of_share_data(pdu)?, told)?;
                        }
                    }
                } else if is_client_info(content) {
                    self.server.logged_in();
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn input(&mut self, inputs: &[Input], told: &mut dyn FnMut(ScreenEvent)) -> RdpResult<()> {
        for input in inputs {
            if let Input::Pointer { x, y, .. } = input {
                self.pointer = Some((*x, *y));
            }
            told(ScreenEvent::Input(*input));
        }
        Ok(())
    }

    /// Takes what the gate noted between the bytes.
    pub fn note(&mut self, record: &RdpRecord, told: &mut dyn FnMut(ScreenEvent)) {
        told(match record {
            RdpRecord::Dropped { what, messages } => ScreenEvent::NotPassed {
                what: *what,
                messages: *messages,
            },
            RdpRecord::ChannelRefused { name, what } => ScreenEvent::ChannelRefused {
                name: name.clone(),
                what: *what,
            },
        });
    }
}

/// Takes the next whole message out of a buffer.
fn next(buffer: &mut BytesMut) -> RdpResult<Option<BytesMut>> {
    let head = Head::read(buffer)?;
    Ok(head
        .filter(|head| head.length <= buffer.len())
        .map(|head| buffer.split_to(head.length)))
}
