//! What was typed, as text.

use std::io::Read;
use std::time::Duration;

use jump_core::Result;
use jump_core::protocol::Keysym;
use jump_core::recording::RecordingReader;
use jump_playback::{Lines, Modifier, Typed};

use super::{Player, ScreenEvent};

/// Reads what was typed, as keys were pressed. What the target made of it is not known: a key may have moved the cursor.
///
/// # Errors
/// As for [`Player::step`]; what `told` returns.
pub fn typed(records: RecordingReader<impl Read>, told: &mut dyn FnMut(Typed) -> Result<()>) -> Result<()> {
    let mut player = Player::new(records);
    let mut lines = Lines::default();
    while let Some(at) = player.next_at()? {
        player.step(at, &mut |at, event| {
            if let ScreenEvent::Key { down, keysym, .. } = event {
                key(&mut lines, at, down, keysym);
            }
        })?;
        lines.take().into_iter().try_for_each(&mut *told)?;
    }
    lines.end();
    lines.take().into_iter().try_for_each(told)
}

fn key(lines: &mut Lines, at: Duration, down: bool, keysym: u32) {
    if let Some(modifier) = modifier(keysym) {
        if let Some(modifier) = modifier {
            lines.modifier(modifier, down);
        }
    } else if down {
        match character(keysym) {
            Some(character) => lines.character(at, character),
            None => lines.named(at, &name(keysym)),
        }
    }
}

// Keysyms (X11 "X Window System Protocol", appendix A).
const RETURN: u32 = 0xff0d;
const KEYPAD_ENTER: u32 = 0xff8d;

/// Whether a key is a modifier, and which of Ctrl, Alt and Super; Shift and locks are seen in what they make of others.
const fn modifier(keysym: u32) -> Option<Option<Modifier>> {
    match keysym {
        0xffe3 | 0xffe4 => Some(Some(Modifier::Control)),
        0xffe7..=0xffea => Some(Some(Modifier::Alt)),
        0xffeb..=0xffee => Some(Some(Modifier::Super)),
        0xffe1 | 0xffe2 | 0xffe5 | 0xffe6 | 0xfe03 | 0xff7e | 0xff7f => Some(None),
        _ => None,
    }
}

/// The character of a keysym, digits and signs of the keypad included.
fn character(keysym: u32) -> Option<char> {
    match keysym {
        0xffaa..=0xffb9 => char::from_u32(keysym - 0xff80),
        _ => Keysym(keysym).character(),
    }
}

fn name(keysym: u32) -> String {
    let name = match keysym {
        RETURN | KEYPAD_ENTER => "Return",
        0xff08 => "BackSpace",
        0xff09 => "Tab",
        0xff1b => "Escape",
        0xff50 => "Home",
        0xff51 => "Left",
        0xff52 => "Up",
        0xff53 => "Right",
        0xff54 => "Down",
        0xff55 => "PageUp",
        0xff56 => "PageDown",
        0xff57 => "End",
        0xff63 => "Insert",
        0xffff => "Delete",
        0xffbe..=0xffc9 => return format!("F{}", keysym - 0xffbe + 1),
        _ => return format!("key 0x{keysym:x}"),
    };
    name.to_owned()
}
