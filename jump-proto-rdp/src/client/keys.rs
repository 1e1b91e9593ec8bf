//! Keysyms as RDP sends keys: scan codes of set 1 (MS-RDPBCGR §2.2.8.1.2.2.1), or characters (§2.2.8.1.2.2.2).
//!
//! A character that a US keyboard types goes as that keyboard's key, because not every server takes characters, shortcuts are
//! made of keys, and the client says that it has this keyboard (§2.2.1.3.2, `keyboardLayout`). Every other one goes as a
//! character.

use ironrdp_input::Scancode;
use jump_core::protocol::Keysym;

pub(super) const SHIFT_LEFT: Scancode = Scancode::from_u8(false, 0x2a);
pub(super) const SHIFT_RIGHT: Scancode = Scancode::from_u8(false, 0x36);
/// The keys that make a shortcut of another one: Control, Alt and Super, left and right.
pub(super) const SHORTCUT: [Scancode; 6] = [
    Scancode::from_u8(false, 0x1d),
    Scancode::from_u8(true, 0x1d),
    Scancode::from_u8(false, 0x38),
    Scancode::from_u8(true, 0x38),
    Scancode::from_u8(true, 0x5b),
    Scancode::from_u8(true, 0x5c),
];

/// What a keysym is sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A key that is everywhere the same.
    Named(Scancode),
    /// A key that types a character, with Shift or without.
    Typing { scancode: Scancode, shift: bool },
    /// A character that no key of a US keyboard types.
    Character(char),
}

/// The key of a keysym; `None` if RDP has none.
pub(super) fn key(keysym: Keysym) -> Option<Key> {
    named(keysym.0)
        .map(Key::Named)
        .or_else(|| keysym.character().map(typed))
}

/// Rows of a US keyboard: where the first key is, what they type, and what with Shift.
const ROWS: [(u8, &str, &str); 6] = [
    (0x02, "1234567890-=", "!@#$%^&*()_+"),
    (0x10, "qwertyuiop[]", "QWERTYUIOP{}"),
    (0x1e, "asdfghjkl;'`", "ASDFGHJKL:\"~"),
    (0x2b, "\\", "|"),
    (0x2c, "zxcvbnm,./", "ZXCVBNM<>?"),
    (0x39, " ", ""),
];

fn typed(character: char) -> Key {
    let found = ROWS.iter().find_map(|(first, plain, shifted)| {
        let place = |row: &str| {
            let (code, _) = (*first..)
                .zip(row.chars())
                .find(|(_, other)| *other == character)?;
            Some(Scancode::from_u8(false, code))
        };
        let plain = place(plain).map(|scancode| (scancode, false));
        plain.or_else(|| place(shifted).map(|scancode| (scancode, true)))
    });
    match found {
        Some((scancode, shift)) => Key::Typing { scancode, shift },
        None => Key::Character(character),
    }
}

/// X Window System Protocol, appendix A; IBM PC/AT Technical Reference, "Keyboard", set 1.
fn named(keysym: u32) -> Option<Scancode> {
    let plain = |code| Some(Scancode::from_u8(false, code));
    let extended = |code| Some(Scancode::from_u8(true, code));
    match keysym {
        0xff1b => plain(0x01),             // Escape
        0xff08 => plain(0x0e),             // BackSpace
        0xff09 | 0xfe20 => plain(0x0f),    // Tab, ISO_Left_Tab
        0xff0d => plain(0x1c),             // Return
        0xffe3 => plain(0x1d),             // Control_L
        0xffe1 => plain(0x2a),             // Shift_L
        0xffe2 => plain(0x36),             // Shift_R
        0xffaa => plain(0x37),             // KP_Multiply
        0xffe9 | 0xffe7 => plain(0x38),    // Alt_L, Meta_L
        0xffe5 => plain(0x3a),             // Caps_Lock
        0xffbe => plain(0x3b),             // F1
        0xffbf => plain(0x3c),             // F2
        0xffc0 => plain(0x3d),             // F3
        0xffc1 => plain(0x3e),             // F4
        0xffc2 => plain(0x3f),             // F5
        0xffc3 => plain(0x40),             // F6
        0xffc4 => plain(0x41),             // F7
        0xffc5 => plain(0x42),             // F8
        0xffc6 => plain(0x43),             // F9
        0xffc7 => plain(0x44),             // F10
        0xff7f => plain(0x45),             // Num_Lock
        0xff14 => plain(0x46),             // Scroll_Lock
        0xff95 => plain(0x47),             // KP_Home
        0xff97 => plain(0x48),             // KP_Up
        0xff9a => plain(0x49),             // KP_Page_Up
        0xffad => plain(0x4a),             // KP_Subtract
        0xff96 => plain(0x4b),             // KP_Left
        0xff9d => plain(0x4c),             // KP_Begin
        0xff98 => plain(0x4d),             // KP_Right
        0xffab => plain(0x4e),             // KP_Add
        0xff9c => plain(0x4f),             // KP_End
        0xff99 => plain(0x50),             // KP_Down
        0xff9b => plain(0x51),             // KP_Page_Down
        0xff9e => plain(0x52),             // KP_Insert
        0xff9f => plain(0x53),             // KP_Delete
        0xffc8 => plain(0x57),             // F11
        0xffc9 => plain(0x58),             // F12
        0xff8d => extended(0x1c),          // KP_Enter
        0xffe4 => extended(0x1d),          // Control_R
        0xffaf => extended(0x35),          // KP_Divide
        0xff61 => extended(0x37),          // Print
        0xffea | 0xfe03 => extended(0x38), // Alt_R, ISO_Level3_Shift
        0xff50 => extended(0x47),          // Home
        0xff52 => extended(0x48),          // Up
        0xff55 => extended(0x49),          // Page_Up
        0xff51 => extended(0x4b),          // Left
        0xff53 => extended(0x4d),          // Right
        0xff57 => extended(0x4f),          // End
        0xff54 => extended(0x50),          // Down
        0xff56 => extended(0x51),          // Page_Down
        0xff63 => extended(0x52),          // Insert
        0xffff => extended(0x53),          // Delete
        0xffeb => extended(0x5b),          // Super_L
        0xffec => extended(0x5c),          // Super_R
        0xff67 => extended(0x5d),          // Menu
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_printable_character_of_ascii_has_a_key_of_its_own() {
        let mut seen = Vec::new();
        for character in ' '..='~' {
            let Some(Key::Typing { scancode, shift }) = key(Keysym::of(character)) else {
                unreachable!("{character} has no key");
            };
            assert!(!seen.contains(&(scancode, shift)), "{character}");
            assert_eq!(
                shift,
                "~!@#$%^&*()_+{}|:\"<>?".contains(character) || character.is_uppercase()
            );
            seen.push((scancode, shift));
        }
        assert_eq!(seen.len(), 95);
    }

    #[test]
    fn places_are_those_of_set_1() {
        for (character, code) in [
            ('1', 0x02),
            ('=', 0x0d),
            ('q', 0x10),
            (']', 0x1b),
            ('a', 0x1e),
            ('\'', 0x28),
            ('`', 0x29),
            ('\\', 0x2b),
            ('z', 0x2c),
            ('/', 0x35),
            (' ', 0x39),
        ] {
            let scancode = Scancode::from_u8(false, code);
            let wanted = Key::Typing {
                scancode,
                shift: false,
            };
            assert_eq!(key(Keysym::of(character)), Some(wanted), "{character}");
        }
    }

    #[test]
    fn other_characters_go_as_such_and_what_is_no_key_does_not() {
        for character in ['ü', '€', 'ж', '日', '🙂'] {
            assert_eq!(key(Keysym::of(character)), Some(Key::Character(character)));
        }
        assert_eq!(
            key(Keysym::of('\n')),
            Some(Key::Named(Scancode::from_u8(false, 0x1c)))
        );
        assert_eq!(key(Keysym(0x1008_ff13)), None);
    }
}
