//! What must hold for any bytes in a Shell Jump's recording. Run by the fuzzer, and over the corpus by an ordinary
//! test.

use std::time::Duration;

use bytes::Bytes;
use jump_core::recording::{Record, RecordKind};
use jump_proto_ssh::recording::{CastOptions, ShellRecord, asciicast, channels, text};

/// Reads the input as one event record, then as a recording: pieces of one byte of kind, one of length and that many
/// bytes. Panics if an event changes when it is written and read again, or a decoder makes something unreadable.
pub(crate) fn check(input: &[u8]) {
    if let Some(event) = ShellRecord::decode(input) {
        assert_eq!(ShellRecord::decode(&event.encode()), Some(event));
    }
    let mut records = Vec::new();
    let mut rest = input;
    while let [kind, length, after @ ..] = rest {
        let (payload, later) = after.split_at(usize::from(*length).min(after.len()));
        rest = later;
        records.push(Record {
            at: Duration::from_millis(records.len() as u64),
            channel: u32::from(kind >> 6),
            kind: RecordKind::from_number(kind & 3).unwrap_or(RecordKind::Event),
            payload: Bytes::copy_from_slice(payload),
        });
    }
    let all = || records.iter().cloned().map(Ok);
    let summaries = channels(all()).expect("no record is an error");
    let options = CastOptions {
        input: true,
        ..CastOptions::default()
    };
    for summary in summaries {
        let mut cast = Vec::new();
        asciicast(all(), summary.channel, &options, &mut cast).expect("a vector takes everything");
        let cast = String::from_utf8(cast).expect("a cast is UTF-8");
        assert!(
            cast.lines()
                .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
        );
        text(all(), summary.channel, &mut Vec::new()).expect("a vector takes everything");
    }
}
