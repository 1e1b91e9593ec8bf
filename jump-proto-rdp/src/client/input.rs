//! What callers type and point, as input events (MS-RDPBCGR §2.2.8.1).

use ironrdp_core::{WriteBuf, encode_vec};
use ironrdp_input::{Database, MouseButton, MousePosition, Operation, Scancode, WheelRotations};
use ironrdp_pdu::input::fast_path::{FastPathInput, FastPathInputEvent, KeyboardFlags, SynchronizeFlags};
use ironrdp_pdu::input::mouse::PointerFlags;
use ironrdp_pdu::input::sync::SyncToggleFlags;
use ironrdp_pdu::input::{InputEvent, InputEventPdu, ScanCodePdu, SyncPdu, UnicodePdu, scan_code, unicode};
use ironrdp_pdu::rdp::capability_sets::InputFlags;
use ironrdp_pdu::rdp::headers::{ShareDataPdu, encode_share_data};
use jump_core::protocol::{Keysym, PointerButtons};
use jump_core::{Error, ErrorKind, Result};

use super::keys::{self, Key, SHIFT_LEFT, SHIFT_RIGHT};

/// The most characters that are held at once. No hand holds as many; with one more all are let go.
const MAX_HELD: usize = 64;
/// A step of the wheel (MS-RDPBCGR §2.2.8.1.1.3.1.1.3, as Windows counts: `WHEEL_DELTA`).
const STEP: i16 = 120;
const BUTTONS: [(PointerButtons, MouseButton); 5] = [
    (PointerButtons::LEFT, MouseButton::Left),
    (PointerButtons::MIDDLE, MouseButton::Middle),
    (PointerButtons::RIGHT, MouseButton::Right),
    (PointerButtons::BACK, MouseButton::X1),
    (PointerButtons::FORWARD, MouseButton::X2),
];

/// Where input goes, and what the server takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    pub(super) user: u16,
    pub(super) io: u16,
    pub(super) share: u32,
    pub(super) flags: InputFlags,
}

impl Channel {
    fn takes(self, flag: InputFlags) -> bool {
        self.flags.contains(flag)
    }

    /// Fast-path input must not be sent to a server that does not announce it (MS-RDPBCGR §2.2.8.1.2).
    fn fast(self) -> bool {
        self.takes(InputFlags::FASTPATH_INPUT) || self.takes(InputFlags::FASTPATH_INPUT_2)
    }
}

/// What is held at the server, and how events are written.
pub(super) struct Input {
    pub(super) channel: Channel,
    held: Database,
    characters: Vec<char>,
}

impl Input {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            channel,
            held: Database::new(),
            characters: Vec::new(),
        }
    }

    /// Says that no lock is on, so that keys type what the table says (MS-RDPBCGR §2.2.8.1.2.2.5).
    pub(super) fn without_locks(&self) -> Result<Vec<u8>> {
        self.encode(&[FastPathInputEvent::SyncEvent(SynchronizeFlags::empty())])
    }

    /// A key that is pressed or let go.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a keysym that cannot be sent.
    pub(super) fn key(&mut self, keysym: Keysym, pressed: bool) -> Result<Vec<u8>> {
        const OPERATION: &str = "send a key";
        let unsupported = |why: &str| Error::new(ErrorKind::Unsupported, OPERATION, why);
        let key = keys::key(keysym).ok_or_else(|| unsupported("RDP has no key for this keysym"))?;
        let events = match key {
            Key::Named(scancode) => self.turn(scancode, pressed),
            Key::Typing { scancode, shift } if pressed => self.type_with(scancode, shift),
            Key::Typing { scancode, .. } => self.turn(scancode, false),
            Key::Character(_) if !self.channel.takes(InputFlags::UNICODE) => {
                return Err(unsupported(
                    "the server takes only characters that a US keyboard has a key for",
                ));
            }
            Key::Character(character) => self.character(character, pressed),
        };
        self.encode(&events)
    }

    fn turn(&mut self, scancode: Scancode, pressed: bool) -> Vec<FastPathInputEvent> {
        let operation = if pressed {
            Operation::KeyPressed(scancode)
        } else {
            Operation::KeyReleased(scancode)
        };
        self.held.apply([operation]).into_iter().collect()
    }

    /// Presses a key that types, with Shift as the character wants it, whatever is held. With Control, Alt or Super it is a
    /// shortcut, and Shift is taken from nobody.
    fn type_with(&mut self, scancode: Scancode, shift: bool) -> Vec<FastPathInputEvent> {
        let held = |key: &Scancode| self.held.is_key_pressed(*key);
        let shifts: Vec<Scancode> = [SHIFT_LEFT, SHIFT_RIGHT].into_iter().filter(held).collect();
        let shortcut = keys::SHORTCUT.iter().any(held);
        let (before, after) = match (shift, shifts.is_empty()) {
            (true, true) => (vec![(SHIFT_LEFT, true)], vec![(SHIFT_LEFT, false)]),
            (false, false) if !shortcut => {
                let all = |pressed| shifts.iter().map(move |key| (*key, pressed)).collect();
                (all(false), all(true))
            }
            _ => (Vec::new(), Vec::new()),
        };
        let events =
            |turns: Vec<(Scancode, bool)>| turns.into_iter().map(|(key, pressed)| event(key, pressed));
        let mut all: Vec<_> = events(before).collect();
        all.extend(self.turn(scancode, true));
        all.extend(events(after));
        all
    }

    fn character(&mut self, character: char, pressed: bool) -> Vec<FastPathInputEvent> {
        let mut operations = Vec::new();
        self.characters.retain(|held| *held != character);
        if !pressed {
            operations.push(Operation::UnicodeKeyReleased(character));
        } else {
            if self.characters.len() == MAX_HELD {
                operations.extend(self.characters.drain(..).map(Operation::UnicodeKeyReleased));
            }
            self.characters.push(character);
            operations.push(Operation::UnicodeKeyPressed(character));
        }
        self.held.apply(operations).into_iter().collect()
    }

    /// The pointer at a place with these buttons; whether it only moved.
    pub(super) fn pointer(&mut self, x: u16, y: u16, buttons: PointerButtons) -> Result<(Vec<u8>, bool)> {
        let mut operations = vec![Operation::MouseMove(MousePosition { x, y })];
        for (flag, button) in BUTTONS {
            operations.push(if buttons.holds(flag) {
                Operation::MouseButtonPressed(button)
            } else {
                Operation::MouseButtonReleased(button)
            });
        }
        let events: Vec<_> = self.held.apply(operations).into_iter().collect();
        let moved = |event: &FastPathInputEvent| matches!(event, FastPathInputEvent::MouseEvent(mouse) if mouse.flags == PointerFlags::MOVE);
        let only_moved = events.iter().all(moved);
        Ok((self.encode(&events)?, only_moved))
    }

    /// The wheel, in steps to the right and down.
    pub(super) fn wheel(&mut self, right: i32, down: i32) -> Result<Vec<u8>> {
        let mut events = Vec::new();
        // Upwards and to the right are positive (MS-RDPBCGR §2.2.8.1.1.3.1.1.3).
        for (is_vertical, steps) in [(true, -down), (false, right)] {
            let rotation_units = if steps < 0 { -STEP } else { STEP };
            for _ in 0..steps.unsigned_abs() {
                events.extend(self.held.apply([Operation::WheelRotations(WheelRotations {
                    is_vertical,
                    rotation_units,
                })]));
            }
        }
        self.encode(&events)
    }

    /// Whether a key or button is held.
    pub(super) fn holds_anything(&self) -> bool {
        self.held.keyboard_state().any()
            || self.held.mouse_buttons_state().any()
            || !self.characters.is_empty()
    }

    /// Lets go of all that is held.
    pub(super) fn release(&mut self) -> Result<Vec<u8>> {
        self.characters.clear();
        let events: Vec<_> = self.held.release_all().into_iter().collect();
        self.encode(&events)
    }

    fn encode(&self, events: &[FastPathInputEvent]) -> Result<Vec<u8>> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::new(ErrorKind::Internal, "write an input event", error.to_string())
        };
        let mut bytes = Vec::new();
        for events in events.chunks(FastPathInput::MAX_EVENTS) {
            if self.channel.fast() {
                let input = FastPathInput::new(events.to_vec()).map_err(|error| failed(&error))?;
                bytes.extend(encode_vec(&input).map_err(|error| failed(&error))?);
            } else {
                let slow = events.iter().filter_map(slow).collect();
                let pdu = ShareDataPdu::Input(InputEventPdu(slow));
                let Channel { user, io, share, .. } = self.channel;
                let mut buffer = WriteBuf::new();
                encode_share_data(user, io, share, pdu, &mut buffer).map_err(|error| failed(&error))?;
                bytes.extend_from_slice(buffer.filled());
            }
        }
        Ok(bytes)
    }
}

fn event(key: Scancode, pressed: bool) -> FastPathInputEvent {
    let (extended, code) = key.as_u8();
    let mut flags = KeyboardFlags::empty();
    flags.set(KeyboardFlags::EXTENDED, extended);
    flags.set(KeyboardFlags::RELEASE, !pressed);
    FastPathInputEvent::KeyboardEvent(flags, code)
}

/// The same event as a server takes it that has no fast path (MS-RDPBCGR §2.2.8.1.1.3.1.1).
fn slow(event: &FastPathInputEvent) -> Option<InputEvent> {
    Some(match event {
        FastPathInputEvent::KeyboardEvent(flags, code) => {
            let mut slow = scan_code::KeyboardFlags::empty();
            slow.set(
                scan_code::KeyboardFlags::EXTENDED,
                flags.contains(KeyboardFlags::EXTENDED),
            );
            slow.set(
                scan_code::KeyboardFlags::RELEASE,
                flags.contains(KeyboardFlags::RELEASE),
            );
            InputEvent::ScanCode(ScanCodePdu {
                flags: slow,
                key_code: (*code).into(),
            })
        }
        FastPathInputEvent::UnicodeKeyboardEvent(flags, code) => {
            let mut slow = unicode::KeyboardFlags::empty();
            slow.set(
                unicode::KeyboardFlags::RELEASE,
                flags.contains(KeyboardFlags::RELEASE),
            );
            InputEvent::Unicode(UnicodePdu {
                flags: slow,
                unicode_code: *code,
            })
        }
        FastPathInputEvent::MouseEvent(mouse) => InputEvent::Mouse(*mouse),
        FastPathInputEvent::MouseEventEx(mouse) => InputEvent::MouseX(*mouse),
        FastPathInputEvent::SyncEvent(flags) => InputEvent::Sync(SyncPdu {
            flags: SyncToggleFlags::from_bits_truncate(flags.bits().into()),
        }),
        FastPathInputEvent::MouseEventRel(_) | FastPathInputEvent::QoeEvent(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use super::*;

    fn input(flags: InputFlags) -> Input {
        Input::new(Channel {
            user: 1007,
            io: 1003,
            share: 0x1_03ea,
            flags,
        })
    }

    /// The events of messages of the fast path (MS-RDPBCGR §2.2.8.1.2): one to 15 in each, short messages only.
    fn events(bytes: &[u8]) -> Vec<u8> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while let [_, length, ..] = rest {
            let (message, others) = rest.split_at(usize::from(*length & 0x7f));
            events.extend(message.get(2..).unwrap());
            rest = others;
        }
        events
    }

    const ALL: InputFlags = InputFlags::all();

    #[test]
    fn a_character_has_the_shift_that_it_wants() {
        const DOWN: u8 = 0;
        const UP: u8 = 1;
        let mut input = input(ALL);
        let capital = input.key(Keysym::of('A'), true).unwrap();
        assert_eq!(events(&capital), [DOWN, 0x2a, DOWN, 0x1e, UP, 0x2a]);
        assert_eq!(events(&input.key(Keysym::of('A'), false).unwrap()), [UP, 0x1e]);
        // With Shift held it is there already, and is lifted for a small letter.
        input.key(Keysym(0xffe2), true).unwrap();
        assert_eq!(events(&input.key(Keysym::of('A'), true).unwrap()), [DOWN, 0x1e]);
        input.key(Keysym::of('A'), false).unwrap();
        let small = input.key(Keysym::of('a'), true).unwrap();
        assert_eq!(events(&small), [UP, 0x36, DOWN, 0x1e, DOWN, 0x36]);
        input.key(Keysym::of('a'), false).unwrap();
        // A shortcut keeps what is held.
        input.key(Keysym(0xffe3), true).unwrap();
        assert_eq!(events(&input.key(Keysym::of('a'), true).unwrap()), [DOWN, 0x1e]);
        assert!(input.holds_anything());
        let released = events(&input.release().unwrap());
        assert_eq!(released, [UP, 0x1d, UP, 0x1e, UP, 0x36]);
        assert!(!input.holds_anything());
    }

    #[test]
    fn other_characters_go_as_utf_16() {
        const UNICODE_DOWN: u8 = 4 << 5;
        const UNICODE_UP: u8 = 4 << 5 | 1;
        let mut input = input(ALL);
        let typed = input.key(Keysym::of('€'), true).unwrap();
        assert_eq!(events(&typed), [UNICODE_DOWN, 0xac, 0x20]);
        let released = input.key(Keysym::of('€'), false).unwrap();
        assert_eq!(events(&released), [UNICODE_UP, 0xac, 0x20]);
        let pair = events(&input.key(Keysym::of('🙂'), true).unwrap());
        assert_eq!(pair, [UNICODE_DOWN, 0x3d, 0xd8, UNICODE_DOWN, 0x42, 0xde]);
    }

    #[test]
    fn a_server_without_unicode_gets_none() {
        let mut input = input(ALL - InputFlags::UNICODE);
        let error = input.key(Keysym::of('€'), true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(!input.holds_anything());
        input.key(Keysym::of('e'), true).unwrap();
    }

    #[test]
    fn a_server_without_the_fast_path_gets_input_the_slow_way() {
        let mut input = input(InputFlags::SCANCODES | InputFlags::MOUSEX);
        let bytes = input.key(Keysym::of('a'), true).unwrap();
        // TPKT, and at the end the event: its time, its type, flags, the key, and padding (§2.2.8.1.1.3.1.1).
        assert!(bytes.starts_with(&[3, 0, 0]));
        assert!(
            bytes.ends_with(&[0, 0, 0, 0, 4, 0, 0, 0, 0x1e, 0, 0, 0]),
            "{bytes:x?}"
        );
    }

    #[test]
    fn many_characters_are_not_held_at_once() {
        let mut input = input(ALL);
        for code in 0x4e00..0x4e00 + 1000 {
            input.key(Keysym(0x0100_0000 | code), true).unwrap();
            assert!(input.characters.len() <= MAX_HELD);
        }
    }

    #[test]
    fn the_wheel_turns_in_steps_and_only_moves_are_moves() {
        let mut input = input(ALL);
        let (bytes, moved) = input.pointer(3, 4, PointerButtons::NONE).unwrap();
        assert!(moved);
        assert_eq!(events(&bytes), [1 << 5, 0, 8, 3, 0, 4, 0]);
        let (bytes, moved) = input.pointer(3, 4, PointerButtons::BACK).unwrap();
        assert!(!moved);
        assert_eq!(events(&bytes), [2 << 5, 1, 0x80, 3, 0, 4, 0]);
        let up = input.wheel(0, -1).unwrap();
        assert_eq!(events(&up), [1 << 5, 120, 2, 3, 0, 4, 0]);
        let down = input.wheel(0, 1).unwrap();
        assert_eq!(events(&down), [1 << 5, 136, 3, 3, 0, 4, 0]);
    }
}
