//! What must hold for any bytes that are taken for a recording. An ordinary test replays the corpus through this.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use jump_core::id::SessionId;
use jump_core::keys::SealingKey;
use jump_core::recording::codec::{Encoder, Records};
use jump_core::recording::{Ending, Record, RecordKind, RecordingInfo, RecordingReader};
use jump_core::secret::Secret;
use jump_core::session::RecordingMode;
use jump_core::time::Timestamp;

static KEY: LazyLock<SealingKey> = LazyLock::new(|| SealingKey::from_seed(Secret::new([1; 32])));

/// The first byte says how the rest is meant.
pub(crate) fn check(data: &[u8]) {
    match data.split_first() {
        Some((0, file)) => drop(play(file)),
        Some((1, body)) => chunk_body(body),
        Some((_, rest)) => damaged(rest),
        None => {}
    }
}

/// Reads to the end; `None` if the header does not open.
fn play(file: &[u8]) -> Option<(Vec<Record>, Ending)> {
    let mut reader = RecordingReader::open(file, &KEY).ok()?;
    let mut records = Vec::new();
    let mut failed = false;
    for record in &mut reader {
        match record {
            Ok(record) => {
                assert!(!failed, "nothing is given after an error");
                records.push(record);
            }
            Err(_) => failed = true,
        }
    }
    assert!(!(failed && reader.ending() != Ending::Unclean));
    Some((records, reader.ending()))
}

/// What a chunk holds once it is decrypted: the writer may be hostile, too.
fn chunk_body(body: &[u8]) {
    let mut at = Duration::ZERO;
    let mut bytes = 0;
    for record in Records::new(Bytes::copy_from_slice(body), 0, 0).map_while(Result::ok) {
        assert!(record.at >= at, "time does not run backwards");
        at = record.at;
        bytes += record.payload.len();
    }
    assert!(bytes <= body.len(), "a payload is part of the body");
}

/// An honest recording of pieces of `data` comes back whole; with one byte changed or its end cut off, only a
/// beginning of it does, and it does not claim a clean end.
fn damaged(data: &[u8]) {
    let Some((&[position_0, position_1, flip, cut], pieces)) = data.split_first_chunk() else {
        return;
    };
    let info = RecordingInfo {
        session: SessionId::from_bytes([0; 16]),
        user_name: String::new(),
        item_name: String::new(),
        protocol: "ssh".to_owned(),
        started: Timestamp::UNIX_EPOCH,
        mode: RecordingMode::FailClosed,
    };
    let Ok((mut encoder, mut file)) = Encoder::new(&info, &KEY.public()) else {
        unreachable!("the header is valid");
    };
    let mut written = Vec::new();
    for (index, piece) in pieces.chunks(7).enumerate() {
        let record = Record {
            at: Duration::from_micros(index as u64),
            channel: u32::from(flip),
            kind: RecordKind::FromTarget,
            payload: Bytes::copy_from_slice(piece),
        };
        assert!(encoder.push(&record).is_ok());
        written.push(record);
        if index % 3 == 2 {
            seal(&mut encoder, &mut file);
        }
    }
    seal(&mut encoder, &mut file);
    let end = encoder.finish(0).unwrap_or_default();
    file.extend_from_slice(end);
    assert_eq!(
        play(&file),
        Some((written.clone(), Ending::Clean { lost_bytes: 0 }))
    );

    let position = usize::from(u16::from_be_bytes([position_0, position_1])) % file.len();
    if flip == 0 {
        file.truncate(file.len() - 1 - usize::from(cut) % file.len());
    } else if let Some(byte) = file.get_mut(position) {
        *byte ^= flip;
    }
    if let Some((records, ending)) = play(&file) {
        assert_eq!(ending, Ending::Unclean);
        assert!(written.starts_with(&records));
    }
}

fn seal(encoder: &mut Encoder, file: &mut Vec<u8>) {
    if !encoder.is_empty() {
        file.extend_from_slice(encoder.seal(0).unwrap_or_default());
        encoder.clear(1024);
    }
}
