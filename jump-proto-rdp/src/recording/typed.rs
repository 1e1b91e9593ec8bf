//! What was typed, as text.

use std::io::Read;
use std::time::Duration;

use jump_core::Result;
use jump_core::recording::RecordingReader;

use super::keyboard::{self, Modifier};
use super::{Player, ScreenEvent};
use crate::wire::input::Input;

/// The longest line, in characters: what is typed without an end goes on in another.
const LONGEST_LINE: usize = 1000;
/// After a pause this long a new line begins.
const PAUSE: Duration = Duration::from_secs(10);

/// Something that was typed in one go: up to Return, a pause of ten seconds, or 1000 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// When its first key was pressed, since the recording began.
    pub at: Duration,
    /// The characters, as a US keyboard types them; keys that have none are named, such as `<BackSpace>` or `<Ctrl+c>`. It may
    /// hold passwords.
    pub text: String,
}

#[derive(Debug, Default)]
struct Line {
    began: Duration,
    last: Duration,
    text: String,
    shift: bool,
    /// Held down now: Ctrl, Alt, Super.
    modifiers: [bool; 3],
    /// The first half of a character beyond the 16th bit.
    surrogate: Option<u16>,
}

/// Reads what was typed, as keys were pressed. What the target made of it is not known: a key may have moved the cursor, and
/// another keyboard types other characters.
///
/// # Errors
/// As for [`Player::step`]; what `told` returns.
pub fn typed(records: RecordingReader<impl Read>, told: &mut dyn FnMut(Typed) -> Result<()>) -> Result<()> {
    let mut player = Player::new(records);
    let mut line = Line::default();
    let mut lines = Vec::new();
    while let Some(at) = player.next_at()? {
        player.step(at, &mut |at, event| {
            if let ScreenEvent::Input(input) = event {
                line.input(at, input, &mut lines);
            }
        })?;
        lines.drain(..).try_for_each(&mut *told)?;
    }
    line.end(&mut lines);
    lines.drain(..).try_for_each(told)
}

impl Line {
    fn input(&mut self, at: Duration, input: Input, lines: &mut Vec<Typed>) {
        match input {
            Input::Key { down, code, extended } => self.key(at, down, code, extended, lines),
            Input::Character { down: true, unit } => {
                let units = self.surrogate.take().into_iter().chain([unit]);
                match char::decode_utf16(units).last() {
                    Some(Ok(character)) => {
                        self.begin(at, lines);
                        self.text.push(character);
                    }
                    _ => self.surrogate = Some(unit),
                }
            }
            _ => {}
        }
    }

    fn key(&mut self, at: Duration, down: bool, code: u8, extended: bool, lines: &mut Vec<Typed>) {
        if let Some(modifier) = keyboard::modifier(code, extended) {
            let [control, alt, windows] = &mut self.modifiers;
            match modifier {
                Modifier::Shift => self.shift = down,
                Modifier::Control => *control = down,
                Modifier::Alt => *alt = down,
                Modifier::Super => *windows = down,
                Modifier::Lock => {}
            }
            return;
        }
        if !down {
            return;
        }
        self.begin(at, lines);
        let held: String = ["Ctrl+", "Alt+", "Super+"]
            .iter()
            .zip(self.modifiers)
            .filter_map(|(name, held)| held.then_some(*name))
            .collect();
        match (keyboard::character(code, extended, self.shift), held.is_empty()) {
            (Some(character), true) => self.text.push(character),
            (Some(character), false) => self.text.extend([&*format!("<{held}{character}>")]),
            (None, _) => {
                let name = keyboard::name(code, extended);
                self.text.push_str(&format!("<{held}{name}>"));
                if name == "Return" {
                    self.end(lines);
                }
            }
        }
    }

    fn begin(&mut self, at: Duration, lines: &mut Vec<Typed>) {
        if at.saturating_sub(self.last) > PAUSE || self.text.chars().count() >= LONGEST_LINE {
            self.end(lines);
        }
        if self.text.is_empty() {
            self.began = at;
        }
        self.last = at;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_type_what_a_us_keyboard_has() {
        let mut line = Line::default();
        let mut lines = Vec::new();
        let mut key = |down, code, extended| {
            line.input(
                Duration::from_secs(1),
                Input::Key { down, code, extended },
                &mut lines,
            );
        };
        for (down, code) in [
            (true, 0x2a),
            (true, 0x23),
            (false, 0x23),
            (false, 0x2a),
            (true, 0x17),
        ] {
            key(down, code, false);
        }
        for (down, code) in [(true, 0x1d), (true, 0x2e), (false, 0x1d), (true, 0x1c)] {
            key(down, code, false);
        }
        assert_eq!(
            lines,
            [Typed {
                at: Duration::from_secs(1),
                text: "Hi<Ctrl+c><Return>".to_owned()
            }]
        );
        for unit in "€😀".encode_utf16() {
            for down in [true, false] {
                line.input(
                    Duration::from_secs(2),
                    Input::Character { down, unit },
                    &mut lines,
                );
            }
        }
        assert_eq!(line.text, "€😀");
    }
}
