//! Reading a file: every cell is looked at, and everything that is wrong is said.

use std::io::Read;

use csv::{ByteRecord, ReaderBuilder, Trim};
use jump_core::error::{Error, ErrorKind};
use jump_core::model::JumpMethod;

use super::column::{Column, columns, method_code};
use super::formula::unguarded;
use super::strict::Strict;
use super::{blank, set};
use crate::problem::{Problem, Problems};
use crate::refusal::Refusal;

/// The longest file, in bytes: 5 MB (5 × 1024 × 1024).
pub const MAX_FILE: usize = 5 * 1024 * 1024;
/// The most rows below the header.
pub const MAX_ROWS: u64 = 10_000;
/// The most cells in a row.
pub const MAX_COLUMNS: usize = 64;
/// The longest cell, in bytes as it stands in the file: 16 host keys of 16 KiB fit.
pub const MAX_CELL: usize = 512 * 1024;

/// What a file holds; each cell is valid by itself, references are not looked up yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// The type of the items.
    pub method: JumpMethod,
    /// Its columns, in its order.
    pub columns: Vec<Column>,
    /// Its rows below the header that are not empty.
    pub rows: Vec<Row>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number, as a spreadsheet counts: 2 is the first below the header.
    pub number: u64,
    /// The line in which it begins, from 1.
    pub line: u64,
    /// Its cells, as many as there are columns.
    pub cells: Vec<String>,
}

impl Row {
    pub(crate) fn problem(&self, column: Option<Column>, reason: impl Into<String>) -> Problem {
        Problem {
            row: Some(self.number),
            line: Some(self.line),
            column: column.map(|column| column.header().to_owned()),
            object: None,
            reason: reason.into(),
        }
    }
}

/// Reads a file of items of one type. Never keeps more than the limits allow, however much there is to read.
///
/// # Errors
/// [`Refusal::Problems`] with everything that is wrong: with a header nothing can be done about, with the file as a
/// whole from where it stops being CSV, with single cells all of them. [`Refusal::Error`] of kind
/// [`Storage`](ErrorKind::Storage) if it cannot be read.
pub fn read(file: impl Read, method: JumpMethod) -> Result<Rows, Refusal> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::None)
        .from_reader(Strict::new(file));
    let mut record = ByteRecord::new();
    let mut problems = Problems::default();
    let mut rows = Rows {
        method,
        columns: Vec::new(),
        rows: Vec::new(),
    };
    let mut number = 0;
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) => {
                let Some(violation) = reader.get_ref().violation() else {
                    return Err(unreadable(error).into());
                };
                problems.add(Problem {
                    row: (violation.row > 0).then_some(violation.row),
                    line: (violation.row > 0).then_some(violation.line),
                    column: (violation.column > 0).then(|| {
                        let known = rows.columns.get(violation.column - 1);
                        known.map_or_else(|| violation.column.to_string(), Column::to_string)
                    }),
                    object: None,
                    reason: violation.reason.clone(),
                });
                return Err(problems.into());
            }
        }
        number += 1;
        let row = Row {
            number,
            line: reader.get_mut().next_line().unwrap_or(number),
            cells: Vec::new(),
        };
        if number == 1 {
            rows.columns = header(&row, &record, method, &mut problems);
            if !problems.is_empty() {
                return Err(problems.into());
            }
        } else if !record.iter().all(<[u8]>::is_empty) {
            let before = problems.count();
            let row = cells(row, &record, &rows.columns, method, &mut problems)?;
            if problems.count() == before {
                rows.rows.push(row);
            }
        }
    }
    if number == 0 {
        problems.whole(format!(
            "the file is empty: its first row names the columns, such as those of the template for {}",
            method_code(method)
        ));
    }
    if problems.is_empty() {
        Ok(rows)
    } else {
        Err(problems.into())
    }
}

fn unreadable(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Error::from_io(ErrorKind::Storage, "read the file", error),
        other => Error::new(
            ErrorKind::InvalidArgument,
            "read the file",
            format!("it is not CSV: {other:?}"),
        ),
    }
}

fn header(row: &Row, record: &ByteRecord, method: JumpMethod, problems: &mut Problems) -> Vec<Column> {
    let mut found = Vec::new();
    let mut wrong = |at: usize, reason: String| {
        problems.add(Problem {
            row: Some(row.number),
            line: Some(row.line),
            column: Some((at + 1).to_string()),
            object: None,
            reason,
        });
    };
    for (at, cell) in record.iter().enumerate() {
        let Ok(text) = std::str::from_utf8(cell) else {
            wrong(at, "it is not UTF-8: save the file as UTF-8".to_owned());
            continue;
        };
        match Column::named(method, text) {
            None if record.len() == 1 && text.contains([';', '\t']) => {
                wrong(
                    at,
                    "the columns are not separated by commas: save the file with commas".to_owned(),
                );
            }
            None => {
                let known: Vec<&str> = columns(method).into_iter().map(Column::header).collect();
                let type_of = method_code(method);
                wrong(
                    at,
                    format!(
                        "`{text}` is not a column of {type_of}; its columns are {}",
                        known.join(", ")
                    ),
                );
            }
            Some(column) if found.contains(&column) => wrong(at, format!("column {column} is there twice")),
            Some(column) => found.push(column),
        }
    }
    for column in columns(method) {
        if column.is_required() && !found.contains(&column) {
            problems.add(row.problem(None, format!("the required column {column} is missing")));
        }
    }
    found
}

fn cells(
    mut row: Row,
    record: &ByteRecord,
    columns: &[Column],
    method: JumpMethod,
    problems: &mut Problems,
) -> Result<Row, Error> {
    if record.len() != columns.len() {
        let message = format!("it has {} cells, the header has {}", record.len(), columns.len());
        problems.add(row.problem(None, message));
    }
    let mut trial = blank(method)?;
    let mut read = Vec::with_capacity(columns.len());
    for (column, cell) in columns.iter().zip(record) {
        let Ok(text) = std::str::from_utf8(cell) else {
            problems.add(row.problem(Some(*column), "it is not UTF-8: save the file as UTF-8"));
            continue;
        };
        let text = unguarded(text);
        if text.is_empty() && column.is_required() {
            problems.add(row.problem(Some(*column), "it is required"));
        } else if let Err(reason) = set(&mut trial, *column, text) {
            problems.add(row.problem(Some(*column), reason));
        }
        read.push(text.to_owned());
    }
    row.cells = read;
    Ok(row)
}
