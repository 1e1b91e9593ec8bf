//! Plain text: what was written, without anything that acts on a terminal.

use std::io::Write;

use jump_core::Result;
use jump_core::recording::{Record, RecordKind};
use jump_core::text::acts;

use super::not_written;
use super::utf8::Utf8Pieces;

/// A control string (title, clipboard, device control) longer than this is taken for text: a program could otherwise
/// hide all that follows by never ending it.
const LONGEST_STRING: usize = 1024;

/// Where in a control function (ECMA-48) the output is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC and intermediate characters, such as a choice of character set.
    Intermediate,
    /// In a control sequence (`CSI … final`).
    Sequence,
    /// In a control string (`OSC`, `DCS`, `SOS`, `PM`, `APC`); how much of it has passed.
    String(usize),
    /// After an ESC inside a control string.
    StringEscape(usize),
}

/// Turns terminal output into plain text, piece by piece.
///
/// What comes out holds line feeds, tabs and visible characters only. Escape sequences and control strings are left
/// out, a carriage return that does not end a line begins a new one (so that nothing is overwritten), other controls
/// are left out, and invisible characters and those that turn the reading direction are shown as `\u{…}`.
#[derive(Clone, Debug, Default)]
pub struct TextFilter {
    utf8: Utf8Pieces,
    state: State,
    /// A carriage return came and it is not known yet what follows it.
    returned: bool,
}

impl TextFilter {
    /// A filter at the start of an output.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece of output; gives what can be shown of it.
    #[must_use]
    pub fn push(&mut self, piece: &[u8]) -> String {
        let decoded = self.utf8.push(piece);
        let mut shown = String::with_capacity(decoded.len());
        for character in decoded.chars() {
            self.step(character, &mut shown);
        }
        shown
    }

    /// Says that the output has ended; gives what was held back.
    #[must_use]
    pub fn finish(&mut self) -> String {
        let mut shown = String::new();
        for character in self.utf8.finish().chars() {
            self.step(character, &mut shown);
        }
        if std::mem::take(&mut self.returned) {
            shown.push('\n');
        }
        self.state = State::Text;
        shown
    }

    fn step(&mut self, character: char, shown: &mut String) {
        self.state = match (self.state, character) {
            // CAN and SUB end any control function.
            (_, '\u{18}' | '\u{1a}') => State::Text,
            (State::String(passed), '\u{1b}') => State::StringEscape(passed),
            (State::String(_), '\u{7}' | '\u{9c}') => State::Text,
            (State::String(passed), _) if passed >= LONGEST_STRING => {
                self.show(character, shown);
                State::Text
            }
            (State::String(passed), _) => State::String(passed + 1),
            // `ESC \` ends a control string; any other escape ends it too, and begins something else.
            (State::StringEscape(_), '\\') => State::Text,
            (_, '\u{1b}') => State::Escape,
            (_, '\u{9b}') => State::Sequence,
            (_, '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}') => State::String(0),
            (State::Escape | State::StringEscape(_), '[') => State::Sequence,
            (State::Escape | State::StringEscape(_), ']' | 'P' | 'X' | '^' | '_') => State::String(0),
            (State::Escape | State::StringEscape(_) | State::Intermediate, ' '..='/') => State::Intermediate,
            (State::Escape | State::StringEscape(_) | State::Intermediate, '0'..='~') => State::Text,
            (State::Sequence, ' '..='?') => State::Sequence,
            (State::Sequence, '@'..='~') => State::Text,
            // A control inside a sequence acts at once on a terminal; anything else breaks the sequence off.
            (state, other) => {
                self.show(other, shown);
                if state == State::Sequence && other.is_ascii_control() {
                    state
                } else {
                    State::Text
                }
            }
        };
    }

    fn show(&mut self, character: char, shown: &mut String) {
        match character {
            '\r' => {
                // Several of them in a row are one.
                self.returned = true;
                return;
            }
            '\n' | '\u{b}' | '\u{c}' | '\u{85}' => shown.push('\n'),
            '\t' => {
                self.new_line(shown);
                shown.push('\t');
            }
            control if control.is_control() => return,
            invisible if acts(invisible) => {
                self.new_line(shown);
                shown.extend(invisible.escape_unicode());
            }
            visible => {
                self.new_line(shown);
                shown.push(visible);
            }
        }
        self.returned = false;
    }

    fn new_line(&self, shown: &mut String) {
        if self.returned {
            shown.push('\n');
        }
    }
}

/// Writes what one channel's program said, output and error output as they came, as plain text; see [`TextFilter`].
///
/// # Errors
/// The first error of `records`; [`ErrorKind::Storage`](jump_core::ErrorKind::Storage) if writing fails.
pub fn text(
    records: impl IntoIterator<Item = Result<Record>>,
    channel: u32,
    out: &mut dyn Write,
) -> Result<()> {
    let mut filter = TextFilter::new();
    for record in records {
        let record = record?;
        if record.channel == channel
            && matches!(record.kind, RecordKind::FromTarget | RecordKind::FromTargetError)
        {
            out.write_all(filter.push(&record.payload).as_bytes())
                .map_err(not_written)?;
        }
    }
    out.write_all(filter.finish().as_bytes()).map_err(not_written)?;
    out.flush().map_err(not_written)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(output: &str) -> String {
        let mut filter = TextFilter::new();
        filter.push(output.as_bytes()) + &filter.finish()
    }

    #[test]
    fn colours_titles_and_cursor_moves_leave_only_the_text() {
        assert_eq!(plain("\u{1b}[1;31mred\u{1b}[0m ok\r\nnext\n"), "red ok\nnext\n");
        assert_eq!(plain("\u{1b}]0;title\u{7}a\u{1b}]2;t\u{1b}\\b"), "ab");
        assert_eq!(plain("\u{1b}P1$r0m\u{1b}\\x\u{1b}(By\u{9b}2Jz"), "xyz");
        assert_eq!(plain("\u{1b}]52;c;aGk=\u{9c}clip"), "clip");
        assert_eq!(plain("\u{1b}[6nDSR \u{1b}[21tCSI"), "DSR CSI");
    }

    #[test]
    fn nothing_is_overwritten_or_turned_around() {
        assert_eq!(plain("rm -rf /\rls       "), "rm -rf /\nls       ");
        assert_eq!(plain("a\u{202e}b\u{200b}c"), "a\\u{202e}b\\u{200b}c");
        assert_eq!(plain("over\u{8}\u{8}\u{7}"), "over");
    }

    #[test]
    fn a_string_that_never_ends_does_not_hide_what_follows() {
        let output = format!("\u{1b}]0;{}visible", "x".repeat(LONGEST_STRING));
        assert!(plain(&output).contains("visible"));
    }

    proptest! {
        /// Whatever a program writes, and however it is cut: no control but line feed and tab comes out, nothing
        /// invisible, and the cut does not matter.
        #[test]
        fn nothing_that_acts_comes_out(
            output in prop::collection::vec(
                prop_oneof![any::<u8>(), Just(0x1b), Just(b'['), Just(b']'), Just(b'\r'), Just(0xc2), Just(0x9b)],
                0..200,
            ),
            cut in 0..200usize,
        ) {
            let mut whole = TextFilter::new();
            let expected = whole.push(&output) + &whole.finish();
            let harmless = |c: char| matches!(c, '\n' | '\t') || !acts(c);
            prop_assert!(expected.chars().all(harmless), "{:?}", expected);
            let (a, b) = output.split_at(cut.min(output.len()));
            let mut pieces = TextFilter::new();
            let joined = pieces.push(a) + &pieces.push(b) + &pieces.finish();
            prop_assert_eq!(joined, expected);
        }

        #[test]
        fn plain_text_passes_unchanged(text in "[a-zA-Z0-9 äöü€.,\n\t]{0,200}") {
            prop_assert_eq!(plain(&text), text);
        }
    }
}
