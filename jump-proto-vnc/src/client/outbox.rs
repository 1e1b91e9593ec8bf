//! What is to be sent and has not been given to the stream yet.

use crate::RfbResult;
use crate::held::Held;
use crate::wire::{ClientFramer, ClientMessage};

/// A caller waits while so many bytes are waiting already; one message may go beyond it.
pub(super) const MAX_WAITING: usize = 64 * 1024;
/// The receiver, whose answers a server may be waiting for, waits only from here on.
pub(super) const MAX_ANSWERS: usize = MAX_WAITING + 2 * 1024 * 1024;

/// Messages of a client in their order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    framer: ClientFramer,
    /// Where the last message begins if it is a pointer's, and the buttons it says.
    pointer: Option<(usize, u16)>,
    held: Held,
}

impl Outbox {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the server understands nine buttons.
    pub(super) const fn set_extended_buttons(&mut self) {
        self.framer.set_extended_buttons(true);
    }

    /// Appends a message. A move of the pointer replaces the one before it that is still waiting with the same buttons.
    pub(super) fn push(&mut self, message: &ClientMessage<'_>) -> RfbResult<()> {
        self.held.note(message, &self.framer, &mut self.bytes)?;
        let start = self.bytes.len();
        let ClientMessage::Pointer { buttons, .. } = *message else {
            self.pointer = None;
            return self.framer.write(message, &mut self.bytes);
        };
        match self.pointer {
            Some((last, same)) if same == buttons => {
                let mut moved = Vec::with_capacity(8);
                self.framer.write(message, &mut moved)?;
                self.bytes.truncate(last);
                self.bytes.extend(moved);
            }
            _ => {
                self.framer.write(message, &mut self.bytes)?;
                self.pointer = Some((start, buttons));
            }
        }
        Ok(())
    }

    /// Appends what lets go of all keys and buttons that are held; whether there were any.
    pub(super) fn release(&mut self) -> bool {
        self.pointer = None;
        let held = !self.held.is_empty();
        // Messages of a fixed length can always be written.
        held && self.held.release(&self.framer, &mut self.bytes).is_ok()
    }

    /// Takes all of it.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.pointer = None;
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(outbox: &mut Outbox) -> Vec<(u16, u16)> {
        let bytes = outbox.take();
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
        for (buttons, x) in [(0, 1), (0, 2), (1, 2), (1, 3), (0, 3), (1, 3), (0, 3)] {
            pointer(&mut outbox, buttons, x);
        }
        assert_eq!(sent(&mut outbox), [(0, 2), (1, 3), (0, 3), (1, 3), (0, 3)]);
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
