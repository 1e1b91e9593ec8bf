//! Text that somebody else wrote, and how it is shown without letting it act.

use std::fmt;

/// Shows text with everything escaped that could act on a terminal, a log line or the reading direction:
/// C0 and C1 controls, newlines, bidirectional overrides and invisible characters.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if acts(character) {
                write!(f, "{}", character.escape_unicode())?;
            } else {
                fmt::Write::write_char(f, character)?;
            }
        }
        Ok(())
    }
}

/// Whether showing this character raw could do more than show it.
#[must_use]
pub fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_acts_and_keeps_what_shows() {
        assert_eq!(Escaped("büro-1 🖥").to_string(), "büro-1 🖥");
        assert_eq!(Escaped("a\u{1b}]0;x\u{7}").to_string(), "a\\u{1b}]0;x\\u{7}");
        assert_eq!(Escaped("\u{202e}cod.exe").to_string(), "\\u{202e}cod.exe");
        assert_eq!(Escaped("one\r\ntwo").to_string(), "one\\u{d}\\u{a}two");
    }
}
