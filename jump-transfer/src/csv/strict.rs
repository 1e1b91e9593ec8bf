//! A guard before the CSV parser, which takes nearly anything for CSV: it refuses what a person cannot have meant
//! (a lone quote swallows the rest of the file) and what is too large, before it is kept anywhere.

use std::collections::VecDeque;
use std::io::{self, Read};

use super::read::{MAX_CELL, MAX_COLUMNS, MAX_FILE, MAX_ROWS};

/// What is wrong, and where. Nothing behind it is read.
#[derive(Clone, Debug)]
pub(super) struct Violation {
    /// The row from 1, the header's; 0 is the file as a whole.
    pub(super) row: u64,
    /// The line in which the row begins.
    pub(super) line: u64,
    /// The column from 1; 0 is the row as a whole.
    pub(super) column: usize,
    pub(super) reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the start of a row that has nothing in it yet.
    Row,
    /// At the start of a cell.
    Cell,
    /// In a cell without quotes.
    Plain,
    /// In quotes.
    Quoted,
    /// Behind a quote in quotes: the end of the cell, or the first half of a doubled one.
    Quote,
}

/// Passes bytes on as long as they are strict CSV within the limits.
#[derive(Debug)]
pub(super) struct Strict<R> {
    inner: R,
    state: State,
    bytes: usize,
    /// Line breaks so far.
    breaks: u64,
    after_return: bool,
    row: u64,
    row_line: u64,
    /// Where the rows begin that were passed on and not asked about yet: at most a buffer full.
    lines: VecDeque<u64>,
    column: usize,
    cell: usize,
    mark: [u8; 3],
    marked: usize,
    begun: bool,
    violation: Option<Violation>,
}

impl<R: Read> Strict<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            state: State::Row,
            bytes: 0,
            breaks: 0,
            after_return: false,
            row: 1,
            row_line: 1,
            lines: VecDeque::new(),
            column: 1,
            cell: 0,
            mark: [0; 3],
            marked: 0,
            begun: false,
            violation: None,
        }
    }

    /// Why reading failed.
    pub(super) const fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The line in which the next row begins, from the first row on.
    pub(super) fn next_line(&mut self) -> Option<u64> {
        self.lines.pop_front()
    }

    fn refuse(&mut self, row: u64, column: usize, reason: impl Into<String>) -> io::Error {
        self.violation = Some(Violation {
            row,
            line: self.row_line,
            column,
            reason: reason.into(),
        });
        io::Error::other("not strict CSV")
    }

    /// Reads a byte order mark: UTF-8's is dropped, UTF-16's refused.
    fn begin(&mut self) -> io::Result<()> {
        self.begun = true;
        while self.marked < self.mark.len() {
            let rest = self.mark.get_mut(self.marked..).unwrap_or_default();
            match self.inner.read(rest) {
                Ok(0) => break,
                Ok(count) => self.marked += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        match self.mark {
            [0xef, 0xbb, 0xbf] => {
                self.bytes = self.marked;
                self.marked = 0;
            }
            [0xff, 0xfe, _] | [0xfe, 0xff, _] if self.marked >= 2 => {
                return Err(self.refuse(0, 0, "the file is UTF-16: save it as UTF-8"));
            }
            _ => {}
        }
        Ok(())
    }

    fn check(&mut self, byte: u8) -> io::Result<()> {
        self.bytes += 1;
        if self.bytes > MAX_FILE {
            return Err(self.refuse(0, 0, format!("a file has at most {MAX_FILE} bytes: split it")));
        }
        if self.state == State::Row && !matches!(byte, b'\r' | b'\n') {
            self.state = State::Cell;
            self.row_line = self.breaks + 1;
            self.lines.push_back(self.row_line);
            if self.row > MAX_ROWS + 1 {
                let message = format!("a file has at most {MAX_ROWS} rows below its header: split it");
                return Err(self.refuse(self.row, 0, message));
            }
        }
        if byte == b'\r' || (byte == b'\n' && !self.after_return) {
            self.breaks += 1;
        }
        self.after_return = byte == b'\r';
        self.state = match (self.state, byte) {
            (State::Quoted, b'"') => State::Quote,
            (State::Quoted, _) => State::Quoted,
            (State::Row, _) => State::Row,
            (_, b'\r' | b'\n') => {
                self.row += 1;
                self.column = 1;
                self.cell = 0;
                State::Row
            }
            (_, b',') => {
                self.column += 1;
                self.cell = 0;
                if self.column > MAX_COLUMNS {
                    let message = format!("a row has at most {MAX_COLUMNS} cells");
                    return Err(self.refuse(self.row, 0, message));
                }
                State::Cell
            }
            (State::Cell | State::Quote, b'"') => State::Quoted,
            (State::Plain, b'"') => {
                let message =
                    "a quote stands inside a cell: quote the whole cell, and double the quotes in it";
                return Err(self.refuse(self.row, self.column, message));
            }
            (State::Quote, _) => {
                let message = "something follows a closing quote: double the quotes inside a cell";
                return Err(self.refuse(self.row, self.column, message));
            }
            (State::Cell | State::Plain, _) => State::Plain,
        };
        self.cell += 1;
        if self.cell > MAX_CELL {
            let message = format!("a cell has at most {MAX_CELL} bytes");
            return Err(self.refuse(self.row, self.column, message));
        }
        Ok(())
    }
}

impl<R: Read> Read for Strict<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(violation) = &self.violation {
            return Err(io::Error::other(violation.reason.clone()));
        }
        if !self.begun {
            self.begin()?;
        }
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = if self.marked > 0 {
            let count = self.marked.min(buffer.len());
            for (to, from) in buffer.iter_mut().zip(self.mark) {
                *to = from;
            }
            self.mark.rotate_left(count);
            self.marked -= count;
            count
        } else {
            self.inner.read(buffer)?
        };
        if count == 0 && self.state == State::Quoted {
            let message = "a quote is opened here and never closed";
            return Err(self.refuse(self.row, self.column, message));
        }
        for at in 0..count {
            let byte = buffer.get(at).copied().unwrap_or_default();
            if let Err(error) = self.check(byte) {
                // What comes before is read first, so that what is wrong there is said, too.
                return if at > 0 { Ok(at) } else { Err(error) };
            }
        }
        Ok(count)
    }
}
