//! Streams that are cut off, changed, or ask for too much.

use jump_core::ErrorKind;
use jump_testkit::memory::{peak_kib, resident_kib};
use jump_testkit::seeded::Seeded;

use crate::recorded::{Ended, Recorded};

/// A session with a screen of 640 × 480 keeps two pictures of it, at most 8 MiB of an update in fragments, and messages of
/// channels of 3 or 4 MiB; surfaces and caches of the graphics pipeline come to that.
const MOST_KIB: u64 = 64 << 10;

/// What a stream that is not as it should be may end with.
fn is_typed(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Protocol
            | ErrorKind::ResourceLimit
            | ErrorKind::Network
            | ErrorKind::Unsupported
            | ErrorKind::Closed
            | ErrorKind::TargetAuthentication
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn s27_what_is_cut_off_anywhere_is_an_error() {
    let recorded = Recorded::new().await;
    let whole = recorded.play(&recorded.bytes).await;
    assert_eq!((whole.refused, whole.painted), (None, true), "{whole:?}");
    let messages = recorded.messages();
    let handshake = recorded.handshake();
    // All of the handshake, and ends and middles of the first messages that follow.
    let rest = messages.windows(2).filter(|pair| pair[0] >= handshake);
    let rest = rest.flat_map(|pair| [pair[0], pair[0] + 1, (pair[0] + pair[1]) / 2, pair[1] - 1]);
    for length in (0..handshake).chain(rest.take(60)) {
        let ended = recorded.play(&recorded.bytes[..length]).await;
        let at_an_end = messages.contains(&length);
        match ended {
            Ended {
                refused: Some(kind), ..
            } => {
                assert_eq!(kind, ErrorKind::Network, "at {length}");
            }
            Ended { failed, .. } if at_an_end => assert_eq!(failed, None, "at {length}"),
            Ended { failed, .. } => assert_eq!(failed, Some(ErrorKind::Network), "at {length}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s27_a_changed_byte_ends_a_session_or_nothing() {
    let recorded = Recorded::new().await;
    // A decoder that panics is caught; where it was is printed with tens of MiB of names that are no part of the session.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let before = resident_kib(std::process::id()).unwrap();
    let mut random = Seeded::new(7);
    let handshake = recorded.handshake();
    // What follows the handshake takes long to decode, so it is left out of most streams.
    let places = (0..handshake).step_by(9).map(|at| (at, handshake));
    let whole = recorded.bytes.len();
    let later = std::iter::repeat_with(|| (random.below(whole as u64) as usize, whole)).take(20);
    let mut kinds = Vec::new();
    for (number, (at, length)) in places.chain(later).enumerate() {
        let mut bytes = recorded.bytes[..length.min(whole)].to_vec();
        bytes[at] ^= [0xff, 0x01, 0x80][number % 3];
        let ended = recorded.play(&bytes).await;
        kinds.extend(
            [ended.refused, ended.failed]
                .into_iter()
                .flatten()
                .map(|kind| (kind, at)),
        );
    }
    let grown = peak_kib(std::process::id()).unwrap().saturating_sub(before);
    std::panic::set_hook(hook);
    assert!(kinds.len() > 5, "{kinds:?}");
    for (kind, at) in kinds {
        assert!(is_typed(kind), "{kind} for a change at {at}");
    }
    assert!(grown < MOST_KIB, "it had {grown} KiB more");
}

#[tokio::test(flavor = "multi_thread")]
async fn s27_a_screen_that_is_too_large_is_refused() {
    let recorded = Recorded::new().await;
    // TS_BITMAP_CAPABILITYSET (MS-RDPBCGR §2.2.7.1.2): its type, its length, 32 bits a pixel, and the size 8 bytes on.
    let set = [2, 0, 0x1c, 0];
    let at = recorded
        .bytes
        .windows(4)
        .position(|window| window == set)
        .unwrap()
        + 12;
    assert_eq!(recorded.bytes[at..at + 4], [0x80, 2, 0xe0, 1], "it is 640 × 480");
    for (size, kind) in [
        ([0xff, 0xff, 0xff, 0xff], ErrorKind::ResourceLimit),
        ([1, 0x20, 1, 0], ErrorKind::ResourceLimit),
        ([0, 0x20, 0xe1, 0x10], ErrorKind::ResourceLimit),
        ([0, 0, 1, 0], ErrorKind::Protocol),
    ] {
        let mut bytes = recorded.bytes.clone();
        bytes[at..at + 4].copy_from_slice(&size);
        let ended = recorded.play(&bytes).await;
        assert_eq!(ended.refused, Some(kind), "{size:?}: {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s27_an_update_in_endless_fragments_is_refused() {
    let recorded = Recorded::new().await;
    recorded.play(&recorded.bytes).await;
    let mut bytes = recorded.bytes.clone();
    // A fast-path message with one fragment of a bitmap update (MS-RDPBCGR §2.2.9.1.2.1): the first, and then ever another.
    for number in 0..700 {
        let fragmentation: u8 = if number == 0 { 2 } else { 3 };
        let data = [0; 16_000];
        let length = (data.len() + 6) as u16 | 0x8000;
        bytes.push(0);
        bytes.extend(length.to_be_bytes());
        bytes.push(fragmentation << 4 | 1);
        bytes.extend((data.len() as u16).to_le_bytes());
        bytes.extend(data);
    }
    let before = resident_kib(std::process::id()).unwrap();
    let ended = recorded.play(&bytes).await;
    assert_eq!(ended.failed, Some(ErrorKind::ResourceLimit), "{ended:?}");
    let grown = peak_kib(std::process::id()).unwrap().saturating_sub(before);
    assert!(grown < MOST_KIB, "it had {grown} KiB more");
}

#[tokio::test]
async fn garbage_is_an_error() {
    let recorded = Recorded::new().await;
    let mut random = Seeded::new(3);
    for length in [1, 7, 100, 5000] {
        for _ in 0..50 {
            let bytes = random.bytes(length);
            let ended = recorded.play(&bytes).await;
            assert!(ended.refused.is_some_and(is_typed), "{ended:?}");
        }
    }
}
