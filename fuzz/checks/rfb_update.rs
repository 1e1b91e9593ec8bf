//! What must hold for any bytes that a server sends as an update. Run by the fuzzer, and over the corpus by an ordinary
//! test.

use jump_proto_vnc::decode::{Progress, UpdateDecoder, UpdateEvent};
use jump_proto_vnc::wire::{PixelFormat, Size};

/// The most that the decoder may ask to be given again.
const MAX_KEPT: usize = 2048;

/// How it ended, if not with an error, what was said, and how much was used.
type Outcome = (Option<Progress>, Vec<UpdateEvent>, usize);

/// The first byte is the length of the pieces in which the rest comes, sixteen are the format of pixels, two the count of
/// rectangles. The same must come out whether the rest comes at once or in pieces.
pub(crate) fn check(input: &[u8]) {
    let Some((&[piece], rest)) = input.split_first_chunk::<1>() else {
        return;
    };
    let Some((format, rest)) = rest.split_first_chunk::<16>() else {
        return;
    };
    let Some((count, rest)) = rest.split_first_chunk::<2>() else {
        return;
    };
    let format = PixelFormat::read(format).unwrap_or(PixelFormat::BGRX8888);
    let count = u16::from_be_bytes(*count);
    let (at_once, one) = decode(format, count, rest, usize::MAX);
    let (in_pieces, other) = decode(format, count, rest, usize::from(piece) + 1);
    assert_eq!(at_once, in_pieces);
    // How much of a damaged stream is painted depends on how much of it is seen at once.
    if at_once.0.is_some() {
        assert!(one.screen().pixels() == other.screen().pixels());
    }
}

fn decode(format: PixelFormat, count: u16, bytes: &[u8], piece: usize) -> (Outcome, UpdateDecoder) {
    let size = Size {
        width: 100,
        height: 60,
    };
    let mut decoder = UpdateDecoder::new(size, format).expect("a small screen");
    decoder.start(count).expect("a new decoder");
    let mut events = Vec::new();
    let (mut from, mut to) = (0, 0_usize);
    let result = loop {
        to = bytes.len().min(to.saturating_add(piece));
        match decoder.decode(&bytes[from..to], &mut |event| events.push(event)) {
            Err(_) => break None,
            Ok(decoded) => {
                from += decoded.consumed;
                if let Progress::Needs(more) = decoded.progress {
                    assert!(to - from < more && to - from <= MAX_KEPT);
                }
                if decoded.progress == Progress::Finished || to == bytes.len() {
                    break Some(decoded.progress);
                }
            }
        }
    };
    // After an error it does not matter how much was used.
    let used = if result.is_some() { from } else { 0 };
    assert!(decoder.screen().damage().areas().len() <= 64);
    ((result, events, used), decoder)
}
