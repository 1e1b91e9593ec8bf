//! Terminal output that may be shown again: what moves the cursor, erases and colours, and nothing that acts beyond
//! the screen.
//!
//! A recording holds whatever the target wrote. Shown again, a control string could set the clipboard or the title,
//! and a question to the terminal would be answered as if it were typed. So only what is listed here passes.

/// The longest control sequence that passes, in characters.
const LONGEST_SEQUENCE: usize = 64;
/// A control string longer than this is taken for text: it could otherwise hide all that follows.
const LONGEST_STRING: usize = 1024;

/// The finals of control sequences (ECMA-48 §8.3) that pass without a private mark: insert and delete, cursor moves,
/// erase, scroll, colours, margins, save and restore.
const FINALS: &str = "@ABCDEFGHIJKLMPSTXZ`abdefmrsu";
/// The modes that pass (`CSI ? mode h` and `l`, xterm's control sequences): wrap, cursor, alternate screen.
const MODES: [&str; 5] = ["7", "25", "47", "1047", "1049"];

#[derive(Clone, Debug, Default)]
enum State {
    #[default]
    Text,
    Escape,
    /// After `ESC (`: one more character names the character set.
    Charset,
    /// After other intermediate characters: skipped to the final.
    Intermediate,
    Sequence(String),
    /// A sequence that grew too long: skipped to its final.
    TooLong,
    String(usize),
    StringEscape,
}

/// The filter; it keeps its place between pieces.
#[derive(Clone, Debug, Default)]
pub(super) struct Replay {
    state: State,
    /// The beginning of a character whose rest has not come.
    partial: Vec<u8>,
}

impl Replay {
    /// What may be shown of the next piece.
    pub(super) fn take(&mut self, piece: &[u8]) -> String {
        let mut bytes = std::mem::take(&mut self.partial);
        bytes.extend_from_slice(piece);
        let mut shown = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            for character in chunk.valid().chars() {
                self.step(character, &mut shown);
            }
            let invalid = chunk.invalid();
            let at_end = chunk.invalid().as_ptr_range().end == bytes.as_ptr_range().end;
            if at_end && incomplete(invalid) {
                self.partial = invalid.to_vec();
            } else if !invalid.is_empty() {
                self.step(char::REPLACEMENT_CHARACTER, &mut shown);
            }
        }
        shown
    }

    fn step(&mut self, character: char, shown: &mut String) {
        let state = std::mem::take(&mut self.state);
        self.state = match (state, character) {
            (_, '\u{18}' | '\u{1a}') => State::Text,
            (State::String(_), '\u{1b}') => State::StringEscape,
            (State::String(_), '\u{7}' | '\u{9c}') | (State::StringEscape, '\\') => State::Text,
            (State::String(passed), _) if passed < LONGEST_STRING => State::String(passed + 1),
            (_, '\u{1b}') => State::Escape,
            (_, '\u{9b}') | (State::Escape | State::StringEscape, '[') => State::Sequence(String::new()),
            (_, '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}')
            | (State::Escape | State::StringEscape, ']' | 'P' | 'X' | '^' | '_') => State::String(0),
            (State::Escape | State::StringEscape, '(') => State::Charset,
            (State::Escape | State::StringEscape | State::Intermediate, ' '..='/') => State::Intermediate,
            (State::Escape | State::StringEscape, final_byte @ ('7' | '8' | 'D' | 'E' | 'M')) => {
                shown.extend(['\u{1b}', final_byte]);
                State::Text
            }
            (State::Escape | State::StringEscape | State::Intermediate, '0'..='~') => State::Text,
            // ASCII and line drawing.
            (State::Charset, set @ ('0' | 'B')) => {
                shown.extend(['\u{1b}', '(', set]);
                State::Text
            }
            (State::Charset, _) => State::Text,
            (State::Sequence(so_far), ' '..='?') if so_far.len() >= LONGEST_SEQUENCE => State::TooLong,
            (State::Sequence(mut so_far), part @ ' '..='?') => {
                so_far.push(part);
                State::Sequence(so_far)
            }
            (State::Sequence(parameters), last @ '@'..='~') => {
                if passes(&parameters, last) {
                    shown.push_str("\u{1b}[");
                    shown.push_str(&parameters);
                    shown.push(last);
                }
                State::Text
            }
            (State::TooLong, ' '..='?') => State::TooLong,
            (State::TooLong, '@'..='~') => State::Text,
            (_, control) if control.is_control() => {
                if matches!(control, '\n' | '\r' | '\t' | '\u{8}') {
                    shown.push(control);
                }
                State::Text
            }
            (_, visible) => {
                shown.push(visible);
                State::Text
            }
        };
    }
}

fn passes(parameters: &str, last: char) -> bool {
    let plain = parameters
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, ';' | ':'));
    match parameters.strip_prefix('?') {
        Some(modes) => matches!(last, 'h' | 'l') && modes.split(';').all(|mode| MODES.contains(&mode)),
        None => plain && FINALS.contains(last),
    }
}

/// Whether these bytes may be the beginning of a character (RFC 3629).
fn incomplete(bytes: &[u8]) -> bool {
    match bytes {
        [first, rest @ ..] => {
            let length = match first {
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => 1,
            };
            bytes.len() < length && rest.iter().all(|byte| (0x80..=0xbf).contains(byte))
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(output: &str) -> String {
        Replay::default().take(output.as_bytes())
    }

    #[test]
    fn colours_and_cursor_moves_pass() {
        for good in [
            "\u{1b}[1;31mred\u{1b}[0m\r\n",
            "\u{1b}[2J\u{1b}[3;4H",
            "\u{1b}[?1049h\u{1b}[?25l",
            "\u{1b}(0qq\u{1b}(B",
            "ü🖥",
        ] {
            assert_eq!(shown(good), good);
        }
    }

    #[test]
    fn nothing_that_acts_beyond_the_screen_passes() {
        for (bad, left) in [
            ("\u{1b}]52;c;aGk=\u{7}x", "x"),
            ("\u{1b}]0;title\u{1b}\\x", "x"),
            ("\u{1b}P$q m\u{1b}\\x", "x"),
            ("\u{9d}52;c;aGk=\u{9c}x", "x"),
            ("\u{1b}[6nx", "x"),
            ("\u{1b}[cx\u{1b}[>cx\u{1b}[0x", "xx"),
            ("\u{1b}[21tx", "x"),
            ("\u{1b}[?2004hx\u{1b}[?1000hx", "xx"),
            ("\u{1b}[?1049;2004hx", "x"),
            ("\u{1b}[5ix\u{1b}Zx\u{1b}cx", "xxx"),
            ("a\u{5}b\u{7}c", "abc"),
        ] {
            assert_eq!(shown(bad), left, "{bad:?}");
        }
    }

    #[test]
    fn a_sequence_cut_between_two_pieces_is_still_one() {
        let mut replay = Replay::default();
        let first = replay.take(b"a\x1b]52;c;a");
        assert_eq!(
            first + &replay.take(b"Gk=\x07b\xc3") + &replay.take(b"\xbc"),
            "abü"
        );
    }

    #[test]
    fn a_string_that_never_ends_does_not_hide_what_follows() {
        assert!(shown(&format!("\u{1b}]0;{}visible", "x".repeat(2000))).ends_with("visible"));
        assert!(shown(&format!("\u{1b}[{}mvisible", "1;".repeat(2000))).ends_with("visible"));
    }
}
