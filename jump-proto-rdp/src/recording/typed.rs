//! What was typed, as text.

use std::io::Read;
use std::time::Duration;

use jump_core::Result;
use jump_core::recording::RecordingReader;
use jump_playback::{Lines, Typed};

use super::keyboard::{self, Changing};
use super::{Player, ScreenEvent};
use crate::wire::input::Input;

#[derive(Debug, Default)]
struct Line {
    lines: Lines,
    shift: bool,
    /// The first half of a character beyond the 16th bit.
    surrogate: Option<u16>,
}

/// Reads what was typed, as keys were pressed, with the characters of a US keyboard. What the target made of it is not known: a key may have moved the cursor, and
/// another keyboard types other characters.
///
/// # Errors
/// As for [`Player::step`]; what `told` returns.
pub fn typed(records: RecordingReader<impl Read>, told: &mut dyn FnMut(Typed) -> Result<()>) -> Result<()> {
    let mut player = Player::new(records);
    let mut line = Line::default();
    while let Some(at) = player.next_at()? {
        player.step(at, &mut |at, event| {
            if let ScreenEvent::Input(input) = event {
                line.input(at, input);
            }
        })?;
        line.lines.take().into_iter().try_for_each(&mut *told)?;
    }
    line.lines.end();
    line.lines.take().into_iter().try_for_each(told)
}

impl Line {
    fn input(&mut self, at: Duration, input: Input) {
        match input {
            Input::Key { down, code, extended } => self.key(at, down, code, extended),
            Input::Character { down: true, unit } => {
                let units = self.surrogate.take().into_iter().chain([unit]);
                match char::decode_utf16(units).last() {
                    Some(Ok(character)) => self.lines.text(at, character),
                    _ => self.surrogate = Some(unit),
                }
            }
            _ => {}
        }
    }

    fn key(&mut self, at: Duration, down: bool, code: u8, extended: bool) {
        if let Some(changing) = keyboard::changing(code, extended) {
            match changing {
                Changing::Shift => self.shift = down,
                Changing::Modifier(modifier) => self.lines.modifier(modifier, down),
                Changing::Lock => {}
            }
        } else if down {
            match keyboard::character(code, extended, self.shift) {
                Some(character) => self.lines.character(at, character),
                None => self.lines.named(at, &keyboard::name(code, extended)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_type_what_a_us_keyboard_has() {
        let mut line = Line::default();
        let mut key = |down, code, extended| {
            line.input(Duration::from_secs(1), Input::Key { down, code, extended });
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
            line.lines.take(),
            [Typed {
                at: Duration::from_secs(1),
                text: "Hi<Ctrl+c><Return>".to_owned()
            }]
        );
        for unit in "€😀".encode_utf16() {
            for down in [true, false] {
                line.input(Duration::from_secs(2), Input::Character { down, unit });
            }
        }
        line.lines.end();
        assert_eq!(line.lines.take()[0].text, "€😀");
    }
}
