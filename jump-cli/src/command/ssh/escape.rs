//! The way out of a session that does not answer: Enter, `~`, `.` as OpenSSH has it (ssh(1), "Escape characters").

/// Watches what is typed.
#[derive(Debug)]
pub(super) struct Escape {
    at: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    LineStart,
    AfterTilde,
    InLine,
}

impl Default for Escape {
    /// A session begins at the start of a line.
    fn default() -> Self {
        Self { at: Place::LineStart }
    }
}

impl Escape {
    /// What to pass on of `typed`, and whether the user leaves.
    pub(super) fn take(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut pass = Vec::with_capacity(typed.len() + 1);
        for byte in typed.iter().copied() {
            self.at = match (self.at, byte) {
                (Place::LineStart, b'~') => Place::AfterTilde,
                (Place::AfterTilde, b'.') => return (pass, true),
                (Place::AfterTilde, b'~') => {
                    // Two of them mean one.
                    pass.push(b'~');
                    Place::InLine
                }
                (place, byte) => {
                    if place == Place::AfterTilde {
                        pass.push(b'~');
                    }
                    pass.push(byte);
                    if matches!(byte, b'\r' | b'\n') {
                        Place::LineStart
                    } else {
                        Place::InLine
                    }
                }
            };
        }
        (pass, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(pieces: &[&str]) -> (String, bool) {
        let mut escape = Escape::default();
        let mut all = Vec::new();
        for piece in pieces {
            let (pass, leave) = escape.take(piece.as_bytes());
            all.extend(pass);
            if leave {
                return (String::from_utf8(all).unwrap(), true);
            }
        }
        (String::from_utf8(all).unwrap(), false)
    }

    #[test]
    fn tilde_dot_at_the_start_of_a_line_leaves() {
        assert_eq!(typed(&["~."]), (String::new(), true));
        assert_eq!(typed(&["ls\r~."]), ("ls\r".to_owned(), true));
        assert_eq!(typed(&["ls\r", "~", "."]), ("ls\r".to_owned(), true));
    }

    #[test]
    fn everything_else_passes_unchanged() {
        for text in ["cd ~/x", "a~.", "x\r~/bin\r", "~a."] {
            assert_eq!(typed(&[text]), (text.to_owned(), false));
        }
        assert_eq!(typed(&["~~."]), ("~.".to_owned(), false));
    }
}
