//! Two state machines against each other, with everything that can be interleaved interleaved.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

use std::collections::{BTreeMap, VecDeque};
use std::io::IoSlice;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jump_core::ErrorKind;
use jump_core::model::{Hostname, TargetAddress};
use jump_proto_tunnel::batch::Batch;
use jump_proto_tunnel::mux::{Event, Mux, Role, SESSION_WINDOW, Taken};
use jump_proto_tunnel::wire::Failure;
use proptest::prelude::*;

const STREAMS: usize = 4;

fn target() -> TargetAddress {
    TargetAddress::new(Hostname::new("127.0.0.1").unwrap(), 80).unwrap()
}

/// The state machine of one side, the bytes it has on the wire, and what its user did and saw.
struct Side {
    mux: Mux,
    wire: VecDeque<u8>,
    /// What was sent and received on each stream, and whether the end was sent and seen.
    sent: BTreeMap<u32, (Vec<u8>, bool)>,
    got: BTreeMap<u32, (Vec<u8>, bool)>,
    requested: Vec<u32>,
    /// Streams that this side holds.
    held: Vec<u32>,
    /// What makes each piece differ from the one before.
    next: u8,
}

impl Side {
    fn new(role: Role, now: Instant) -> Self {
        Self {
            mux: Mux::new(role, STREAMS, now),
            wire: VecDeque::new(),
            sent: BTreeMap::new(),
            got: BTreeMap::new(),
            requested: Vec::new(),
            held: Vec::new(),
            next: 0,
        }
    }

    fn pick(&self, from: u16) -> Option<u32> {
        self.held
            .get(usize::from(from).checked_rem(self.held.len())?)
            .copied()
    }

    fn events(&mut self) {
        while let Some(event) = self.mux.next_event() {
            match event {
                Event::OpenRequested { stream, .. } => {
                    self.held.push(stream);
                    self.requested.push(stream);
                }
                Event::Bye(failure) => panic!("nobody says goodbye here: {failure:?}"),
                _ => {}
            }
        }
    }

    fn transmit(&mut self, now: Instant) {
        let mut batch = Batch::default();
        self.mux.transmit(&mut batch, now);
        while !batch.is_empty() {
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = batch.slices(&mut slices);
            let count = slices[..filled].iter().map(|slice| {
                self.wire.extend(slice.iter());
                slice.len()
            });
            let count = count.sum();
            batch.advance(count);
        }
        self.events();
    }

    fn receive(&mut self, from: &mut VecDeque<u8>, most: usize, now: Instant) {
        let bytes: Vec<u8> = from.drain(..most.min(from.len())).collect();
        self.mux.receive(&bytes, now).unwrap();
        self.events();
        self.check();
    }

    fn take(&mut self, id: u32, now: Instant) -> bool {
        match self.mux.take(id) {
            Ok(Taken::Bytes(bytes)) => {
                self.got.entry(id).or_default().0.extend_from_slice(&bytes);
                self.mux.delivered(id, bytes.len(), now);
                true
            }
            Ok(Taken::End) => {
                self.got.entry(id).or_default().1 = true;
                false
            }
            Ok(Taken::Nothing) | Err(_) => false,
        }
    }

    /// The bounds that hold at every moment.
    fn check(&self) {
        let usage = self.mux.usage();
        assert!(
            usage.windows <= SESSION_WINDOW && usage.received <= usage.windows as usize,
            "{usage:?}"
        );
        assert!(
            usage.streams <= STREAMS && usage.to_send <= STREAMS * (256 << 10),
            "{usage:?}"
        );
        assert!(usage.waiting <= STREAMS * 8, "{usage:?}");
    }
}

/// What a user of either side can do, and what the wire can.
#[derive(Clone, Debug)]
enum Step {
    Open,
    Accept { refuse: bool },
    Send { gate: bool, stream: u16, length: usize },
    Finish { gate: bool, stream: u16 },
    Reset { gate: bool, stream: u16 },
    Release { gate: bool, stream: u16 },
    Take { gate: bool, stream: u16 },
    Transmit { gate: bool },
    Deliver { gate: bool, most: usize },
    Wait { micros: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let side = any::<(bool, u16)>();
    let most = prop_oneof![1usize..20, 1usize..5000, Just(1 << 20)];
    let length = prop_oneof![1usize..50, 1usize..60_000];
    prop_oneof![
        2 => Just(Step::Open),
        3 => prop::bool::weighted(0.1).prop_map(|refuse| Step::Accept { refuse }),
        6 => (side, length).prop_map(|((gate, stream), length)| Step::Send { gate, stream, length }),
        1 => side.prop_map(|(gate, stream)| Step::Finish { gate, stream }),
        1 => side.prop_map(|(gate, stream)| Step::Reset { gate, stream }),
        1 => side.prop_map(|(gate, stream)| Step::Release { gate, stream }),
        5 => side.prop_map(|(gate, stream)| Step::Take { gate, stream }),
        6 => any::<bool>().prop_map(|gate| Step::Transmit { gate }),
        8 => (any::<bool>(), most).prop_map(|(gate, most)| Step::Deliver { gate, most }),
        1 => (0u64..20_000).prop_map(|micros| Step::Wait { micros }),
    ]
}

/// Plays the steps, then lets everything that is on its way arrive and be read.
fn play(steps: &[Step]) -> (Side, Side) {
    let mut now = Instant::now();
    let mut rep = Side::new(Role::Rep, now);
    let mut gate = Side::new(Role::Gate, now);
    let mut cut = Vec::new();
    for step in steps {
        now += Duration::from_micros(10);
        match step.clone() {
            Step::Open => {
                if let Ok(id) = rep.mux.open(&target(), now) {
                    rep.held.push(id);
                }
            }
            Step::Accept { refuse } => {
                if let Some(id) = gate.requested.pop() {
                    if refuse {
                        gate.mux
                            .refuse(id, Failure::new(ErrorKind::TargetUnreachable, "not there"));
                        gate.held.retain(|held| *held != id);
                        cut.push(id);
                    } else {
                        let _ = gate.mux.accept(id);
                    }
                }
            }
            Step::Send {
                gate: at_gate,
                stream,
                length,
            } => {
                let side = if at_gate { &mut gate } else { &mut rep };
                let Some(id) = side.pick(stream).filter(|id| side.mux.is_open(*id)) else {
                    continue;
                };
                let Ok(room) = side.mux.room(id) else { continue };
                side.next = side.next.wrapping_add(1);
                let bytes: Vec<u8> = (0..length.min(room)).map(|at| (at as u8) ^ side.next).collect();
                side.mux.send(id, Bytes::from(bytes.clone())).unwrap();
                side.sent.entry(id).or_default().0.extend(bytes);
            }
            Step::Finish {
                gate: at_gate,
                stream,
            } => {
                let side = if at_gate { &mut gate } else { &mut rep };
                let Some(id) = side.pick(stream).filter(|id| side.mux.is_open(*id)) else {
                    continue;
                };
                side.mux.finish(id);
                side.sent.entry(id).or_default().1 = true;
            }
            Step::Reset {
                gate: at_gate,
                stream,
            } => {
                let side = if at_gate { &mut gate } else { &mut rep };
                let Some(id) = side.pick(stream) else { continue };
                side.mux.reset(id, ErrorKind::Network);
                cut.push(id);
            }
            Step::Release {
                gate: at_gate,
                stream,
            } => {
                let side = if at_gate { &mut gate } else { &mut rep };
                let Some(id) = side.pick(stream) else { continue };
                side.mux.release(id);
                side.held.retain(|held| *held != id);
                side.requested.retain(|held| *held != id);
                cut.push(id);
            }
            Step::Take {
                gate: at_gate,
                stream,
            } => {
                let side = if at_gate { &mut gate } else { &mut rep };
                let Some(id) = side.pick(stream) else { continue };
                side.take(id, now);
            }
            Step::Transmit { gate: at_gate } => if at_gate { &mut gate } else { &mut rep }.transmit(now),
            Step::Deliver { gate: to_gate, most } => {
                if to_gate {
                    gate.receive(&mut rep.wire, most, now);
                } else {
                    rep.receive(&mut gate.wire, most, now);
                }
            }
            Step::Wait { micros } => now += Duration::from_micros(micros),
        }
        rep.check();
        gate.check();
    }
    settle(&mut rep, &mut gate, now);
    for (from, to) in [(&rep, &gate), (&gate, &rep)] {
        for (id, (got, ended)) in &to.got {
            let (sent, finished) = from.sent.get(id).cloned().unwrap_or_default();
            assert!(
                sent.starts_with(got),
                "stream {id} delivered something else than was sent"
            );
            if !cut.contains(id) {
                assert_eq!(got.len(), sent.len(), "stream {id} lost its tail");
                assert_eq!(
                    *ended, finished,
                    "stream {id}: the end came if and only if it was sent"
                );
            }
        }
    }
    (rep, gate)
}

fn settle(rep: &mut Side, gate: &mut Side, mut now: Instant) {
    loop {
        now += Duration::from_micros(10);
        rep.transmit(now);
        gate.transmit(now);
        let mut moved = !rep.wire.is_empty() || !gate.wire.is_empty();
        gate.receive(&mut rep.wire, usize::MAX, now);
        rep.receive(&mut gate.wire, usize::MAX, now);
        for side in [&mut *rep, &mut *gate] {
            for id in side.held.clone() {
                while side.take(id, now) {
                    moved = true;
                }
            }
            moved |= side.mux.wants_to_send();
        }
        if !moved {
            return;
        }
    }
}

proptest! {
    #[test]
    fn every_interleaving_delivers_what_was_sent_within_the_bounds(steps in prop::collection::vec(step(), 0..250)) {
        let (mut rep, mut gate) = play(&steps);
        // With everything given back, nothing is remembered.
        for side in [&mut rep, &mut gate] {
            for id in std::mem::take(&mut side.held) {
                side.mux.release(id);
                side.mux.reset(id, ErrorKind::Closed);
            }
        }
        settle(&mut rep, &mut gate, Instant::now());
        for side in [&rep, &gate] {
            let usage = side.mux.usage();
            prop_assert_eq!((usage.streams, usage.received, usage.to_send, usage.windows), (0, 0, 0, 0));
        }
    }

    #[test]
    fn arbitrary_bytes_from_the_peer_never_panic_and_never_exceed_the_bounds(
        gate in any::<bool>(),
        greet in any::<bool>(),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let now = Instant::now();
        let mut side = Side::new(if gate { Role::Gate } else { Role::Rep }, now);
        if greet {
            let mut peer = Side::new(if gate { Role::Rep } else { Role::Gate }, now);
            peer.transmit(now);
            side.receive(&mut peer.wire, usize::MAX, now);
        }
        let _ = side.mux.receive(&bytes, now);
        side.check();
    }
}

/// A rep and a gate with one open stream between them.
fn with_open_stream(now: Instant) -> (Side, Side, u32) {
    let (mut rep, mut gate) = (Side::new(Role::Rep, now), Side::new(Role::Gate, now));
    settle(&mut rep, &mut gate, now);
    let id = rep.mux.open(&target(), now).unwrap();
    settle(&mut rep, &mut gate, now);
    gate.mux.accept(id).unwrap();
    settle(&mut rep, &mut gate, now);
    (rep, gate, id)
}

#[test]
fn a_reset_after_the_end_leaves_what_came_before_the_end() {
    let now = Instant::now();
    let (mut rep, mut gate, id) = with_open_stream(now);
    gate.mux
        .send(id, Bytes::from_static(b"the whole answer"))
        .unwrap();
    gate.mux.finish(id);
    gate.transmit(now);
    gate.mux.reset(id, ErrorKind::Network);
    settle(&mut rep, &mut gate, now);
    assert_eq!(
        rep.mux.take(id).unwrap(),
        Taken::Bytes(Bytes::from_static(b"the whole answer"))
    );
    assert_eq!(rep.mux.take(id).unwrap(), Taken::End);
    assert_eq!(
        rep.mux.room(id).unwrap_err().kind(),
        ErrorKind::Network,
        "nothing can be sent any more"
    );
}

#[test]
fn a_reset_before_the_end_voids_what_was_not_taken() {
    let now = Instant::now();
    let (mut rep, mut gate, id) = with_open_stream(now);
    gate.mux.send(id, Bytes::from_static(b"half an answer")).unwrap();
    gate.transmit(now);
    gate.mux.reset(id, ErrorKind::Network);
    settle(&mut rep, &mut gate, now);
    assert_eq!(rep.mux.take(id).unwrap_err().kind(), ErrorKind::Network);
}

#[test]
fn streams_that_can_send_take_turns_frame_by_frame_and_control_comes_first() {
    let now = Instant::now();
    let (mut rep, mut gate) = (Side::new(Role::Rep, now), Side::new(Role::Gate, now));
    settle(&mut rep, &mut gate, now);
    let open = |rep: &mut Side, gate: &mut Side| {
        let id = rep.mux.open(&target(), now).unwrap();
        rep.held.push(id);
        settle(rep, gate, now);
        gate.mux.accept(id).unwrap();
        settle(rep, gate, now);
        id
    };
    let (bulk, small) = (open(&mut rep, &mut gate), open(&mut rep, &mut gate));
    rep.mux.send(bulk, Bytes::from(vec![1; 200_000])).unwrap();
    rep.mux.send(small, Bytes::from_static(b"ping")).unwrap();
    let third = rep.mux.open(&target(), now).unwrap();
    rep.transmit(now);
    let wire: Vec<u8> = rep.wire.iter().copied().collect();
    assert_eq!(wire[0], 2, "the open goes before the data that waited first");
    assert_eq!(wire[7], third as u8);
    let first = 8 + usize::from(u16::from_be_bytes([wire[2], wire[3]]));
    assert_eq!((wire[first], wire[first + 7]), (5, bulk as u8));
    let second = first + 16 * 1024;
    assert_eq!(
        (wire[second], wire[second + 7]),
        (5, small as u8),
        "the small stream waits for one frame only"
    );
}

/// The windows of a gate after two seconds on a path of 40 ms, whose rep sends all it may and whose target takes one
/// piece, or everything, each so many round trips.
fn window_of_a_target_that_takes(everything: bool, each: usize) -> u32 {
    let mut now = Instant::now();
    let (mut rep, mut gate) = (Side::new(Role::Rep, now), Side::new(Role::Gate, now));
    let mut id = 0;
    for round in 0..50 {
        if round == 4 {
            id = rep.mux.open(&target(), now).unwrap();
        }
        if gate.requested.pop().is_some() {
            gate.mux.accept(id).unwrap();
        }
        while rep.mux.is_open(id) && rep.mux.room(id).is_ok_and(|room| room > 0) {
            rep.mux.send(id, Bytes::from(vec![0; 64 << 10])).unwrap();
            rep.transmit(now);
        }
        rep.transmit(now);
        gate.transmit(now);
        let (mut up, mut down) = (std::mem::take(&mut rep.wire), std::mem::take(&mut gate.wire));
        now += Duration::from_millis(20);
        gate.receive(&mut up, usize::MAX, now);
        rep.receive(&mut down, usize::MAX, now);
        while round % each == 0 && gate.take(id, now) && everything {}
    }
    gate.mux.usage().windows
}

#[test]
fn a_window_grows_with_rate_and_round_trip_and_not_for_a_slow_target() {
    assert_eq!(window_of_a_target_that_takes(true, 1), 8 << 20);
    assert_eq!(window_of_a_target_that_takes(false, 4), 256 << 10);
}

#[test]
fn a_silent_peer_is_asked_and_then_given_up_on_but_only_while_streams_are_open() {
    let start = Instant::now();
    let (mut rep, mut gate) = (Side::new(Role::Rep, start), Side::new(Role::Gate, start));
    settle(&mut rep, &mut gate, start);
    assert_eq!(rep.mux.deadline(), None, "an idle session has no timer");
    let later = start + Duration::from_secs(3600);
    rep.mux.open(&target(), later).unwrap();
    rep.transmit(later);
    gate.receive(&mut rep.wire, usize::MAX, later);
    gate.transmit(later);
    rep.receive(&mut gate.wire, usize::MAX, later);
    assert_eq!(rep.mux.deadline(), Some(later + Duration::from_secs(15)));
    rep.mux.on_time(later + Duration::from_secs(15)).unwrap();
    assert!(rep.mux.wants_to_send(), "it asks for a sign of life");
    rep.transmit(later + Duration::from_secs(15));
    assert_eq!(rep.mux.deadline(), Some(later + Duration::from_secs(45)));
    let error = rep.mux.on_time(later + Duration::from_secs(45)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);

    // A link that stalls for less than that goes on as if nothing had been.
    gate.receive(&mut rep.wire, usize::MAX, later + Duration::from_secs(44));
    gate.transmit(later + Duration::from_secs(44));
    rep.receive(&mut gate.wire, usize::MAX, later + Duration::from_secs(44));
    rep.mux.on_time(later + Duration::from_secs(46)).unwrap();
}
