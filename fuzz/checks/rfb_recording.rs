//! What must hold for any bytes that a recording of a VNC session holds. Run by the fuzzer, and over the corpus by an
//! ordinary test.

use jump_playback::png;
use jump_proto_vnc::recording::{ScreenDecoder, ScreenEvent};

/// The first byte is the length of the pieces; then records: a byte of which the lowest bit says from which side, two for
/// its length, and its bytes. The same must come out whether a record comes at once or in pieces.
pub(crate) fn check(input: &[u8]) {
    let Some((&[piece], records)) = input.split_first_chunk::<1>() else {
        return;
    };
    let (at_once, one) = decode(records, usize::MAX);
    let (in_pieces, other) = decode(records, usize::from(piece) + 1);
    assert_eq!(at_once.is_some(), in_pieces.is_some());
    if at_once.is_some() {
        assert_eq!(at_once, in_pieces);
        let seen = one.seen();
        assert_eq!(one.cursor(), other.cursor());
        assert!(
            seen.as_ref().map(|screen| screen.pixels())
                == other.seen().as_ref().map(|screen| screen.pixels())
        );
        // Small ones are written, too; a large one only takes long.
        if let Some(seen) = seen.filter(|seen| seen.pixels().len() < 1 << 16) {
            assert_eq!(
                png(&seen.clone().into(), Vec::new()).is_ok(),
                !seen.pixels().is_empty()
            );
        }
    }
}

/// What was told; `None` if it ended with an error.
fn decode(mut records: &[u8], piece: usize) -> (Option<Vec<ScreenEvent>>, ScreenDecoder) {
    let mut decoder = ScreenDecoder::new();
    let mut events = Vec::new();
    while let Some((&[side, high, low], rest)) = records.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (bytes, rest) = rest.split_at(length);
        records = rest;
        for part in bytes.chunks(piece) {
            let mut told = |event| events.push(event);
            let taken = if side & 1 == 0 {
                decoder.target(part, &mut told)
            } else {
                decoder.client(part, &mut told)
            };
            if let Err(error) = taken {
                assert!(decoder.screen().is_none() && decoder.seen().is_none());
                assert_eq!(decoder.target(&[2], &mut |_| {}), Err(error), "it stays broken");
                return (None, decoder);
            }
        }
        if let Some(screen) = decoder.screen_mut() {
            assert!(screen.take_damage().areas().len() <= 64);
        }
    }
    (Some(events), decoder)
}
