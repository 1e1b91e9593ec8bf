//! What was typed, as text.

use std::time::Duration;

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

/// A key that changes what others mean. Shift is none: it is seen in the characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modifier {
    /// Ctrl, either.
    Control,
    /// Alt or Meta.
    Alt,
    /// Super, or the key with Windows' sign.
    Super,
}

/// Puts keys together to lines, in the order in which they were pressed.
#[derive(Debug, Default)]
pub struct Lines {
    began: Duration,
    last: Duration,
    text: String,
    /// Held down now: Ctrl, Alt, Super.
    modifiers: [bool; 3],
    ended: Vec<Typed>,
}

impl Lines {
    /// A modifier was pressed or released.
    pub const fn modifier(&mut self, modifier: Modifier, down: bool) {
        let [control, alt, logo] = &mut self.modifiers;
        match modifier {
            Modifier::Control => *control = down,
            Modifier::Alt => *alt = down,
            Modifier::Super => *logo = down,
        }
    }

    /// A character itself was sent, whatever is held.
    pub fn text(&mut self, at: Duration, character: char) {
        self.begin(at);
        self.text.push(character);
    }

    /// A key that types this character was pressed.
    pub fn character(&mut self, at: Duration, character: char) {
        self.begin(at);
        let held = self.held();
        if held.is_empty() {
            self.text.push(character);
        } else {
            self.text.push_str(&format!("<{held}{character}>"));
        }
    }

    /// A key that types nothing was pressed; `Return` ends the line.
    pub fn named(&mut self, at: Duration, name: &str) {
        self.begin(at);
        let held = self.held();
        self.text.push_str(&format!("<{held}{name}>"));
        if name == "Return" {
            self.end();
        }
    }

    /// Ends the line.
    pub fn end(&mut self) {
        if !self.text.is_empty() {
            self.ended.push(Typed {
                at: self.began,
                text: std::mem::take(&mut self.text),
            });
        }
    }

    /// Takes the lines that have ended.
    pub fn take(&mut self) -> Vec<Typed> {
        std::mem::take(&mut self.ended)
    }

    fn begin(&mut self, at: Duration) {
        if at.saturating_sub(self.last) > PAUSE || self.text.chars().count() >= LONGEST_LINE {
            self.end();
        }
        if self.text.is_empty() {
            self.began = at;
        }
        self.last = at;
    }

    fn held(&self) -> String {
        ["Ctrl+", "Alt+", "Super+"]
            .iter()
            .zip(self.modifiers)
            .filter_map(|(name, held)| held.then_some(*name))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_line_ends_with_return_a_pause_or_its_length() {
        let mut lines = Lines::default();
        lines.character(at(1), 'l');
        lines.named(at(2), "Return");
        lines.character(at(3), 'a');
        lines.character(at(14), 'b');
        lines.modifier(Modifier::Control, true);
        lines.modifier(Modifier::Super, true);
        lines.character(at(15), 'c');
        lines.modifier(Modifier::Super, false);
        lines.named(at(15), "Up");
        lines.modifier(Modifier::Control, false);
        for _ in 0..LONGEST_LINE {
            lines.character(at(16), 'x');
        }
        lines.end();
        lines.end();
        let ended = lines.take();
        let found: Vec<_> = ended
            .iter()
            .map(|line| (line.at.as_secs(), line.text.trim_end_matches('x')))
            .collect();
        assert_eq!(
            found,
            [
                (1, "l<Return>"),
                (3, "a"),
                (14, "b<Ctrl+Super+c><Ctrl+Up>"),
                (16, "")
            ]
        );
        assert!(ended.iter().all(|line| line.text.chars().count() <= LONGEST_LINE));
        assert!(lines.take().is_empty());
    }
}
