//! What must hold for any bytes that a server sends, where they are measured and not decoded. Run by the fuzzer, and over
//! the corpus by an ordinary test.

use jump_proto_vnc::decode::{Progress, UpdateDecoder};
use jump_proto_vnc::walk::{ServerMessageKind, Walker};
use jump_proto_vnc::wire::{PixelFormat, Size};

/// The first byte is the length of the pieces in which the rest comes, sixteen are the format of pixels. The ends of
/// messages must be the same whether they come at once or in pieces, and those that the decoder says.
pub(crate) fn check(input: &[u8]) {
    let Some((&[piece], rest)) = input.split_first_chunk::<1>() else {
        return;
    };
    let Some((format, rest)) = rest.split_first_chunk::<16>() else {
        return;
    };
    let format = PixelFormat::read(format).unwrap_or(PixelFormat::BGRX8888);
    let ends = walk(format, rest, usize::MAX);
    assert_eq!(ends, walk(format, rest, usize::from(piece) + 1));
    decode(format, rest, &ends);
}

/// Where each message ends, and what it is.
fn walk(format: PixelFormat, bytes: &[u8], piece: usize) -> Vec<(usize, ServerMessageKind)> {
    let mut walker = Walker::new(format);
    let mut ends = Vec::new();
    let (mut from, mut to) = (0, 0_usize);
    while let Ok(walked) = walker.walk(&bytes[from..to]) {
        from += walked.consumed;
        if let (true, Some(message)) = (walked.ends, walked.message) {
            ends.push((from, message));
            continue;
        }
        assert!(to - from <= 2048);
        if to == bytes.len() {
            break;
        }
        to = bytes.len().min(to.saturating_add(piece));
    }
    ends
}

/// Decodes the updates among the messages: one that the decoder takes ends where the walker said.
fn decode(format: PixelFormat, bytes: &[u8], ends: &[(usize, ServerMessageKind)]) {
    let size = Size {
        width: 100,
        height: 60,
    };
    let mut decoder = UpdateDecoder::new(size, format).expect("a small screen");
    let mut from = 0;
    // The walker may have given up on a message that the decoder takes: then they would disagree, too.
    let last = ends.iter().map(|(end, message)| (*end, Some(*message)));
    for (end, message) in last.chain([(bytes.len(), None)]) {
        let update = message.unwrap_or(ServerMessageKind::FramebufferUpdate);
        if let (ServerMessageKind::FramebufferUpdate, Some(&[0, _, high, low])) =
            (update, bytes[from..].first_chunk())
        {
            decoder
                .start(u16::from_be_bytes([high, low]))
                .expect("no update is under way");
            let decoded = decoder.decode(&bytes[from + 4..], &mut |_| {});
            match decoded {
                Err(_) => return,
                Ok(decoded) if decoded.progress == Progress::Finished => {
                    assert_eq!((from + 4 + decoded.consumed, message), (end, Some(update)));
                }
                Ok(_) => {
                    assert_eq!(message, None);
                    return;
                }
            }
        }
        from = end;
    }
}
