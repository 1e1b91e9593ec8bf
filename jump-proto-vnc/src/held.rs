//! What is held down at a target.

use crate::RfbResult;
use crate::wire::{ClientFramer, ClientMessage};

/// The most keys that are held at once. No hand holds as many; with one more the first is let go.
const MAX_KEYS: usize = 64;

/// Keys and buttons that were pressed and not released yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    keys: Vec<Key>,
    buttons: u16,
    /// Where the pointer is.
    place: (u16, u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    keysym: u32,
    keycode: Option<u32>,
}

impl Key {
    /// Whether they are one key: with Shift it may be released as another keysym, but not as another scan code.
    fn is_same(self, other: Self) -> bool {
        match (self.keycode, other.keycode) {
            (Some(one), Some(other)) => one == other,
            (None, None) => self.keysym == other.keysym,
            _ => false,
        }
    }

    const fn up(self) -> ClientMessage<'static> {
        let Self { keysym, keycode } = self;
        match keycode {
            None => ClientMessage::Key { down: false, keysym },
            Some(keycode) => ClientMessage::QemuKey {
                down: false,
                keysym,
                keycode,
            },
        }
    }
}

impl Held {
    /// Notes a message that passes; what goes before it is appended.
    ///
    /// # Errors
    /// None: the messages have a fixed length.
    pub(crate) fn note(
        &mut self,
        message: &ClientMessage<'_>,
        framer: &ClientFramer,
        output: &mut Vec<u8>,
    ) -> RfbResult<()> {
        let (down, key) = match *message {
            ClientMessage::Key { down, keysym } => (
                down,
                Key {
                    keysym,
                    keycode: None,
                },
            ),
            ClientMessage::QemuKey {
                down,
                keysym,
                keycode,
            } => {
                let keycode = Some(keycode);
                (down, Key { keysym, keycode })
            }
            ClientMessage::Pointer { buttons, x, y } => {
                (self.buttons, self.place) = (buttons, (x, y));
                return Ok(());
            }
            _ => return Ok(()),
        };
        // A key that repeats is pressed again and again.
        self.keys.retain(|held| !held.is_same(key));
        if down {
            if self.keys.len() == MAX_KEYS {
                framer.write(&self.keys.remove(0).up(), output)?;
            }
            self.keys.push(key);
        }
        Ok(())
    }

    /// Whether nothing is.
    pub(crate) const fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.buttons == 0
    }

    /// Appends what lets all of it go, the last one first.
    ///
    /// # Errors
    /// As for [`note`](Self::note).
    pub(crate) fn release(&mut self, framer: &ClientFramer, output: &mut Vec<u8>) -> RfbResult<()> {
        for key in self.keys.drain(..).rev() {
            framer.write(&key.up(), output)?;
        }
        if std::mem::take(&mut self.buttons) != 0 {
            let ((x, y), buttons) = (self.place, 0);
            framer.write(&ClientMessage::Pointer { buttons, x, y }, output)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(down: bool, keysym: u32) -> ClientMessage<'static> {
        ClientMessage::Key { down, keysym }
    }

    #[test]
    fn what_is_held_is_let_go_and_nothing_else() {
        let framer = ClientFramer::new();
        let (mut held, mut output) = (Held::default(), Vec::new());
        let qemu = |down, keysym| ClientMessage::QemuKey {
            down,
            keysym,
            keycode: 30,
        };
        let pointer = |buttons| ClientMessage::Pointer { buttons, x: 3, y: 4 };
        for message in [
            key(true, 0xffe1),
            key(true, 0x41),
            key(true, 0x41),
            key(true, 0x42),
            key(false, 0x42),
            qemu(true, 0x41),
            qemu(false, 0x61),
            pointer(1),
            pointer(0),
            pointer(5),
        ] {
            held.note(&message, &framer, &mut output).unwrap();
        }
        assert!(output.is_empty());
        held.release(&framer, &mut output).unwrap();
        let expected = [
            &[4, 0, 0, 0, 0, 0, 0, 0x41][..],
            &[4, 0, 0, 0, 0, 0, 0xff, 0xe1],
            &[5, 0, 0, 3, 0, 4],
        ];
        assert_eq!(output, expected.concat());
        output.clear();
        held.release(&framer, &mut output).unwrap();
        assert!(output.is_empty());
    }

    #[test]
    fn with_too_many_keys_the_first_is_let_go() {
        let framer = ClientFramer::new();
        let (mut held, mut output) = (Held::default(), Vec::new());
        for keysym in 0..100_000 {
            held.note(&key(true, keysym), &framer, &mut output).unwrap();
            assert!(held.keys.len() <= MAX_KEYS);
        }
        let released = output.len() / 8;
        assert_eq!(released, 100_000 - MAX_KEYS);
        held.release(&framer, &mut output).unwrap();
        assert_eq!(output.len() / 8, 100_000);
    }
}
