//! What keys type, by their places on a US keyboard: which layout the target had is not in a recording.

use jump_playback::Modifier;

/// The key at a place, without and with Shift (scan codes of set 1, MS-RDPBCGR §2.2.8.1.2.2.1).
const KEYS: [(u8, char, char); 48] = [
    (0x02, '1', '!'),
    (0x03, '2', '@'),
    (0x04, '3', '#'),
    (0x05, '4', '$'),
    (0x06, '5', '%'),
    (0x07, '6', '^'),
    (0x08, '7', '&'),
    (0x09, '8', '*'),
    (0x0a, '9', '('),
    (0x0b, '0', ')'),
    (0x0c, '-', '_'),
    (0x0d, '=', '+'),
    (0x10, 'q', 'Q'),
    (0x11, 'w', 'W'),
    (0x12, 'e', 'E'),
    (0x13, 'r', 'R'),
    (0x14, 't', 'T'),
    (0x15, 'y', 'Y'),
    (0x16, 'u', 'U'),
    (0x17, 'i', 'I'),
    (0x18, 'o', 'O'),
    (0x19, 'p', 'P'),
    (0x1a, '[', '{'),
    (0x1b, ']', '}'),
    (0x1e, 'a', 'A'),
    (0x1f, 's', 'S'),
    (0x20, 'd', 'D'),
    (0x21, 'f', 'F'),
    (0x22, 'g', 'G'),
    (0x23, 'h', 'H'),
    (0x24, 'j', 'J'),
    (0x25, 'k', 'K'),
    (0x26, 'l', 'L'),
    (0x27, ';', ':'),
    (0x28, '\'', '"'),
    (0x29, '`', '~'),
    (0x2b, '\\', '|'),
    (0x2c, 'z', 'Z'),
    (0x2d, 'x', 'X'),
    (0x2e, 'c', 'C'),
    (0x2f, 'v', 'V'),
    (0x30, 'b', 'B'),
    (0x31, 'n', 'N'),
    (0x32, 'm', 'M'),
    (0x33, ',', '<'),
    (0x34, '.', '>'),
    (0x35, '/', '?'),
    (0x39, ' ', ' '),
];

/// A key that only changes what others do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changing {
    Shift,
    Modifier(Modifier),
    Lock,
}

pub(super) const fn changing(code: u8, extended: bool) -> Option<Changing> {
    Some(match (code, extended) {
        (0x2a | 0x36, _) => Changing::Shift,
        (0x1d, _) => Changing::Modifier(Modifier::Control),
        (0x38, _) => Changing::Modifier(Modifier::Alt),
        (0x5b | 0x5c, true) => Changing::Modifier(Modifier::Super),
        (0x3a | 0x45 | 0x46, false) => Changing::Lock,
        _ => return None,
    })
}

pub(super) fn character(code: u8, extended: bool, shift: bool) -> Option<char> {
    if extended {
        return (code == 0x35).then_some('/');
    }
    let (_, plain, shifted) = KEYS.iter().find(|(place, ..)| *place == code)?;
    Some(if shift { *shifted } else { *plain })
}

pub(super) fn name(code: u8, extended: bool) -> String {
    let name = match (code, extended) {
        (0x1c, _) => "Return",
        (0x0e, false) => "BackSpace",
        (0x0f, false) => "Tab",
        (0x01, false) => "Escape",
        (0x47, true) => "Home",
        (0x48, true) => "Up",
        (0x49, true) => "PageUp",
        (0x4b, true) => "Left",
        (0x4d, true) => "Right",
        (0x4f, true) => "End",
        (0x50, true) => "Down",
        (0x51, true) => "PageDown",
        (0x52, true) => "Insert",
        (0x53, true) => "Delete",
        (0x3b..=0x44, false) => return format!("F{}", code - 0x3a),
        (0x57 | 0x58, false) => return format!("F{}", code - 0x57 + 11),
        _ => return format!("key 0x{code:x}"),
    };
    name.to_owned()
}
