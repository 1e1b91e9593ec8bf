//! asciicast version 2 (docs.asciinema.org/manual/asciicast/v2), which asciinema and its web player show.

use std::io::Write;
use std::time::Duration;

use jump_core::Result;
use jump_core::recording::{Record, RecordKind};
use serde_json::json;

use super::utf8::Utf8Pieces;
use super::{ShellRecord, not_written};
use crate::failure::cut;

/// The size of a screen that nobody gave a size (RFC 4254 §6.2 leaves it to the client).
const COLUMNS: u32 = 80;
/// See [`COLUMNS`].
const ROWS: u32 = 24;
/// The longest text of a marker.
const MARKER: usize = 200;

/// How a cast is made.
#[derive(Clone, Debug, Default)]
pub struct CastOptions {
    /// Whether the rep's keystrokes are written too. They hold passwords typed inside the session: left out by
    /// default.
    pub input: bool,
    /// When the session began, in seconds since 1970, for the header.
    pub started: Option<i64>,
    /// A title for the header.
    pub title: Option<String>,
}

/// Writes one channel as a cast: terminal output, sizes, and a marker where a command started or the program ended.
/// Times count from the channel's first record. Output without a terminal gets the carriage returns that a terminal
/// would have added.
///
/// # Errors
/// The first error of `records`; [`ErrorKind::Storage`](jump_core::ErrorKind::Storage) if writing fails.
pub fn asciicast(
    records: impl IntoIterator<Item = Result<Record>>,
    channel: u32,
    options: &CastOptions,
    out: &mut dyn Write,
) -> Result<()> {
    let mut cast = Cast::new(options, out);
    for record in records {
        let record = record?;
        if record.channel == channel {
            cast.record(&record)?;
        }
    }
    cast.finish()
}

struct Cast<'a> {
    options: &'a CastOptions,
    out: &'a mut dyn Write,
    started: Option<Duration>,
    last: Duration,
    terminal: Option<(String, u32, u32)>,
    headed: bool,
    output: Utf8Pieces,
    errors: Utf8Pieces,
    input: Utf8Pieces,
    /// Whether the last character shown was a carriage return.
    returned: bool,
}

impl<'a> Cast<'a> {
    fn new(options: &'a CastOptions, out: &'a mut dyn Write) -> Self {
        Self {
            options,
            out,
            started: None,
            last: Duration::ZERO,
            terminal: None,
            headed: false,
            output: Utf8Pieces::default(),
            errors: Utf8Pieces::default(),
            input: Utf8Pieces::default(),
            returned: false,
        }
    }

    fn record(&mut self, record: &Record) -> Result<()> {
        let started = *self.started.get_or_insert(record.at);
        self.last = record.at.saturating_sub(started);
        match record.kind {
            RecordKind::FromTarget => {
                let text = self.output.push(&record.payload);
                self.show(&text)
            }
            RecordKind::FromTargetError => {
                let text = self.errors.push(&record.payload);
                self.show(&text)
            }
            RecordKind::FromRep if self.options.input => {
                let text = self.input.push(&record.payload);
                self.event("i", &text)
            }
            RecordKind::Event => match ShellRecord::decode(&record.payload) {
                Some(event) => self.happened(event),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn happened(&mut self, event: ShellRecord) -> Result<()> {
        match event {
            ShellRecord::Terminal { kind, columns, rows } if self.terminal.is_none() => {
                self.terminal = Some((kind, columns, rows));
                Ok(())
            }
            ShellRecord::Terminal { columns, rows, .. } | ShellRecord::Resized { columns, rows } => {
                self.event("r", &format!("{columns}x{rows}"))
            }
            ShellRecord::Shell => self.event("m", "shell"),
            ShellRecord::Exec { command, .. } => self.event("m", cut(&command, MARKER)),
            ShellRecord::Exited { status } => self.event("m", &format!("exit code {status}")),
            ShellRecord::Killed { signal } => self.event("m", cut(&format!("signal {signal}"), MARKER)),
            _ => Ok(()),
        }
    }

    fn show(&mut self, text: &str) -> Result<()> {
        if self.terminal.is_some() {
            return self.event("o", text);
        }
        let mut shown = String::with_capacity(text.len());
        for character in text.chars() {
            if character == '\n' && !self.returned {
                shown.push('\r');
            }
            self.returned = character == '\r';
            shown.push(character);
        }
        self.event("o", &shown)
    }

    fn event(&mut self, code: &str, data: &str) -> Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        self.head()?;
        let seconds = self.last.as_secs_f64();
        self.line(&json!([seconds, code, data]))
    }

    fn head(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.headed, true) {
            return Ok(());
        }
        let (columns, rows) = match &self.terminal {
            // 0 means that the client does not know.
            Some((_, columns, rows)) if *columns > 0 && *rows > 0 => (*columns, *rows),
            _ => (COLUMNS, ROWS),
        };
        let mut header = json!({"version": 2, "width": columns, "height": rows});
        if let Some(fields) = header.as_object_mut() {
            if let Some(started) = self.options.started {
                fields.insert("timestamp".to_owned(), started.into());
            }
            if let Some(title) = &self.options.title {
                fields.insert("title".to_owned(), title.as_str().into());
            }
            if let Some((kind, ..)) = &self.terminal {
                fields.insert("env".to_owned(), json!({"TERM": kind}));
            }
        }
        self.line(&header)
    }

    fn line(&mut self, value: &serde_json::Value) -> Result<()> {
        writeln!(self.out, "{value}").map_err(not_written)
    }

    fn finish(mut self) -> Result<()> {
        let (output, errors) = (self.output.finish(), self.errors.finish());
        self.show(output)?;
        self.show(errors)?;
        if self.options.input {
            let input = self.input.finish();
            self.event("i", input)?;
        }
        self.head()?;
        self.out.flush().map_err(not_written)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn record(at: u64, channel: u32, kind: RecordKind, payload: &[u8]) -> Result<Record> {
        Ok(Record {
            at: Duration::from_millis(at),
            channel,
            kind,
            payload: Bytes::copy_from_slice(payload),
        })
    }

    fn event(at: u64, event: &ShellRecord) -> Result<Record> {
        record(at, 0, RecordKind::Event, &event.encode())
    }

    fn cast(records: Vec<Result<Record>>, options: &CastOptions) -> Vec<Value> {
        let mut out = Vec::new();
        asciicast(records, 0, options, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_shell_becomes_a_header_and_timed_events_without_input() {
        let terminal = ShellRecord::Terminal {
            kind: "xterm".into(),
            columns: 100,
            rows: 30,
        };
        let records = || {
            vec![
                event(1000, &terminal),
                event(1000, &ShellRecord::Shell),
                record(1500, 0, RecordKind::FromTarget, b"$ \xe2\x82"),
                record(1600, 1, RecordKind::FromTarget, b"another channel"),
                record(1700, 0, RecordKind::FromRep, b"secret\r"),
                record(2000, 0, RecordKind::FromTarget, b"\xac\n"),
                event(
                    2500,
                    &ShellRecord::Resized {
                        columns: 80,
                        rows: 24,
                    },
                ),
                event(3000, &ShellRecord::Exited { status: 7 }),
            ]
        };
        let lines = cast(
            records(),
            &CastOptions {
                started: Some(5),
                ..CastOptions::default()
            },
        );
        assert_eq!(
            lines[0],
            json!({"version": 2, "width": 100, "height": 30, "timestamp": 5, "env": {"TERM": "xterm"}})
        );
        assert_eq!(
            lines[1..],
            [
                json!([0.0, "m", "shell"]),
                json!([0.5, "o", "$ "]),
                json!([1.0, "o", "€\n"]),
                json!([1.5, "r", "80x24"]),
                json!([2.0, "m", "exit code 7"]),
            ]
        );
        let with_input = cast(
            records(),
            &CastOptions {
                input: true,
                ..CastOptions::default()
            },
        );
        assert!(with_input.contains(&json!([0.7, "i", "secret\r"])));
    }

    #[test]
    fn output_without_a_terminal_gets_carriage_returns() {
        let lines = cast(
            vec![
                event(0, &ShellRecord::exec(b"ls")),
                record(0, 0, RecordKind::FromTarget, b"a\nb\r"),
                record(0, 0, RecordKind::FromTarget, b"\nc\n"),
                record(0, 0, RecordKind::FromTargetError, b"no\xff"),
            ],
            &CastOptions::default(),
        );
        assert_eq!(lines[0]["width"], 80);
        assert_eq!(
            lines[1..],
            [
                json!([0.0, "m", "ls"]),
                json!([0.0, "o", "a\r\nb\r"]),
                json!([0.0, "o", "\nc\r\n"]),
                json!([0.0, "o", "no\u{fffd}"]),
            ]
        );
    }

    proptest! {
        /// Any recording becomes lines of JSON, the first of them a header.
        #[test]
        fn any_records_become_a_cast(
            pieces in prop::collection::vec((0..4u8, prop::collection::vec(any::<u8>(), 0..40)), 0..40),
        ) {
            let records = pieces.iter().enumerate().map(|(at, (kind, payload))| {
                record(at as u64, 0, RecordKind::from_number(*kind).unwrap(), payload)
            });
            let lines = cast(records.collect(), &CastOptions { input: true, ..CastOptions::default() });
            prop_assert_eq!(&lines[0]["version"], &json!(2));
            prop_assert!(lines[1..].iter().all(Value::is_array));
        }
    }
}
