//! What is wrong with an import: all of it, up to a bound, each with its place.

use std::fmt;

use jump_core::error::{Error, ErrorKind};
use jump_core::text::Escaped;
use serde::Serialize;

/// The most problems that are kept; of further ones only their number is.
pub const MOST_PROBLEMS: usize = 1000;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// In a CSV file: the row, as a spreadsheet counts: 1 is the header. Empty lines do not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// In a CSV file: the line in which that row begins, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// In a CSV file: the column, by its header, or by its number from 1 if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// In a document: the object, such as `jump_policies "Office hours"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(row) = self.row {
            write!(f, "row {row}")?;
            if let Some(line) = self.line.filter(|line| *line != row) {
                write!(f, " (line {line})")?;
            }
            if let Some(column) = &self.column {
                write!(f, ", column {}", Escaped(column))?;
            }
            f.write_str(": ")?;
        }
        if let Some(object) = &self.object {
            write!(f, "{}: ", Escaped(object))?;
        }
        write!(f, "{}", Escaped(&self.reason))
    }
}

/// Everything that is wrong with an import: the first [`MOST_PROBLEMS`], and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Problems {
    list: Vec<Problem>,
    count: u64,
}

impl Problems {
    /// The problems that are kept, in the order of the file.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// As one error, for who wants no list: the first, and how many more.
    #[must_use]
    pub fn to_error(&self) -> Error {
        let first = self.list.first().map(Problem::to_string).unwrap_or_default();
        let message = match self.count {
            0 | 1 => first,
            count => format!("{first}; and {} more", count - 1),
        };
        Error::new(ErrorKind::InvalidArgument, "import", message)
    }

    pub(crate) fn add(&mut self, problem: Problem) {
        self.count += 1;
        if self.list.len() < MOST_PROBLEMS {
            self.list.push(problem);
        }
    }

    pub(crate) fn object(&mut self, object: impl Into<String>, reason: impl Into<String>) {
        self.add(Problem {
            row: None,
            line: None,
            column: None,
            object: Some(object.into()),
            reason: reason.into(),
        });
    }

    pub(crate) fn whole(&mut self, reason: impl Into<String>) {
        self.add(Problem {
            row: None,
            line: None,
            column: None,
            object: None,
            reason: reason.into(),
        });
    }

    /// In the order of rows.
    pub(crate) fn sorted(mut self) -> Self {
        self.list.sort_by_key(|problem| problem.row);
        self
    }
}
