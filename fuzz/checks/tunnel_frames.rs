//! What must hold for any bytes that a peer sends into a tunnel session. Run by the fuzzer, and over the corpus by an
//! ordinary test.

use std::time::{Duration, Instant};

use jump_core::ErrorKind;
use jump_proto_tunnel::batch::Batch;
use jump_proto_tunnel::mux::{Event, Mux, Role, SESSION_WINDOW, Taken};
use jump_proto_tunnel::wire::Failure;

const STREAMS: usize = 8;

/// Gives a session what its peer sends. The first byte chooses the side and how its user behaves; then each piece is
/// one byte of length and that many bytes. Panics if a bound does not hold.
pub(crate) fn check(input: &[u8]) {
    let Some((choice, mut rest)) = input.split_first() else {
        return;
    };
    let role = if choice & 1 == 0 { Role::Gate } else { Role::Rep };
    let (lazy, refusing) = (choice & 2 != 0, choice & 4 != 0);
    let mut now = Instant::now();
    let mut mux = Mux::new(role, STREAMS, now);
    while let Some((length, after)) = rest.split_first() {
        let (piece, later) = after.split_at(usize::from(*length).min(after.len()));
        rest = later;
        now += Duration::from_millis(u64::from(*length));
        let alive = mux.receive(piece, now).is_ok();
        let mut readable = Vec::new();
        while let Some(event) = mux.next_event() {
            match event {
                Event::OpenRequested { stream, .. } if refusing => {
                    mux.refuse(stream, Failure::new(ErrorKind::Denied, "no"));
                }
                Event::OpenRequested { stream, .. } => {
                    let _ = mux.accept(stream);
                }
                Event::Readable { stream } => readable.push(stream),
                Event::Ready if role == Role::Rep => {
                    let target = jump_core::model::Hostname::new("host")
                        .and_then(|host| jump_core::model::TargetAddress::new(host, 80))
                        .expect("a valid address");
                    let _ = mux.open(&target, now);
                }
                _ => {}
            }
        }
        for stream in readable {
            while !lazy && let Ok(Taken::Bytes(bytes)) = mux.take(stream) {
                mux.delivered(stream, bytes.len(), now);
                if mux.room(stream).is_ok_and(|room| room >= bytes.len()) {
                    mux.send(stream, bytes).expect("there is room");
                }
            }
        }
        let mut batch = Batch::default();
        mux.transmit(&mut batch, now);
        let usage = mux.usage();
        assert!(
            usage.streams <= STREAMS && usage.windows <= SESSION_WINDOW,
            "{usage:?}"
        );
        assert!(
            usage.received <= usage.windows as usize && usage.waiting <= STREAMS * 8,
            "{usage:?}"
        );
        if !alive {
            return;
        }
    }
}
