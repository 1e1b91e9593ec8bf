//! What a rep holds down, so that it can be let go at the end: nobody else would.

use std::collections::BTreeSet;

use crate::wire::input::Input;
use crate::wire::share::number;
use crate::wire::{RdpResult, send_data_request};

/// More keys than a keyboard has.
const MOST_KEYS: usize = 256;
/// `PTRFLAGS_BUTTON1` to `PTRFLAGS_BUTTON3`, and `PTRFLAGS_DOWN` (MS-RDPBCGR §2.2.8.1.1.3.1.1.3).
const BUTTONS: u16 = 0x7000;
const DOWN: u16 = 0x8000;
/// The most events of a message whose count is in its first byte (MS-RDPBCGR §2.2.8.1.2).
const EVENTS: usize = 15;

#[derive(Debug, Default)]
pub(super) struct Held {
    keys: BTreeSet<(u8, bool)>,
    buttons: u16,
    at: (u16, u16),
    fast_path: bool,
}

impl Held {
    /// Notes what passed.
    pub(super) fn note(&mut self, inputs: &[Input], fast_path: bool) {
        self.fast_path = fast_path;
        for input in inputs {
            match *input {
                Input::Key { down, code, extended } => {
                    if !down {
                        self.keys.remove(&(code, extended));
                    } else if self.keys.len() < MOST_KEYS {
                        self.keys.insert((code, extended));
                    }
                }
                Input::Pointer { flags, x, y } => {
                    self.at = (x, y);
                    if flags & DOWN != 0 {
                        self.buttons |= flags & BUTTONS;
                    } else {
                        self.buttons &= !(flags & BUTTONS);
                    }
                }
                Input::Character { .. } => {}
            }
        }
    }

    /// The messages that let go of all of it, in the way in which it came.
    pub(super) fn release(&self, user: u16, io: u16, share: u32) -> RdpResult<Vec<u8>> {
        let buttons: Vec<u16> = [0x1000, 0x2000, 0x4000]
            .into_iter()
            .filter(|button| self.buttons & button != 0)
            .collect();
        let mut messages = Vec::new();
        if self.fast_path {
            let keys = self
                .keys
                .iter()
                .map(|(code, extended)| vec![1 | u8::from(*extended) << 1, *code]);
            let events: Vec<Vec<u8>> = keys
                .chain(
                    buttons
                        .iter()
                        .map(|button| [&[0x20][..], &self.pointer(*button)].concat()),
                )
                .collect();
            for events in events.chunks(EVENTS) {
                let content = events.concat();
                // At most 15 events of 7 bytes.
                messages.push((events.len() as u8) << 2);
                messages.push(content.len() as u8 + 2);
                messages.extend_from_slice(&content);
            }
            return Ok(messages);
        }
        let keys = self.keys.iter().map(|(code, extended)| {
            let flags = DOWN | u16::from(*extended) << 8;
            let [low, high] = flags.to_le_bytes();
            vec![0, 0, 0, 0, 4, 0, low, high, *code, 0, 0, 0]
        });
        let events: Vec<Vec<u8>> = keys
            .chain(
                buttons
                    .iter()
                    .map(|button| [&[0, 0, 0, 0, 1, 0x80][..], &self.pointer(*button)].concat()),
            )
            .collect();
        for events in events.chunks(EVENTS) {
            let content = events.concat();
            let length = content.len() as u16 + 22;
            let mut pdu = length.to_le_bytes().to_vec();
            pdu.extend_from_slice(&[0x17, 0]);
            pdu.extend_from_slice(&user.to_le_bytes());
            pdu.extend_from_slice(&share.to_le_bytes());
            pdu.extend_from_slice(&[0, 1]);
            pdu.extend_from_slice(&(length - 18).to_le_bytes());
            pdu.extend_from_slice(&[number::INPUT, 0, 0, 0, events.len() as u8, 0, 0, 0]);
            pdu.extend_from_slice(&content);
            messages.extend_from_slice(&send_data_request(user, io, &pdu)?);
        }
        Ok(messages)
    }

    fn pointer(&self, flags: u16) -> [u8; 6] {
        let [[f0, f1], [x0, x1], [y0, y1]] = [flags, self.at.0, self.at.1].map(u16::to_le_bytes);
        [f0, f1, x0, x1, y0, y1]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use super::*;
    use crate::wire::{Domain, domain, input};

    #[test]
    fn what_is_held_is_let_go_in_the_way_it_came() {
        let key = |down, code, extended| Input::Key { down, code, extended };
        let pointer = |flags| Input::Pointer { flags, x: 7, y: 9 };
        for fast_path in [true, false] {
            let mut held = Held::default();
            assert!(held.release(1007, 1003, 1).unwrap().is_empty());
            let pressed = [
                key(true, 0x1d, true),
                key(true, 0x1e, false),
                pointer(0x9000),
                pointer(0x0800),
            ];
            held.note(&pressed, fast_path);
            held.note(&[key(false, 0x1e, false)], fast_path);
            let message = held.release(1007, 1003, 1).unwrap();
            let inputs = if fast_path {
                input::of_fast_path(&message).unwrap()
            } else {
                let Domain::SendDataRequest(data) = domain(&message).unwrap() else {
                    panic!("{message:?}");
                };
                input::of_share_data(&message[data.range]).unwrap()
            };
            assert_eq!(inputs, [key(false, 0x1d, true), pointer(0x1000)]);
        }
    }
}
