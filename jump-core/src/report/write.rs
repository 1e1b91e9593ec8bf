//! Writing reports: as a table, JSON or CSV. Names, reasons, comments and commands were written by others: here they are
//! made harmless for the place they go to, and nothing in them is ever interpreted.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::Value;

use super::{ChangeRow, ItemRow, ReportKind, ReportRow, SessionRow};
use crate::error::{Error, ErrorKind, Result};
use crate::text::{Escaped, acts};
use crate::time::Timestamp;

/// The widths of a table's columns follow from this many rows.
const MEASURED: usize = 1000;

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportFormat {
    /// A table for people. What others wrote is escaped as in `\u{1b}`.
    Text,
    /// One JSON array. Characters that could act on a terminal stand as `\uXXXX`, so that reading gives them back.
    Json,
    /// One JSON object a line.
    JsonLines,
    /// Comma-separated values with a header (RFC 4180). What others wrote is escaped as in the table, and what a
    /// spreadsheet could take for a formula begins with `'`.
    Csv,
}

/// Writes a report, row by row. It keeps at most the first 1000 rows of a table, to see how wide its columns are.
#[derive(Debug)]
pub struct ReportWriter<W> {
    kind: ReportKind,
    format: ReportFormat,
    out: W,
    details: bool,
    rows: u64,
    pub(super) waiting: Vec<ReportRow>,
    widths: Vec<usize>,
}

impl<W: Write> ReportWriter<W> {
    /// A writer of one report.
    pub const fn new(kind: ReportKind, format: ReportFormat, out: W) -> Self {
        Self {
            kind,
            format,
            out,
            details: false,
            rows: 0,
            waiting: Vec::new(),
            widths: Vec::new(),
        }
    }

    /// Whether a table of sessions says under each what happened in it. Off by default.
    #[must_use]
    pub const fn with_details(mut self, details: bool) -> Self {
        self.details = details;
        self
    }

    /// Writes a row.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be written, [`ErrorKind::Closed`] if nobody reads any more.
    pub fn row(&mut self, row: ReportRow) -> Result<()> {
        let first = self.rows == 0;
        self.rows += 1;
        match self.format {
            ReportFormat::Text if self.widths.is_empty() => {
                self.waiting.push(row);
                if self.waiting.len() >= MEASURED {
                    self.write_waiting()?;
                }
                Ok(())
            }
            ReportFormat::Text => self.text_row(&row),
            ReportFormat::Json => {
                let json = json(&row)?;
                self.write(&format!("{}{json}", if first { "[" } else { ",\n" }))
            }
            ReportFormat::JsonLines => {
                let json = json(&row)?;
                self.write(&format!("{json}\n"))
            }
            ReportFormat::Csv => {
                if first {
                    self.csv_line(headers(self.kind).iter().map(|name| (*name).to_owned()))?;
                }
                let cells = csv_cells(&row);
                self.csv_line(cells.into_iter().map(|cell| csv_cell(&cell)))
            }
        }
    }

    /// Writes the end of the report and gives back where it was written, and how many rows there were.
    ///
    /// # Errors
    /// As [`row`](Self::row).
    pub fn finish(mut self) -> Result<(W, u64)> {
        match self.format {
            ReportFormat::Text => self.write_waiting()?,
            ReportFormat::Json if self.rows == 0 => self.write("[]\n")?,
            ReportFormat::Json => self.write("]\n")?,
            ReportFormat::JsonLines => {}
            ReportFormat::Csv if self.rows == 0 => {
                self.csv_line(headers(self.kind).iter().map(|name| (*name).to_owned()))?;
            }
            ReportFormat::Csv => {}
        }
        self.out.flush().map_err(not_written)?;
        Ok((self.out, self.rows))
    }

    fn write(&mut self, text: &str) -> Result<()> {
        self.out.write_all(text.as_bytes()).map_err(not_written)
    }

    fn csv_line(&mut self, cells: impl Iterator<Item = String>) -> Result<()> {
        let line = cells.collect::<Vec<_>>().join(",");
        // RFC 4180 §2: lines end with CRLF.
        self.write(&format!("{line}\r\n"))
    }

    fn write_waiting(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        if !self.widths.is_empty() || rows.is_empty() {
            return Ok(());
        }
        let names = table_headers(self.kind);
        self.widths = names.iter().map(|name| name.len()).collect();
        for row in &rows {
            for (width, cell) in self.widths.iter_mut().zip(table_cells(row)) {
                *width = (*width).max(Escaped(&cell).to_string().chars().count());
            }
        }
        self.text_line(names.iter().map(|name| (*name).to_owned()))?;
        rows.iter().try_for_each(|row| self.text_row(row))
    }

    fn text_line(&mut self, cells: impl Iterator<Item = String>) -> Result<()> {
        let mut line = String::new();
        for (cell, width) in cells.zip(&self.widths) {
            let cell = Escaped(&cell).to_string();
            let _ = write!(line, "{cell:<width$}  ", width = *width);
        }
        self.write(&format!("{}\n", line.trim_end()))
    }

    fn text_row(&mut self, row: &ReportRow) -> Result<()> {
        self.text_line(table_cells(row).into_iter())?;
        match row {
            ReportRow::Session(row) if self.details => self.details_of(row),
            _ => Ok(()),
        }
    }

    fn details_of(&mut self, row: &SessionRow) -> Result<()> {
        let mut lines = vec![format!("session {}", row.session)];
        let mut say = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                lines.push(format!("{name}: {value}"));
            }
        };
        say("reason", row.reason.clone());
        say("ticket", row.ticket.clone());
        say(
            "recording",
            row.recording.as_ref().map(|recording| {
                format!(
                    "{} ({} bytes, {} lost)",
                    recording.hash, recording.bytes, recording.lost
                )
            }),
        );
        say(
            "recording removed by retention",
            row.recording_removed.map(|removed| removed.to_string()),
        );
        for event in &row.events {
            let data: Vec<_> = event
                .data
                .iter()
                .map(|(name, value)| format!("{name}: {}", plain(value)))
                .collect();
            let data = data.join(", ");
            let line = format!(
                "{}  {}  {}  {data}",
                moment(event.time),
                event.event_type,
                event.performed_by
            );
            lines.push(line.trim_end().to_owned());
        }
        if row.events_left_out > 0 {
            lines.push(format!("and {} events more", row.events_left_out));
        }
        for line in lines {
            self.write(&format!("    {}\n", Escaped(&line)))?;
        }
        Ok(())
    }
}

fn not_written(error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::BrokenPipe => ErrorKind::Closed,
        _ => ErrorKind::Storage,
    };
    Error::from_io(kind, "write the output", error)
}

/// The row as JSON in which no character acts.
fn json(row: &ReportRow) -> Result<String> {
    let text = serde_json::to_string(row).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            "write the output",
            "a row has no form in JSON",
        )
        .with_source(error)
    })?;
    Ok(harmless_json(&text))
}

/// JSON that reads as the same value, with every character that could act on a terminal as `\uXXXX`. Outside of strings JSON
/// has no such character, except for spaces that are not there in compact JSON.
pub(crate) fn harmless_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if acts(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    out
}

/// A cell that is one cell, and no formula, wherever it is opened (OWASP: CSV injection).
fn csv_cell(text: &str) -> String {
    const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\0', '＝', '＋', '－', '＠'];
    let guard = if text.starts_with(FORMULA) { "'" } else { "" };
    let cell = format!("{guard}{}", Escaped(text));
    if cell.contains(['"', ',', ';']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

fn moment(time: Timestamp) -> String {
    time.round(jiff::Unit::Second).unwrap_or(time).to_string()
}

/// A value for people: text as it is, everything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

const fn table_headers(kind: ReportKind) -> &'static [&'static str] {
    match kind {
        ReportKind::Sessions => &[
            "STARTED",
            "LASTED",
            "USER",
            "ITEM",
            "GROUP",
            "JUMPOINT",
            "PROTOCOL",
            "FROM REP",
            "FROM TARGET",
            "END",
        ],
        ReportKind::Items => &["TIME", "ACTOR", "EVENT", "TYPE", "ITEM", "GROUP"],
        ReportKind::Changes => &["TIME", "ACTOR", "EVENT", "OBJECT", "VALUES"],
    }
}

fn table_cells(row: &ReportRow) -> Vec<String> {
    match row {
        ReportRow::Session(row) => vec![
            moment(row.started),
            row.duration_seconds.map(lasted).unwrap_or_default(),
            row.user.clone(),
            row.item.clone(),
            row.group.clone(),
            row.jumpoint.clone(),
            row.protocol.clone(),
            row.bytes_from_rep
                .map(|bytes| bytes.to_string())
                .unwrap_or_default(),
            row.bytes_from_target
                .map(|bytes| bytes.to_string())
                .unwrap_or_default(),
            row.end_reason
                .clone()
                .unwrap_or_else(|| "still running".to_owned()),
        ],
        ReportRow::Item(row) => vec![
            moment(row.time),
            row.actor.clone(),
            row.event.to_string(),
            row.item_type.clone(),
            item_name(row),
            row.group.clone(),
        ],
        ReportRow::Change(row) => vec![
            moment(row.time),
            row.actor.clone(),
            row.event.clone(),
            object_name(row),
            values(row),
        ],
    }
}

fn item_name(row: &ItemRow) -> String {
    if row.item.is_empty() {
        format!("item {}", row.item_id)
    } else {
        row.item.clone()
    }
}

fn object_name(row: &ChangeRow) -> String {
    match (&row.group, row.name.is_empty()) {
        (Some(group), false) => format!("{group}/{}", row.name),
        (_, true) => row.id.clone(),
        (None, false) => row.name.clone(),
    }
}

/// `port: 22 → 2222`, for every field. What is new has no old value, what is gone no new one.
fn values(row: &ChangeRow) -> String {
    let mut names: Vec<&str> = row
        .fields
        .keys()
        .filter_map(|name| name.strip_prefix("old_").or_else(|| name.strip_prefix("new_")))
        .collect();
    names.sort_unstable();
    names.dedup();
    let mut said: Vec<String> = names
        .into_iter()
        .filter_map(|name| {
            let old = row.fields.get(&format!("old_{name}"));
            let new = row.fields.get(&format!("new_{name}"));
            match (old, new) {
                (Some(old), Some(new)) => Some(format!("{name}: {} → {}", quoted(old), quoted(new))),
                // That something was never set says nothing.
                (None, Some(new)) if !empty(new) => Some(format!("{name}: {}", quoted(new))),
                (Some(old), None) if !empty(old) => Some(format!("{name}: {} → -", quoted(old))),
                _ => None,
            }
        })
        .collect();
    said.extend(row.remark.clone());
    said.join("; ")
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// A value in a list of values: text that could be taken for more than one value stands in quotes.
fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() || text.contains([';', '→', '"', ':']) => {
            format!("\"{}\"", text.replace('"', "\\\""))
        }
        other => plain(other),
    }
}

/// `1:02:03`, hours, minutes and seconds.
fn lasted(seconds: i64) -> String {
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

const fn headers(kind: ReportKind) -> &'static [&'static str] {
    match kind {
        ReportKind::Sessions => &[
            "session",
            "user",
            "user_id",
            "item",
            "item_id",
            "item_type",
            "group",
            "jumpoint",
            "protocol",
            "started",
            "ended",
            "duration_seconds",
            "end_reason",
            "bytes_from_rep",
            "bytes_from_target",
            "reason",
            "ticket",
            "recording_hash",
            "recording_bytes",
            "recording_lost",
            "events",
            "recording_removed",
        ],
        ReportKind::Items => &["time", "actor", "event", "item_type", "item", "item_id", "group"],
        ReportKind::Changes => &[
            "sequence", "time", "actor", "event", "object", "id", "name", "group", "fields", "remark",
        ],
    }
}

fn csv_cells(row: &ReportRow) -> Vec<String> {
    fn said(value: Option<impl ToString>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    match row {
        ReportRow::Session(row) => vec![
            row.session.to_string(),
            row.user.clone(),
            said(row.user_id),
            row.item.clone(),
            row.item_id.to_string(),
            row.item_type.clone(),
            row.group.clone(),
            row.jumpoint.clone(),
            row.protocol.clone(),
            row.started.to_string(),
            said(row.ended),
            said(row.duration_seconds),
            said(row.end_reason.as_ref()),
            said(row.bytes_from_rep),
            said(row.bytes_from_target),
            said(row.reason.as_ref()),
            said(row.ticket.as_ref()),
            said(row.recording.as_ref().map(|recording| &recording.hash)),
            said(row.recording.as_ref().map(|recording| recording.bytes)),
            said(row.recording.as_ref().map(|recording| recording.lost)),
            (row.events.len() as u64)
                .saturating_add(row.events_left_out)
                .to_string(),
            said(row.recording_removed),
        ],
        ReportRow::Item(row) => vec![
            row.time.to_string(),
            row.actor.clone(),
            row.event.to_string(),
            row.item_type.clone(),
            row.item.clone(),
            row.item_id.to_string(),
            row.group.clone(),
        ],
        ReportRow::Change(row) => vec![
            row.sequence.to_string(),
            row.time.to_string(),
            row.actor.clone(),
            row.event.clone(),
            row.object.clone(),
            row.id.clone(),
            row.name.clone(),
            said(row.group.as_ref()),
            serde_json::Value::from_iter(row.fields.clone()).to_string(),
            said(row.remark.as_ref()),
        ],
    }
}
