//! What must hold for any bytes that a server sends, where they are measured and not decoded. Run by the fuzzer, and over
//! the corpus by an ordinary test.

use jump_proto_vnc::decode::{Progress, UpdateDecoder};
use jump_proto_vnc::walk::{Follower, ServerMessageKind, Walker};
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
    follow(format, rest, usize::from(piece) + 1, &ends);
}

/// A server that may have changed its format is followed over the same bytes: they are judged when they come, and where the
/// format is known, clipboards are those that the walker finds.
fn follow(format: PixelFormat, bytes: &[u8], piece: usize, ends: &[(usize, ServerMessageKind)]) {
    for change in [None, Some(PixelFormat::BGR233)] {
        let mut follower = Follower::new(format);
        if let Some(change) = change {
            follower.may_change(change).expect("it is the first one");
        }
        let (mut from, mut to, mut clipboards) = (0, 0_usize, 0);
        while to < bytes.len() {
            to = bytes.len().min(to.saturating_add(piece));
            let Ok(followed) = follower.follow(&bytes[from..to], u32::MAX) else {
                return;
            };
            assert_eq!(from + followed.judged, to);
            assert!(change.is_some() || followed.clipboards.is_some());
            clipboards += followed.clipboards_ended;
            from += followed.consumed;
            assert!(to - from <= 2048);
        }
        if change.is_none() {
            let is_clipboard = |end: &&(usize, ServerMessageKind)| end.1 == ServerMessageKind::ServerCutText;
            assert_eq!(clipboards as usize, ends.iter().filter(is_clipboard).count());
        }
    }
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
