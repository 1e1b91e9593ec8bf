//! The format under honest and hostile bytes.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::error::{ErrorKind, Result};
use crate::id::SessionId;
use crate::keys::SealingKey;
use crate::recording::{Ending, Record, RecordKind, RecordingInfo, RecordingReader, verify};
use crate::session::RecordingMode;

static KEY: LazyLock<SealingKey> = LazyLock::new(|| SealingKey::generate().unwrap());

fn info() -> RecordingInfo {
    RecordingInfo {
        session: SessionId::from_bytes([7; 16]),
        user_name: "ada".to_owned(),
        item_name: "büro-1".to_owned(),
        protocol: "ssh".to_owned(),
        started: "2026-01-02T03:04:05Z".parse().unwrap(),
        mode: RecordingMode::Backpressure,
    }
}

fn record(at: u64, payload: &[u8]) -> Record {
    Record {
        at: Duration::from_micros(at),
        channel: 3,
        kind: RecordKind::FromTarget,
        payload: Bytes::copy_from_slice(payload),
    }
}

/// The header and each chunk of a recording with one chunk per inner list, the final one at the end.
fn parts(chunks: &[Vec<Record>]) -> Vec<Vec<u8>> {
    let (mut encoder, header) = Encoder::new(&info(), &KEY.public()).unwrap();
    let mut parts = vec![header];
    for chunk in chunks {
        for record in chunk {
            encoder.push(record).unwrap();
        }
        parts.push(encoder.seal(0).unwrap().to_vec());
        encoder.clear(0);
    }
    parts.push(encoder.finish(0).unwrap().to_vec());
    parts
}

fn three_chunks() -> Vec<Vec<u8>> {
    parts(&[
        vec![record(1, b"zero")],
        vec![record(2, b"one")],
        vec![record(3, b"two")],
    ])
}

/// The records that could be read, how reading ended, and the message of the error if there was one.
fn read(bytes: &[u8]) -> Result<(Vec<Record>, Ending, Option<String>)> {
    let mut reader = RecordingReader::open(bytes, &KEY)?;
    let mut records = Vec::new();
    let mut failure = None;
    for next in &mut reader {
        match next {
            Ok(record) => records.push(record),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Integrity);
                failure = Some(error.to_string());
            }
        }
    }
    assert!(reader.next().is_none(), "nothing follows the end");
    Ok((records, reader.ending(), failure))
}

/// The error that names what is wrong with these parts.
fn complaint(parts: &[&[u8]]) -> String {
    let (_, ending, failure) = read(&parts.concat()).unwrap();
    assert_eq!(ending, Ending::Unclean);
    failure.expect("the damage must be noticed")
}

fn any_record() -> impl Strategy<Value = Record> {
    (
        0..10_000_000u64,
        any::<u32>(),
        0..4u8,
        prop::collection::vec(any::<u8>(), 0..2000),
    )
        .prop_map(|(at, channel, kind, payload)| Record {
            at: Duration::from_micros(at),
            channel,
            kind: RecordKind::from_number(kind).unwrap(),
            payload: Bytes::from(payload),
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_records_come_back_in_order(mut chunks in prop::collection::vec(
        prop::collection::vec(any_record(), 1..8), 0..8))
    {
        let mut at = Duration::ZERO;
        for record in chunks.iter_mut().flatten() {
            at = at.max(record.at);
            record.at = at;
        }
        let records: Vec<Record> = chunks.concat();
        let (read, ending, failure) = read(&parts(&chunks).concat()).unwrap();
        prop_assert_eq!(failure, None);
        prop_assert_eq!(ending, Ending::Clean { lost_bytes: 0 });
        prop_assert_eq!(read, records);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), keep in 0..400usize) {
        let whole = three_chunks().concat();
        let mut mixed = whole.get(..keep).unwrap_or(&whole).to_vec();
        mixed.extend_from_slice(&bytes);
        if let Ok((records, _, _)) = read(&mixed) {
            prop_assert!(records.len() <= 3);
        }
        let records = Records::new(Bytes::from(bytes), u64::MAX - 5, 0);
        prop_assert!(records.map(|record| record.map_or(0, |record| record.payload.len())).sum::<usize>() <= 300);
    }
}

#[test]
fn the_header_says_what_is_recorded_and_opens_with_the_sites_key_only() {
    let bytes = three_chunks().concat();
    let verified = verify(bytes.as_slice(), &KEY).unwrap();
    assert_eq!(verified.info, info());
    assert_eq!((verified.chunks, verified.records, verified.bytes), (4, 3, 10));
    assert_eq!(verified.duration, Duration::from_micros(3));
    let other = SealingKey::generate().unwrap();
    let error = verify(bytes.as_slice(), &other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(
        !bytes.windows(4).any(|window| window == b"zero"),
        "payload must not stand in the file"
    );
}

#[test]
fn swapped_dropped_duplicated_and_reordered_chunks_are_named() {
    let parts = three_chunks();
    let [header, zero, one, two, last] = parts.each::<5>();
    for (damaged, named) in [
        (vec![header, one, zero, two, last], "chunk 0 is missing"),
        (vec![header, zero, two, last], "chunk 1 is missing"),
        (vec![header, zero, one, one, two, last], "chunk 2 is missing"),
        (vec![header, zero, two, one, last], "chunk 1 is missing"),
        (vec![header, zero, one, last], "chunk 2 is missing"),
        (vec![header, zero, one, two, last, last], "something follows"),
        (vec![header, zero, one, two, last, b"x"], "something follows"),
    ] {
        let message = complaint(&damaged);
        assert!(message.contains(named), "{message} should say: {named}");
    }
    let others = three_chunks();
    let foreign = others[2].as_slice();
    let message = complaint(&[header, zero, foreign, two, last]);
    assert!(message.contains("chunk 1 does not verify"), "{message}");
}

#[test]
fn a_chunk_cannot_be_renumbered_or_made_the_last() {
    let parts = three_chunks();
    let [header, zero, one, _, last] = parts.each();
    let mut renumbered = one.to_vec();
    renumbered[7] = 0;
    assert!(complaint(&[header, &renumbered]).contains("chunk 0 does not verify"));
    let mut ended = one.to_vec();
    ended[CHUNK_HEAD - 1] = 1;
    assert!(complaint(&[header, zero, &ended]).contains("chunk 1 does not verify"));
    let mut early = last.to_vec();
    early[7] = 1;
    assert!(complaint(&[header, zero, &early]).contains("chunk 1 does not verify"));
}

#[test]
fn every_flipped_bit_is_noticed_and_nothing_wrong_is_read() {
    let parts = three_chunks();
    let bytes = parts.concat();
    let (good, ..) = read(&bytes).unwrap();
    let mut ends = Vec::new();
    for part in &parts {
        ends.push(ends.last().unwrap_or(&0) + part.len());
    }
    for position in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[position] ^= 1 << bit;
            let Ok((records, ending, failure)) = read(&damaged) else {
                assert!(
                    position < ends[0],
                    "only a damaged header keeps a recording from opening"
                );
                continue;
            };
            assert!(position >= ends[0], "a damaged header must be noticed");
            let chunk = ends.iter().filter(|end| **end <= position).count() - 1;
            assert_eq!(ending, Ending::Unclean, "bit {bit} of byte {position}");
            assert_eq!(
                records,
                good[..chunk.min(3)],
                "only what came before the damage is given"
            );
            match failure {
                Some(message) => assert!(message.contains(&format!("chunk {chunk} ")), "{message}"),
                // A length field that claims more than there is looks like a cut-off chunk.
                None => assert!((24..28).contains(&(position - ends[chunk])), "byte {position}"),
            }
        }
    }
}

#[test]
fn a_cut_off_recording_plays_to_its_last_whole_chunk() {
    let parts = three_chunks();
    let bytes = parts.concat();
    let (good, ..) = read(&bytes).unwrap();
    for length in 0..bytes.len() {
        let Some(rest) = length.checked_sub(parts[0].len()) else {
            assert!(read(&bytes[..length]).is_err(), "no header, no recording");
            continue;
        };
        let whole = [&parts[1], &parts[2], &parts[3]]
            .iter()
            .scan(0, |end, part| {
                *end += part.len();
                Some(*end)
            })
            .filter(|end| *end <= rest)
            .count();
        let (records, ending, failure) = read(&bytes[..length]).unwrap();
        assert_eq!((ending, failure), (Ending::Unclean, None), "{length} bytes");
        assert_eq!(records, good[..whole]);
    }
}

#[test]
fn a_record_of_16_mib_passes_and_one_byte_more_does_not() {
    let large = record(5, &vec![0x61; MAX_RECORD]);
    let bytes = parts(&[vec![record(1, &[1; CHUNK_TARGET - 40]), large.clone()]]).concat();
    let (records, ending, _) = read(&bytes).unwrap();
    assert_eq!(ending, Ending::Clean { lost_bytes: 0 });
    assert_eq!(records[1], large);
    let (mut encoder, _) = Encoder::new(&info(), &KEY.public()).unwrap();
    let error = encoder.push(&record(1, &vec![0; MAX_RECORD + 1])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(encoder.is_empty());
}

#[test]
fn hostile_lengths_are_refused_before_memory_is_taken() {
    let mut header = parts(&[])[0].clone();
    header[10..14].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(read(&header).unwrap_err().kind(), ErrorKind::Integrity);
    header[8] = 9;
    assert_eq!(read(&header).unwrap_err().kind(), ErrorKind::Unsupported);
    for length in [0, 15, MAX_CHUNK as u32 + 1, u32::MAX] {
        let head = ChunkHead {
            sequence: 0,
            time: 0,
            lost: 0,
            length,
            last: false,
        };
        assert_eq!(ChunkHead::from_bytes(&head.to_bytes()), None);
    }
    // A record that claims more than its chunk holds, more than a record may be, or that time ran over.
    for body in [
        b"\x00\x01\x00\x05abc".as_slice(),
        b"\x00\x01\x00\x81\x80\x80\x08",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01\x00\x00",
        b"\x00\x09\x00\x00",
        b"\x00\x01\xff\xff\xff\xff\x1f\x00",
        b"\x00",
    ] {
        let mut records = Records::new(Bytes::from_static(body), 1, 4);
        let error = records.next().unwrap().unwrap_err();
        assert!(error.to_string().contains("chunk 4 "));
        assert!(records.next().is_none());
    }
}

#[test]
fn a_sealed_chunk_stays_the_same_bytes_until_it_is_cleared() {
    let (mut encoder, _) = Encoder::new(&info(), &KEY.public()).unwrap();
    encoder.push(&record(1, b"x")).unwrap();
    let first = encoder.seal(0).unwrap().to_vec();
    assert_eq!(
        encoder.seal(9).unwrap(),
        first,
        "the same number never seals other bytes"
    );
    assert!(encoder.push(&record(2, b"y")).is_err());
    assert!(encoder.finish(0).is_err());
    encoder.clear(0);
    encoder.push(&record(2, b"y")).unwrap();
    assert_ne!(encoder.seal(0).unwrap(), first);
}

trait Each {
    fn each<const N: usize>(&self) -> [&[u8]; N];
}

impl Each for Vec<Vec<u8>> {
    fn each<const N: usize>(&self) -> [&[u8]; N] {
        std::array::from_fn(|index| self[index].as_slice())
    }
}
