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
            // Default_Ignorable_Code_Point of the Unicode Character Database, then separators and annotations.
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}' | '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_acts_and_keeps_what_shows() {
        assert_eq!(Escaped("büro-1 🖥").to_string(), "büro-1 🖥");
        assert_eq!(Escaped("a\u{1b}]0;x\u{7}").to_string(), "a\\u{1b}]0;x\\u{7}");
        assert_eq!(Escaped("\u{202e}cod.exe").to_string(), "\\u{202e}cod.exe");
        // Fillers, joiners and variation selectors: nothing is seen of them, so two names could look like one.
        for invisible in [
            "\u{34f}",
            "\u{115f}",
            "\u{17b4}",
            "\u{180e}",
            "\u{3164}",
            "\u{fe0f}",
            "\u{ffa0}",
            "\u{e0100}",
        ] {
            assert!(
                Escaped(invisible).to_string().starts_with("\\u{"),
                "{invisible:?}"
            );
        }
        assert_eq!(Escaped("one\r\ntwo").to_string(), "one\\u{d}\\u{a}two");
    }
}
