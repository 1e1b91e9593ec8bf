//! The client's direction of a recording.

use crate::RfbResult;
use crate::wire::{ClientFramer, ClientMessage, Encoding, Input};

/// Puts a client's bytes together to messages.
#[derive(Debug, Default)]
pub(super) struct ClientSide {
    /// Whether ClientInit (RFC 6143 §7.3.1) has come.
    greeted: bool,
    framer: ClientFramer,
    /// What it listed and what the server said: both are needed.
    extended_buttons: (bool, bool),
    /// The beginning of a message, never longer than one.
    kept: Vec<u8>,
}

impl ClientSide {
    /// The server understands more mouse buttons (rfbproto "Extended Mouse Buttons Pseudo-encoding").
    pub(super) fn offer_extended_buttons(&mut self) {
        self.extended_buttons.1 = true;
        self.agree();
    }

    fn agree(&mut self) {
        self.framer
            .set_extended_buttons(self.extended_buttons == (true, true));
    }

    /// Takes the next bytes and tells every message that is whole.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        told: &mut dyn FnMut(ClientMessage<'_>) -> RfbResult<()>,
    ) -> RfbResult<()> {
        let mut all = std::mem::take(&mut self.kept);
        all.extend_from_slice(bytes);
        let mut input = Input::new(&all);
        if !self.greeted {
            self.greeted = input.u8().is_some();
        }
        while let Some(frame) = self.framer.next(&mut input)? {
            if let ClientMessage::SetEncodings(encodings) = &frame.message {
                self.extended_buttons.0 = encodings.contains(&Encoding::EXTENDED_MOUSE_BUTTONS);
                self.agree();
            }
            told(frame.message)?;
        }
        let used = input.consumed();
        all.drain(..used);
        self.kept = all;
        Ok(())
    }
}
