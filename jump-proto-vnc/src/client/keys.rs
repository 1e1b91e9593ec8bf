//! Where keys are that every keyboard has in the same place, as QEMU numbers them: scan codes of set 1, with bit 7 for those
//! behind 0xE0 (rfbproto "QEMU Extended Key Event Message").
//!
//! Keys that type characters are not here: a server that is told a place asks the target's layout what it types, and whoever
//! gave a keysym means the character.

/// The scan code of a keysym's key.
pub(super) fn scan_code(keysym: u32) -> Option<u32> {
    // F1 to F10 are in a row, F11 and F12 came later.
    if let 0xffbe..=0xffc7 = keysym {
        return Some(keysym - 0xffbe + 0x3b);
    }
    // X Window System Protocol, appendix A; IBM PC/AT Technical Reference, "Keyboard", set 1.
    Some(match keysym {
        0xff1b => 0x01,          // Escape
        0xff08 => 0x0e,          // BackSpace
        0xff09 | 0xfe20 => 0x0f, // Tab, ISO_Left_Tab
        0xff0d => 0x1c,          // Return
        0xffe3 => 0x1d,          // Control_L
        0xffe1 => 0x2a,          // Shift_L
        0xffe2 => 0x36,          // Shift_R
        0xffaa => 0x37,          // KP_Multiply
        0xffe9 => 0x38,          // Alt_L
        0x0020 => 0x39,          // space
        0xffe5 => 0x3a,          // Caps_Lock
        0xff7f => 0x45,          // Num_Lock
        0xff14 => 0x46,          // Scroll_Lock
        0xffad => 0x4a,          // KP_Subtract
        0xffab => 0x4e,          // KP_Add
        0xffc8 => 0x57,          // F11
        0xffc9 => 0x58,          // F12
        0xff8d => 0x9c,          // KP_Enter
        0xffe4 => 0x9d,          // Control_R
        0xffaf => 0xb5,          // KP_Divide
        0xff61 => 0xb7,          // Print
        0xffea | 0xfe03 => 0xb8, // Alt_R, ISO_Level3_Shift
        0xff50 => 0xc7,          // Home
        0xff52 => 0xc8,          // Up
        0xff55 => 0xc9,          // Page_Up
        0xff51 => 0xcb,          // Left
        0xff53 => 0xcd,          // Right
        0xff57 => 0xcf,          // End
        0xff54 => 0xd0,          // Down
        0xff56 => 0xd1,          // Page_Down
        0xff63 => 0xd2,          // Insert
        0xffff => 0xd3,          // Delete
        0xffeb => 0xdb,          // Super_L
        0xffec => 0xdc,          // Super_R
        0xff67 => 0xdd,          // Menu
        _ => return None,
    })
}
