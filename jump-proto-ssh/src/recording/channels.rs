//! What a recording holds.

use std::collections::BTreeMap;
use std::time::Duration;

use jump_core::Result;
use jump_core::protocol::{ExitStatus, Terminal};
use jump_core::recording::{Record, RecordKind};

use super::ShellRecord;

/// More channels than this are not told apart: the rest is left out.
const MOST: usize = 100_000;

/// What a channel was for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelKind {
    /// Nothing was started on it.
    #[default]
    Idle,
    /// A shell.
    Shell,
    /// A command.
    Command(String),
    /// A subsystem, such as `sftp`: its bytes are a protocol of their own.
    Subsystem(String),
    /// A connection from the target to another host: its bytes are a protocol of their own.
    Connection(String),
}

/// One channel of a recording. Text is the peer's own: escape it where it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelSummary {
    /// Its number.
    pub channel: u32,
    /// What it was for.
    pub kind: ChannelKind,
    /// Its terminal as it was opened, if it had one.
    pub terminal: Option<Terminal>,
    /// How its program ended, if it did.
    pub exit: Option<ExitStatus>,
    /// Bytes from the rep.
    pub input: u64,
    /// Bytes from the target, error output included.
    pub output: u64,
    /// When its first record was made.
    pub start: Duration,
    /// When its last record was made.
    pub end: Duration,
}

impl ChannelSummary {
    /// Whether it shows something on a screen: output of a shell or command.
    #[must_use]
    pub const fn is_watchable(&self) -> bool {
        self.output > 0 && !matches!(self.kind, ChannelKind::Subsystem(_) | ChannelKind::Connection(_))
    }
}

/// Lists the channels of a recording, in the order of their numbers.
///
/// # Errors
/// The first error of `records`.
pub fn channels(records: impl IntoIterator<Item = Result<Record>>) -> Result<Vec<ChannelSummary>> {
    let mut found: BTreeMap<u32, ChannelSummary> = BTreeMap::new();
    for record in records {
        let record = record?;
        if !found.contains_key(&record.channel) && found.len() >= MOST {
            continue;
        }
        let summary = found.entry(record.channel).or_insert_with(|| ChannelSummary {
            channel: record.channel,
            start: record.at,
            ..ChannelSummary::default()
        });
        summary.end = record.at;
        let length = record.payload.len() as u64;
        match record.kind {
            RecordKind::FromRep => summary.input += length,
            RecordKind::FromTarget | RecordKind::FromTargetError => summary.output += length,
            RecordKind::Event => {
                if let Some(event) = ShellRecord::decode(&record.payload) {
                    note(summary, event);
                }
            }
            _ => {}
        }
    }
    Ok(found.into_values().collect())
}

fn note(summary: &mut ChannelSummary, event: ShellRecord) {
    match event {
        ShellRecord::Shell => summary.kind = ChannelKind::Shell,
        ShellRecord::Exec { command, .. } => summary.kind = ChannelKind::Command(command),
        ShellRecord::Subsystem { name } => summary.kind = ChannelKind::Subsystem(name),
        ShellRecord::Connected { to } => summary.kind = ChannelKind::Connection(to),
        ShellRecord::Terminal { kind, columns, rows } if summary.terminal.is_none() => {
            summary.terminal = Some(Terminal { kind, columns, rows });
        }
        ShellRecord::Exited { status } => summary.exit = Some(ExitStatus::Code(status)),
        ShellRecord::Killed { signal } => summary.exit = Some(ExitStatus::Signal(signal)),
        _ => {}
    }
}
