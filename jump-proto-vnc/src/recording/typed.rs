//! What was typed, as text.

use std::io::Read;
use std::time::Duration;

use jump_core::Result;
use jump_core::protocol::Keysym;
use jump_core::recording::RecordingReader;

use super::{Player, ScreenEvent};

/// The longest line, in characters: what is typed without an end goes on in another.
const LONGEST_LINE: usize = 1000;
/// After a pause this long a new line begins.
const PAUSE: Duration = Duration::from_secs(10);

/// Something that was typed in one go: up to Return, a pause of ten seconds, or 1000 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// When its first key was pressed, since the recording began.
    pub at: Duration,
    /// The characters; keys that have none are named, such as `<BackSpace>` or `<Ctrl+c>`. It may hold passwords.
    pub text: String,
}

#[derive(Debug, Default)]
struct Line {
    began: Duration,
    last: Duration,
    text: String,
    /// Held down now: Ctrl, Alt, Super.
    modifiers: [bool; 3],
}

/// Reads what was typed, as keys were pressed. What the target made of it is not known: a key may have moved the cursor.
///
/// # Errors
/// As for [`Player::step`]; what `told` returns.
pub fn typed(records: RecordingReader<impl Read>, told: &mut dyn FnMut(Typed) -> Result<()>) -> Result<()> {
    let mut player = Player::new(records);
    let mut line = Line::default();
    let mut lines = Vec::new();
    while let Some(at) = player.next_at()? {
        player.step(at, &mut |at, event| {
            if let ScreenEvent::Key { down, keysym, .. } = event {
                line.key(at, down, keysym, &mut lines);
            }
        })?;
        lines.drain(..).try_for_each(&mut *told)?;
    }
    line.end(&mut lines);
    lines.drain(..).try_for_each(told)
}

impl Line {
    fn key(&mut self, at: Duration, down: bool, keysym: u32, lines: &mut Vec<Typed>) {
        if let Some(modifier) = modifier(keysym) {
            if let Some(held) = modifier.and_then(|index| self.modifiers.get_mut(index)) {
                *held = down;
            }
            return;
        }
        if !down {
            return;
        }
        if at.saturating_sub(self.last) > PAUSE || self.text.chars().count() >= LONGEST_LINE {
            self.end(lines);
        }
        if self.text.is_empty() {
            self.began = at;
        }
        self.last = at;
        let held: String = ["Ctrl+", "Alt+", "Super+"]
            .iter()
            .zip(self.modifiers)
            .filter_map(|(name, held)| held.then_some(*name))
            .collect();
        match (character(keysym), held.is_empty()) {
            (Some(character), true) => self.text.push(character),
            (Some(character), false) => self.text.extend([&*format!("<{held}{character}>")]),
            (None, _) => self.text.push_str(&format!("<{held}{}>", name(keysym))),
        }
        if matches!(keysym, RETURN | KEYPAD_ENTER) {
            self.end(lines);
        }
    }

    fn end(&mut self, lines: &mut Vec<Typed>) {
        if !self.text.is_empty() {
            lines.push(Typed {
                at: self.began,
                text: std::mem::take(&mut self.text),
            });
        }
    }
}

// Keysyms (X11 "X Window System Protocol", appendix A).
const RETURN: u32 = 0xff0d;
const KEYPAD_ENTER: u32 = 0xff8d;

/// Whether a key is a modifier, and which of Ctrl, Alt and Super; Shift and locks are seen in what they make of others.
const fn modifier(keysym: u32) -> Option<Option<usize>> {
    match keysym {
        0xffe3 | 0xffe4 => Some(Some(0)),
        0xffe7..=0xffea => Some(Some(1)),
        0xffeb..=0xffee => Some(Some(2)),
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
