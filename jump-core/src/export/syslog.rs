//! Syslog messages (RFC 5424), and the sink that sends them.

use std::fmt::Write as _;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::connection::Connection;
use super::{Record, Sink, SyslogTarget, SyslogTransport};
use crate::error::{Error, ErrorKind, Result};
use crate::text::Escaped;

/// The facilities that are for local use (RFC 5424 §6.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Facility {
    /// 16, the documented one.
    #[default]
    Local0 = 16,
    /// 17.
    Local1 = 17,
    /// 18.
    Local2 = 18,
    /// 19.
    Local3 = 19,
    /// 20.
    Local4 = 20,
    /// 21.
    Local5 = 21,
    /// 22.
    Local6 = 22,
    /// 23.
    Local7 = 23,
}

/// The structured data's name. 32473 is the enterprise number for examples (RFC 5612): this project has none of its own.
const SD_ID: &str = "jump@32473";
/// A parameter of the structured data is cut behind this many bytes; the message has it whole.
const LONGEST_PARAMETER: usize = 256;

/// How records become messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogFormat {
    /// The facility; local0 by default.
    pub facility: Facility,
    /// This machine's name; `-` by default. What is no printable ASCII is left out (RFC 5424 §6.2.4).
    pub hostname: String,
    /// The longest message, in bytes, at least 1024. A longer one is sent in numbered segments.
    pub longest: usize,
}

impl SyslogFormat {
    /// The format for a transport: messages of at most 1400 bytes over UDP, so that none is cut into fragments, and 8192
    /// otherwise, which every receiver should take (RFC 5425 §4.3.1).
    #[must_use]
    pub fn for_transport(transport: SyslogTransport) -> Self {
        Self {
            facility: Facility::default(),
            hostname: "-".to_owned(),
            longest: if transport == SyslogTransport::Udp {
                1400
            } else {
                8192
            },
        }
    }

    /// The messages of a record: one, or several segments.
    ///
    /// The text of each begins with `sequence:part:parts:` and goes on with `name=value;name=value`, in which `\` and `;` of
    /// values have a `\` before them; who joins the texts of all parts has the whole. Control characters and other text
    /// that could act stand as `\\u{1b}`.
    #[must_use]
    pub fn messages(&self, record: &Record) -> Vec<String> {
        let header = self.header(record);
        let text = text(record);
        // `sequence:NN:NN:`, and the byte order mark that says UTF-8.
        let room = self
            .longest
            .max(1024)
            .saturating_sub(header.len() + 3 + 20 + 1 + 2 * 6)
            .max(256);
        let pieces = pieces(&text, room);
        let parts = pieces.len();
        pieces
            .iter()
            .enumerate()
            .map(|(number, piece)| {
                format!(
                    "{header}\u{feff}{}:{:02}:{parts:02}:{piece}",
                    record.sequence,
                    number + 1
                )
            })
            .collect()
    }

    /// Everything up to the text (RFC 5424 §6), with the space behind it.
    fn header(&self, record: &Record) -> String {
        let priority = self.facility as u32 * 8 + record.severity as u32;
        let time = record.time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ");
        let mut header = format!(
            "<{priority}>1 {time} {} jump - {} [{SD_ID}",
            printable(&self.hostname, 255),
            printable(&record.event, 32)
        );
        let mut parameter = |name: &str, value: &str| {
            let escaped = Escaped(value).to_string();
            let cut = escaped.floor_char_boundary(LONGEST_PARAMETER);
            let value = escaped.get(..cut).unwrap_or_default();
            let _ = write!(header, " {name}=\"");
            for character in value.chars() {
                // RFC 5424 §6.3.3.
                if matches!(character, '"' | '\\' | ']') {
                    header.push('\\');
                }
                header.push(character);
            }
            header.push('"');
        };
        parameter("seq", &record.sequence.to_string());
        parameter("event", &record.event);
        parameter("who", &record.who);
        if let Some(ip) = &record.who_ip {
            parameter("who_ip", ip);
        }
        for name in ["session", "item_name", "name", "group"] {
            if let Some(Value::String(value)) = record.fields.get(name) {
                parameter(name, value);
            }
        }
        header.push_str("] ");
        header
    }
}

/// `event=...;who=...;name=value`.
fn text(record: &Record) -> String {
    let mut text = String::new();
    let mut say = |name: &str, value: &str| {
        if !text.is_empty() {
            text.push(';');
        }
        let _ = write!(text, "{}=", Escaped(name));
        for character in Escaped(value).to_string().chars() {
            if matches!(character, ';' | '\\') {
                text.push('\\');
            }
            text.push(character);
        }
    };
    say("event", &record.event);
    say("when", &record.time.to_string());
    say("who", &record.who);
    if let Some(ip) = &record.who_ip {
        say("who_ip", ip);
    }
    for (name, value) in &record.fields {
        match value {
            Value::String(value) => say(name, value),
            value => say(name, &value.to_string()),
        }
    }
    text
}

/// The text in pieces of at most `room` bytes; at least one.
fn pieces(mut text: &str, room: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    loop {
        let cut = text.floor_char_boundary(room);
        let (piece, rest) = text.split_at_checked(cut).unwrap_or((text, ""));
        pieces.push(piece);
        if rest.is_empty() {
            return pieces;
        }
        text = rest;
    }
}

/// A header field: printable ASCII, not empty, not longer than `most`.
fn printable(text: &str, most: usize) -> String {
    let kept: String = text.chars().filter(char::is_ascii_graphic).take(most).collect();
    if kept.is_empty() { "-".to_owned() } else { kept }
}

/// Sends records to a syslog server.
///
/// Syslog has no answers. Over TCP and TLS what was sent counts as delivered once the connection has held ten seconds longer;
/// if it breaks before, it is sent again. UDP loses what it loses.
#[derive(Debug)]
pub struct SyslogSink {
    target: SyslogTarget,
    format: SyslogFormat,
    grace: Duration,
    connection: Option<Connection>,
}

impl SyslogSink {
    /// A sink for this server; it connects when there is something to send.
    #[must_use]
    pub const fn new(target: SyslogTarget, format: SyslogFormat) -> Self {
        let grace = match target.transport() {
            SyslogTransport::Udp => Duration::ZERO,
            SyslogTransport::Tcp | SyslogTransport::Tls => Duration::from_secs(10),
        };
        Self {
            target,
            format,
            grace,
            connection: None,
        }
    }

    /// For how long a connection must hold after something was sent over it for that to count as delivered.
    #[must_use]
    pub const fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }
}

#[async_trait]
impl Sink for SyslogSink {
    async fn send(&mut self, records: &[Record]) -> Result<()> {
        // Taken out, so that a connection in the middle of a message is not used again if this is cancelled.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.target).await?,
        };
        let messages = records.iter().flat_map(|record| self.format.messages(record));
        connection.send(messages).await?;
        self.connection = Some(connection);
        Ok(())
    }

    fn grace(&self) -> Duration {
        self.grace
    }

    async fn broken(&mut self) -> Error {
        match &mut self.connection {
            Some(connection) => connection.broken().await,
            None => std::future::pending().await,
        }
    }

    async fn reset(&mut self) {
        self.connection = None;
    }

    async fn close(&mut self) -> bool {
        match self.connection.take() {
            Some(connection) => connection.close().await,
            None => false,
        }
    }
}

/// The error of a syslog server that cannot be used.
pub(super) fn unavailable(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unavailable, "send to syslog", message)
}
