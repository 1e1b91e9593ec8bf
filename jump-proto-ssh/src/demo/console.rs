//! The demo's shell: bytes in, bytes out.

use std::sync::Arc;

use super::command::{Machine, Ran};
use crate::recording::Utf8Pieces;

/// The longest line; further characters are not taken.
const LINE: usize = 1024;

/// What the shell says to some input.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) output: String,
    pub(super) errors: String,
    /// The status, if the shell has ended.
    pub(super) exit: Option<u32>,
}

/// In what part of an escape sequence the input is; sequences (arrow keys) are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    Plain,
    Escape,
    Sequence,
}

/// One shell, with a minimal line editor if it is on a terminal.
#[derive(Debug)]
pub(super) struct Console {
    machine: Arc<Machine>,
    terminal: bool,
    line: String,
    utf8: Utf8Pieces,
    keys: Keys,
    status: u32,
    /// The line feed of a CR LF pair does nothing.
    returned: bool,
}

impl Console {
    pub(super) fn new(machine: Arc<Machine>, terminal: bool) -> Self {
        Self {
            machine,
            terminal,
            line: String::new(),
            utf8: Utf8Pieces::default(),
            keys: Keys::Plain,
            status: 0,
            returned: false,
        }
    }

    fn prompt(&self) -> String {
        format!("{}@{}:/$ ", self.machine.username, self.machine.hostname)
    }

    /// What it says before anything is typed.
    pub(super) fn greeting(&self) -> String {
        if self.terminal {
            format!("This is the demo target. Type `help`.\r\n{}", self.prompt())
        } else {
            String::new()
        }
    }

    /// Takes input.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Said {
        let mut said = Said::default();
        let typed = self.utf8.push(bytes);
        for character in typed.chars() {
            if said.exit.is_some() {
                break;
            }
            self.key(character, &mut said);
        }
        said
    }

    /// Takes the end of the input: runs what is left of a line, and ends.
    pub(super) fn end(&mut self) -> Said {
        let mut said = Said::default();
        if !self.terminal && !self.line.is_empty() {
            self.enter(&mut said);
        }
        said.exit.get_or_insert(self.status);
        said
    }

    fn key(&mut self, character: char, said: &mut Said) {
        let returned = std::mem::replace(&mut self.returned, character == '\r');
        match (self.keys, character) {
            (Keys::Plain, '\u{1b}') => self.keys = Keys::Escape,
            (Keys::Escape, '[' | 'O') => self.keys = Keys::Sequence,
            (Keys::Escape, _) | (Keys::Sequence, '@'..='~') => self.keys = Keys::Plain,
            (Keys::Sequence, _) => {}
            (Keys::Plain, '\n') if returned => {}
            (Keys::Plain, '\r' | '\n') => self.enter(said),
            (Keys::Plain, _) if !self.terminal => self.add(character),
            // Backspace, Ctrl-C, Ctrl-D, Ctrl-U.
            (Keys::Plain, '\u{7f}' | '\u{8}') => {
                if self.line.pop().is_some() {
                    said.output.push_str("\u{8} \u{8}");
                }
            }
            (Keys::Plain, '\u{3}') => {
                self.line.clear();
                said.output.push_str("^C\r\n");
                said.output.push_str(&self.prompt());
            }
            (Keys::Plain, '\u{4}') => {
                if self.line.is_empty() {
                    said.output.push_str("\r\n");
                    said.exit = Some(self.status);
                }
            }
            (Keys::Plain, '\u{15}') => {
                said.output
                    .push_str(&"\u{8} \u{8}".repeat(self.line.chars().count()));
                self.line.clear();
            }
            (Keys::Plain, control) if control.is_control() => {}
            (Keys::Plain, visible) => {
                if self.line.len() < LINE {
                    said.output.push(visible);
                }
                self.add(visible);
            }
        }
    }

    fn add(&mut self, character: char) {
        if self.line.len() < LINE {
            self.line.push(character);
        }
    }

    fn enter(&mut self, said: &mut Said) {
        let Ran {
            output,
            errors,
            status,
            exit,
        } = self.machine.run(&std::mem::take(&mut self.line));
        self.status = status;
        if self.terminal {
            said.output.push_str("\r\n");
            said.output.push_str(&returns(&output));
            said.output.push_str(&returns(&errors));
        } else {
            said.output.push_str(&output);
            said.errors.push_str(&errors);
        }
        if exit {
            said.exit = Some(status);
        } else if self.terminal {
            said.output.push_str(&self.prompt());
        }
    }
}

/// Line feeds as a terminal wants them.
pub(super) fn returns(text: &str) -> String {
    text.replace('\n', "\r\n")
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;

    fn console(terminal: bool) -> Console {
        let machine = Machine {
            hostname: "pump".into(),
            username: "op".into(),
            started: Instant::now(),
        };
        Console::new(Arc::new(machine), terminal)
    }

    #[test]
    fn a_line_can_be_edited_before_it_runs() {
        let mut console = console(true);
        assert_eq!(console.feed("whoxü".as_bytes()).output, "whoxü");
        assert_eq!(console.feed(b"\x7f\x7f").output, "\u{8} \u{8}\u{8} \u{8}");
        assert_eq!(console.feed(b"\x1b[Aami").output, "ami");
        assert_eq!(console.feed(b"\r\n").output, "\r\nop\r\nop@pump:/$ ");
        assert_eq!(console.feed(b"junk\x03").output, "junk^C\r\nop@pump:/$ ");
        assert_eq!(console.feed(b"junk\x15\x04").exit, Some(0));
    }

    #[test]
    fn without_a_terminal_there_is_no_echo_and_the_end_of_input_ends_it() {
        let mut console = console(false);
        assert_eq!(console.feed(b"hostname\nwho").output, "pump\n");
        let said = console.end();
        assert_eq!(
            (said.errors.as_str(), said.exit),
            ("who: not found; try help\n", Some(127))
        );
    }

    proptest! {
        #[test]
        fn any_input_is_survived_and_a_line_stays_short(input in prop::collection::vec(any::<u8>(), 0..3000), terminal: bool) {
            let mut console = console(terminal);
            console.feed(&input);
            prop_assert!(console.line.len() <= LINE + 3);
        }
    }
}
