//! What is to be sent and has not been given to the stream yet.

use jump_core::screen::{self, MAX_WAITING};

use crate::RfbResult;
use crate::held::Held;
use crate::wire::{ClientFramer, ClientMessage};

/// The receiver, whose answers a server may be waiting for, waits only from here on.
pub(super) const MAX_ANSWERS: usize = MAX_WAITING + 2 * 1024 * 1024;

/// Messages of a client in their order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) waiting: screen::Outbox,
    framer: ClientFramer,
    /// The buttons that the last message of the pointer says.
    buttons: u16,
    held: Held,
}

impl Outbox {
    pub(super) const fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether the server understands nine buttons.
    pub(super) const fn set_extended_buttons(&mut self) {
        self.framer.set_extended_buttons(true);
    }

    /// Appends a message. A move of the pointer replaces the one before it that is still waiting.
    pub(super) fn push(&mut self, message: &ClientMessage<'_>) -> RfbResult<()> {
        let mut bytes = Vec::new();
        self.held.note(message, &self.framer, &mut bytes)?;
        self.framer.write(message, &mut bytes)?;
        match *message {
            ClientMessage::Pointer { buttons, .. } if buttons == self.buttons => {
                self.waiting.push_move(&bytes);
            }
            ClientMessage::Pointer { buttons, .. } => {
                self.buttons = buttons;
                self.waiting.push(&bytes);
            }
            _ => self.waiting.push(&bytes),
        }
        Ok(())
    }

    /// Appends what lets go of all keys and buttons that are held; whether there were any.
    pub(super) fn release(&mut self) -> bool {
        let held = !self.held.is_empty();
        let mut bytes = Vec::new();
        // Messages of a fixed length can always be written.
        let released = held && self.held.release(&self.framer, &mut bytes).is_ok();
        self.buttons = 0;
        self.waiting.push(&bytes);
        released
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(outbox: &mut Outbox) -> Vec<(u16, u16)> {
        let bytes = outbox.waiting.take();
        let mut input = crate::wire::Input::new(&bytes);
        let mut sent = Vec::new();
        while let Some(frame) = ClientFramer::new().next(&mut input).unwrap() {
            if let ClientMessage::Pointer { buttons, x, .. } = frame.message {
                sent.push((buttons, x));
            }
        }
        sent
    }

    #[test]
    fn only_moves_that_nobody_saw_are_left_out() {
        let mut outbox = Outbox::default();
        let pointer = |outbox: &mut Outbox, buttons, x| {
            outbox.push(&ClientMessage::Pointer { buttons, x, y: 0 }).unwrap();
        };
        for (buttons, x) in [(0, 1), (0, 2), (1, 2), (1, 3), (1, 4), (0, 4), (1, 4), (0, 4)] {
            pointer(&mut outbox, buttons, x);
        }
        // A button is pressed where it was pressed: what is dragged begins there.
        assert_eq!(
            sent(&mut outbox),
            [(0, 2), (1, 2), (1, 4), (0, 4), (1, 4), (0, 4)]
        );
        pointer(&mut outbox, 0, 1);
        outbox
            .push(&ClientMessage::Key {
                down: true,
                keysym: 97,
            })
            .unwrap();
        pointer(&mut outbox, 0, 2);
        assert_eq!(sent(&mut outbox), [(0, 1), (0, 2)]);
    }
}
