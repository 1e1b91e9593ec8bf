//! What the command prints: tables for people, JSON for programs.

use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};

use jump_core::text::Escaped;
use jump_core::{Error, ErrorKind};
use serde::Serialize;

use crate::error::{Failure, WRITE_OUTPUT};

/// Where and how results are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    colour: bool,
}

/// Whether colour may be written there: to a terminal, unless `NO_COLOR` is set (no-color.org).
pub(crate) fn colourful(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes text to standard error in one piece: others write there as well, such as the ssh whose ProxyCommand this is, and
/// would stand in the middle of a line that is written in several.
pub(crate) fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            colour: !json && colourful(&io::stdout()),
        }
    }

    /// Whether results are for a program.
    pub(crate) const fn json(&self) -> bool {
        self.json
    }

    /// A line for people; nothing in JSON mode.
    pub(crate) fn say(&self, line: impl Display) -> Result<(), Failure> {
        if self.json { Ok(()) } else { write_line(&line) }
    }

    /// A result for programs; nothing in the other mode.
    pub(crate) fn value(&self, value: &impl Serialize) -> Result<(), Failure> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string(value).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                WRITE_OUTPUT,
                "the result has no form in JSON",
            )
            .with_source(error)
        })?;
        write_line(&text)
    }

    /// A line on standard error. There is nowhere to report a failure of that.
    pub(crate) fn complain(&self, line: &dyn Display) {
        complain(&format!("{line}\n"));
    }

    pub(crate) const fn paint<T: Display>(&self, colour: Colour, text: T) -> Painted<T> {
        Painted {
            colour: if self.colour { Some(colour) } else { None },
            text,
        }
    }

    /// A table, or its JSON.
    pub(crate) fn table<T: Serialize>(&self, rows: &[T], columns: &[Column<T>]) -> Result<(), Failure> {
        if self.json {
            return self.value(&rows);
        }
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|row| {
                columns
                    .iter()
                    .map(|column| Escaped(&(column.text)(row)).to_string())
                    .collect()
            })
            .collect();
        let head: Vec<&str> = columns.iter().map(|column| column.name).collect();
        let terminal = io::stdout().is_terminal();
        let available = terminal.then(|| crate::terminal::size().0 as usize);
        let table = crate::table::laid_out(&head, &cells, available);
        for line in &table.head {
            self.say(self.paint(Colour::Bold, line))?;
        }
        for line in &table.body {
            self.say(line)?;
        }
        Ok(())
    }
}

/// A column of a table.
pub(crate) struct Column<T> {
    pub(crate) name: &'static str,
    pub(crate) text: fn(&T) -> String,
}

/// A colour with a meaning.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Colour {
    Good,
    Bad,
    Bold,
    Faint,
}

impl Colour {
    /// The ECMA-48 SGR sequence.
    const fn start(self) -> &'static str {
        match self {
            Colour::Good => "\u{1b}[32m",
            Colour::Bad => "\u{1b}[31m",
            Colour::Bold => "\u{1b}[1m",
            Colour::Faint => "\u{1b}[2m",
        }
    }
}

/// Text in a colour, if colours are on.
#[derive(Debug)]
pub(crate) struct Painted<T> {
    colour: Option<Colour>,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.colour {
            Some(colour) => write!(f, "{}{}\u{1b}[0m", colour.start(), self.text),
            None => self.text.fmt(f),
        }
    }
}

fn write_line(line: &dyn Display) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{line}").map_err(not_written)
}

/// The failure to write a result.
pub(crate) fn not_written(error: io::Error) -> Failure {
    let kind = match error.kind() {
        io::ErrorKind::BrokenPipe => ErrorKind::Closed,
        _ => ErrorKind::Storage,
    };
    Error::from_io(kind, WRITE_OUTPUT, error).into()
}

/// `yes` or `no`.
pub(crate) fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

/// A moment to the second, in UTC.
pub(crate) fn moment(at: jump_core::time::Timestamp) -> String {
    at.round(jiff::Unit::Second).unwrap_or(at).to_string()
}
