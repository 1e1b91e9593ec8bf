//! RemoteApp's orders (MS-RDPERP §2.2.2), which travel on the static channel `rail`.

use super::bytes::le16;
use super::{RdpError, RdpResult};

/// Numbers of orders (MS-RDPERP §2.2.2.1, `orderType`).
pub mod order {
    /// Start this (§2.2.2.3.1).
    pub const EXECUTE: u16 = 0x01;
    /// This window is used (§2.2.2.6.1).
    pub const ACTIVATE: u16 = 0x02;
    /// Settings of the client's desktop (§2.2.2.4).
    pub const SYSTEM_PARAMETERS: u16 = 0x03;
    /// A command of a window's menu (§2.2.2.6.3).
    pub const SYSTEM_COMMAND: u16 = 0x04;
    /// What a side can do (§2.2.2.2.1).
    pub const HANDSHAKE: u16 = 0x05;
    /// An icon of the notification area is used (§2.2.2.6.4).
    pub const NOTIFY: u16 = 0x06;
    /// A window was moved (§2.2.2.7.4).
    pub const WINDOW_MOVE: u16 = 0x08;
    /// What the client can do (§2.2.2.2.2).
    pub const CLIENT_STATUS: u16 = 0x0b;
    /// A window's menu (§2.2.2.6.2).
    pub const SYSTEM_MENU: u16 = 0x0c;
    /// The language bar (§2.2.2.9.1).
    pub const LANGUAGE_BAR: u16 = 0x0d;
    /// Which application is this (§2.2.2.8.1).
    pub const APPLICATION_ID: u16 = 0x0e;
    /// An input method (§2.2.2.10.1).
    pub const LANGUAGE_IME: u16 = 0x11;
    /// Its state (§2.2.2.10.2).
    pub const COMPARTMENT: u16 = 0x12;
    /// A window is hidden (§2.2.2.12.1).
    pub const CLOAK: u16 = 0x15;
    /// Windows side by side (§2.2.2.7.5).
    pub const SNAP_ARRANGE: u16 = 0x17;
    /// The size of texts (§2.2.2.4.6).
    pub const TEXT_SCALE: u16 = 0x1a;
    /// The caret (§2.2.2.4.7).
    pub const CARET_BLINK: u16 = 0x1b;
}

/// The longest name of a program or file (MS-RDPERP §2.2.2.3.1, `ExeOrFileLength`), and the longest arguments, in bytes.
const LONGEST_PROGRAM: usize = 520;
const LONGEST_ARGUMENTS: usize = 16_000;

/// The number of a whole order.
///
/// # Errors
/// [`RdpError::Protocol`] if it is longer than it says, or shorter.
pub fn number(content: &[u8]) -> RdpResult<u16> {
    let number = le16(content, 0)?;
    if usize::from(le16(content, 2)?) != content.len() {
        return Err(RdpError::Protocol(
            "an order of a remoteapp has another length than it says",
        ));
    }
    Ok(number)
}

/// The order to start a program, which may be `||` and an alias of the server's, in a folder of its own choice.
///
/// # Errors
/// [`RdpError::Limit`] for a program of more than 260 characters or arguments of more than 8000.
pub fn execute(program: &str, arguments: &str) -> RdpResult<Vec<u8>> {
    let encode = |text: &str, longest| {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        if bytes.len() > longest {
            return Err(RdpError::Limit("the item's remoteapp has too long a name"));
        }
        Ok(bytes)
    };
    let program = encode(program, LONGEST_PROGRAM)?;
    let arguments = encode(arguments, LONGEST_ARGUMENTS)?;
    let numbers = [
        order::EXECUTE.into(),
        12 + program.len() + arguments.len(),
        // Flags, the program, the folder, the arguments.
        0,
        program.len(),
        0,
        arguments.len(),
    ];
    let mut order = Vec::new();
    for number in numbers {
        order.extend_from_slice(&u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes());
    }
    order.extend_from_slice(&program);
    order.extend_from_slice(&arguments);
    Ok(order)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use super::*;

    #[test]
    fn the_order_to_start_a_program_is_as_the_specification_says() {
        let order = execute("||a", "-b").unwrap();
        let expected = [
            1, 0, 22, 0, 0, 0, 6, 0, 0, 0, 4, 0, b'|', 0, b'|', 0, b'a', 0, b'-', 0, b'b', 0,
        ];
        assert_eq!(order, expected);
        assert_eq!(number(&order), Ok(order::EXECUTE));
        for length in 0..order.len() {
            assert!(number(order.get(..length).unwrap()).is_err(), "{length}");
        }
        execute(&"x".repeat(261), "").unwrap_err();
        execute("x", &"y".repeat(8001)).unwrap_err();
        execute(&"x".repeat(260), &"y".repeat(8000)).unwrap();
    }
}
