//! What must hold for any bytes that are taken for an audit log. An ordinary test replays the corpus through this.

use jump_core::audit::{LogReader, verify_log};

/// A log of three events, made by this library.
const HONEST: &[u8] = include_bytes!("../corpus/audit_log/three-events");

/// The first byte says how the rest is meant.
pub(crate) fn check(data: &[u8]) {
    match data.split_first() {
        Some((0, rest)) => damaged(rest),
        _ => {
            read(data);
        }
    }
}

/// Reads all events; how many lines were whole and followed the chain.
fn read(log: &[u8]) -> u64 {
    let verified = verify_log(log);
    let mut events = 0;
    let mut failed = false;
    for entry in LogReader::new(log) {
        match entry {
            Ok(entry) => {
                assert!(!failed, "nothing is given after a bad line");
                events = entry.sequence;
            }
            Err(error) if error.kind() == jump_core::ErrorKind::Unsupported => events += 1,
            Err(_) => failed = true,
        }
    }
    assert_eq!(verified.is_err(), failed);
    if let Ok(verified) = verified {
        assert_eq!(verified.events, events);
        assert_eq!(verified.bytes + verified.incomplete, log.len() as u64);
    }
    events
}

/// One byte changed anywhere in an honest log is noticed, and so is anything inserted.
fn damaged(data: &[u8]) {
    assert_eq!(read(HONEST), 3);
    let Some((&[high, low, flip], inserted)) = data.split_first_chunk() else {
        return;
    };
    let position = usize::from(u16::from_be_bytes([high, low])) % HONEST.len();
    let (before, after) = HONEST.split_at(position);
    let mut log = before.to_vec();
    log.extend_from_slice(inserted);
    log.extend_from_slice(after);
    if let Some(byte) = log.get_mut(position) {
        *byte ^= flip;
    }
    if log == HONEST {
        return;
    }
    let whole = verify_log(log.as_slice()).is_ok_and(|verified| verified.incomplete == 0);
    assert!(!whole, "a changed log must not verify");
}
