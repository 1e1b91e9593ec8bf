//! A decoder and a walker that are given the same bytes in the same pieces.
#![allow(dead_code, reason = "each test file uses some of it")]

use jump_proto_vnc::RfbResult;
use jump_proto_vnc::decode::{Progress, UpdateDecoder, UpdateEvent};
use jump_proto_vnc::walk::{ServerMessageKind, Walker};

/// The most that either may ask to be given again.
const MAX_KEPT: usize = 2048;

/// Decodes the rectangles of an update that come in pieces of these lengths, over and over, and walks over the same.
/// The decoder's answer, after both have ended at the same byte, or the error of the decoder.
pub(crate) fn update(
    decoder: &mut UpdateDecoder,
    count: u16,
    rectangles: &[u8],
    pieces: &[usize],
) -> RfbResult<Vec<UpdateEvent>> {
    let mut walker = Walker::new(decoder.format());
    decoder.start(count)?;
    let [high, low] = count.to_be_bytes();
    assert_eq!(walker.walk(&[0, 0, high, low])?.consumed, 4);
    let mut walker_at = 0;
    let mut walker_ended = count == 0;
    let mut events = Vec::new();
    let (mut from, mut to) = (0, 0);
    let mut lengths = pieces.iter().cycle();
    loop {
        to = (to + lengths.next().copied().unwrap_or(usize::MAX / 2).max(1)).min(rectangles.len());
        let decoded = decoder.decode(&rectangles[from..to], &mut |event| events.push(event))?;
        from += decoded.consumed;
        if !walker_ended {
            let walked = walker
                .walk(&rectangles[walker_at..to])
                .expect("what the decoder takes can be walked");
            assert_eq!(walked.message, Some(ServerMessageKind::FramebufferUpdate));
            walker_at += walked.consumed;
            walker_ended = walked.ends;
            assert!(to - walker_at <= MAX_KEPT || walker_ended);
        }
        match decoded.progress {
            Progress::Finished => break,
            Progress::Needs(more) => {
                assert!(
                    to - from < more && to - from <= MAX_KEPT,
                    "{} of {more}",
                    to - from
                );
                assert!(to < rectangles.len(), "an update that is whole needs no more");
            }
        }
    }
    assert!(
        walker_ended && walker_at == from,
        "the walker is at {walker_at}, the decoder at {from}"
    );
    Ok(events)
}
