//! What must hold for any bytes that a server sends as an update. Run by the fuzzer, and over the corpus by an ordinary
//! test.

use std::sync::LazyLock;

use jump_proto_vnc::RfbResult;
use jump_proto_vnc::decode::{Helpers, Progress, UpdateDecoder, UpdateEvent};
use jump_proto_vnc::wire::{PixelFormat, Size};

/// The most that the decoder may ask to be given again.
const MAX_KEPT: usize = 2048;

/// Threads are slow to start, so they are there for all runs.
static HELPERS: LazyLock<Helpers> = LazyLock::new(|| Helpers::new(2));

/// How it ended, what was said, and how much was used.
type Outcome = (RfbResult<Progress>, Vec<UpdateEvent>, usize);

/// The first byte is the length of the pieces in which the rest comes, sixteen are the format of pixels, two the count of
/// rectangles. The same must come out whether the rest comes at once or in pieces, and whoever decodes the pictures.
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
    let (at_once, one) = decode(format, count, rest, usize::MAX, Helpers::none());
    let (in_pieces, other) = decode(format, count, rest, usize::from(piece) + 1, Helpers::none());
    let (helped, third) = decode(format, count, rest, usize::MAX, HELPERS.clone());
    assert_eq!(at_once, helped);
    assert_eq!(
        (at_once.0.as_ref().ok(), &at_once.1, at_once.2),
        (in_pieces.0.as_ref().ok(), &in_pieces.1, in_pieces.2)
    );
    // How much of a damaged stream is painted depends on how much of it is seen at once.
    if at_once.0.is_ok() {
        assert!(one.screen().pixels() == other.screen().pixels());
        assert!(one.screen().pixels() == third.screen().pixels());
    }
}

fn decode(
    format: PixelFormat,
    count: u16,
    bytes: &[u8],
    piece: usize,
    helpers: Helpers,
) -> (Outcome, UpdateDecoder) {
    let size = Size {
        width: 100,
        height: 60,
    };
    let decoder = UpdateDecoder::new(size, format).expect("a small screen");
    let mut decoder = decoder.with_helpers(helpers);
    decoder.start(count).expect("a new decoder");
    let mut events = Vec::new();
    let (mut from, mut to) = (0, 0_usize);
    let result = loop {
        to = bytes.len().min(to.saturating_add(piece));
        match decoder.decode(&bytes[from..to], &mut |event| events.push(event)) {
            Err(error) => break Err(error),
            Ok(decoded) => {
                from += decoded.consumed;
                if let Progress::Needs(more) = decoded.progress {
                    assert!(to - from < more && to - from <= MAX_KEPT);
                }
                if decoded.progress == Progress::Finished || to == bytes.len() {
                    break Ok(decoded.progress);
                }
            }
        }
    };
    // After an error it does not matter how much was used.
    let used = if result.is_ok() { from } else { 0 };
    assert!(decoder.screen().damage().areas().len() <= 64);
    ((result, events, used), decoder)
}
