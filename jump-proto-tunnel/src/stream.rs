//! One stream inside a session: what waits in each direction, and what each side still owes the other.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use jump_core::error::ErrorKind;
use jump_core::model::TargetAddress;

use crate::wire::Failure;

/// A stream's window never grows beyond this many bytes.
pub const MAX_WINDOW: u32 = 8 << 20;
/// A stream takes more data to send while fewer bytes than this wait.
pub const SEND_ROOM: usize = 256 << 10;
/// Received data is kept in pieces of at most this size.
pub const PIECE: usize = 64 << 10;
/// What a window allows for besides the round trip: the time until a woken task runs and its write has returned.
/// Without it a fast stream on a short path waits for credit more than for the path.
const SCHEDULING: Duration = Duration::from_millis(2);

/// How far the two sides have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The rep asked and waits.
    Opening,
    /// The gate was asked and has not answered.
    Requested,
    /// Data flows.
    Open,
}

/// How a direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Eof,
    Reset,
}

/// Frames of this stream that go out before any data. There is room for one of each, which is all that can be owed.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    pub(crate) open: Option<TargetAddress>,
    pub(crate) opened: bool,
    pub(crate) failed: Option<Failure>,
    pub(crate) reset: Option<ErrorKind>,
    pub(crate) credit: u32,
}

impl Owed {
    pub(crate) const fn nothing(&self) -> bool {
        self.open.is_none()
            && !self.opened
            && self.failed.is_none()
            && self.reset.is_none()
            && self.credit == 0
    }
}

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) phase: Phase,
    pub(crate) owed: Owed,
    pub(crate) sending: Sending,
    pub(crate) receiving: Receiving,
    /// Nobody holds the stream any more; it stays only until the peer has ended it too.
    pub(crate) released: bool,
    /// Why it failed to open or was reset.
    pub(crate) fate: Option<Failure>,
    /// Whether it stands in the list of streams that owe a control frame.
    pub(crate) in_control: bool,
    /// Whether it stands in the list of streams that can send.
    pub(crate) in_ready: bool,
}

impl Stream {
    pub(crate) fn new(phase: Phase, credit: u32, window: u32, now: Instant) -> Self {
        Self {
            phase,
            owed: Owed::default(),
            sending: Sending::new(credit),
            receiving: Receiving::new(window, now),
            released: false,
            fate: None,
            in_control: false,
            in_ready: false,
        }
    }

    /// Whether both directions have ended on the wire.
    pub(crate) const fn over(&self) -> bool {
        self.sending.ended.is_some() && self.receiving.ended.is_some()
    }

    /// Whether nothing remembers it: not the wire, not a frame to be sent, not its holder.
    pub(crate) const fn forgettable(&self) -> bool {
        self.over() && self.owed.nothing() && self.released
    }

    /// Whether the peer can know that it is open, so that data and credit for it make sense.
    pub(crate) fn flows(&self) -> bool {
        self.phase == Phase::Open && !self.owed.opened
    }
}

/// Bytes shorter than this are joined, so that what waits costs about what it counts.
const SMALL: usize = 2 << 10;

/// The direction to the peer.
#[derive(Debug)]
pub(crate) struct Sending {
    queue: VecDeque<Bytes>,
    /// Small pieces behind the queue, joined.
    tail: BytesMut,
    /// Bytes in the queue and its tail.
    pub(crate) queued: usize,
    /// Bytes that may still be sent.
    pub(crate) credit: u32,
    /// An end follows the queue.
    pub(crate) finish: bool,
    pub(crate) ended: Option<Ended>,
    /// Somebody waits for room.
    pub(crate) blocked: bool,
}

impl Sending {
    fn new(credit: u32) -> Self {
        Self {
            queue: VecDeque::new(),
            tail: BytesMut::new(),
            queued: 0,
            credit,
            finish: false,
            ended: None,
            blocked: false,
        }
    }

    /// Whether a frame of data, or the end, can go out now.
    pub(crate) const fn can_send(&self) -> bool {
        self.ended.is_none() && ((self.queued > 0 && self.credit > 0) || (self.queued == 0 && self.finish))
    }

    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.queued += bytes.len();
        if bytes.len() < SMALL {
            self.tail.extend_from_slice(&bytes);
            if self.tail.len() < PIECE {
                return;
            }
            self.seal();
        } else {
            self.seal();
            self.queue.push_back(bytes);
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.queue.push_back(std::mem::take(&mut self.tail).freeze());
        }
    }

    /// Takes the front of the queue, at most `most` bytes.
    pub(crate) fn pop(&mut self, most: usize) -> Option<Bytes> {
        if self.queue.is_empty() {
            self.seal();
        }
        let front = self.queue.front_mut()?;
        let piece = if front.len() <= most {
            self.queue.pop_front()?
        } else {
            front.split_to(most)
        };
        self.queued -= piece.len();
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
        Some(piece)
    }

    /// Throws everything away.
    pub(crate) fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.tail = BytesMut::new();
        self.queued = 0;
    }
}

/// The direction from the peer.
#[derive(Debug)]
pub(crate) struct Receiving {
    pieces: VecDeque<BytesMut>,
    /// Bytes in the pieces.
    pub(crate) buffered: usize,
    /// How many bytes may be on their way, buffered or being written, at once.
    pub(crate) window: u32,
    /// How many more the peer may send before it gets credit.
    pub(crate) allowed: u32,
    /// Written to where they go, and not yet given back as credit.
    delivered: u32,
    epoch: Instant,
    epoch_bytes: u64,
    pub(crate) ended: Option<Ended>,
    /// The holder was told that there is something and has not yet found it empty.
    pub(crate) signalled: bool,
}

impl Receiving {
    fn new(window: u32, now: Instant) -> Self {
        Self {
            pieces: VecDeque::new(),
            buffered: 0,
            window,
            allowed: window,
            delivered: 0,
            epoch: now,
            epoch_bytes: 0,
            ended: None,
            signalled: false,
        }
    }

    /// Appends bytes. They are copied into pieces of the stream's own, so that what a stream holds is what it counts,
    /// however small the frames are and whatever else arrived in the same read.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) {
        self.buffered += bytes.len();
        while !bytes.is_empty() {
            let room = self.pieces.back().map_or(0, |last| last.capacity() - last.len());
            if room == 0 {
                let size = (bytes.len() * 4).clamp(512, PIECE);
                self.pieces.push_back(BytesMut::with_capacity(size));
                continue;
            }
            let (part, rest) = bytes.split_at(room.min(bytes.len()));
            if let Some(last) = self.pieces.back_mut() {
                last.extend_from_slice(part);
            }
            bytes = rest;
        }
    }

    /// Takes the oldest piece.
    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        let piece = self.pieces.pop_front()?;
        self.buffered -= piece.remaining();
        if self.pieces.is_empty() {
            self.pieces = VecDeque::new();
        }
        Some(piece.freeze())
    }

    /// Throws the pieces away; gives how many bytes they held.
    pub(crate) fn clear(&mut self) -> usize {
        self.pieces = VecDeque::new();
        std::mem::take(&mut self.buffered)
    }

    /// Counts bytes that were written to where they go, and gives the credit to return now: 0 until a quarter of the
    /// window has come together. `spare` is by how much the session's windows may still grow; growth is taken off it.
    ///
    /// The window becomes twice what the stream delivers in one round trip. Counting what was *delivered* means that a
    /// slow destination keeps a small window; the *shortest* round trip seen means that data queued in
    /// front of us is not mistaken for a long path.
    pub(crate) fn deliver(
        &mut self,
        bytes: u32,
        round_trip: Option<Duration>,
        spare: &mut u32,
        now: Instant,
    ) -> u32 {
        self.delivered = self.delivered.saturating_add(bytes);
        self.epoch_bytes += u64::from(bytes);
        if let Some(round_trip) = round_trip {
            let round_trip = round_trip + SCHEDULING;
            let elapsed = now.saturating_duration_since(self.epoch);
            if elapsed >= round_trip {
                let rate = self.epoch_bytes as f64 / elapsed.as_secs_f64();
                let wanted = (2.0 * rate * round_trip.as_secs_f64()) as u32;
                let most = self.window.saturating_mul(2).min(MAX_WINDOW);
                let growth = wanted.min(most).saturating_sub(self.window).min(*spare);
                self.window += growth;
                self.delivered = self.delivered.saturating_add(growth);
                *spare -= growth;
                self.epoch = now;
                self.epoch_bytes = 0;
            }
        }
        if self.delivered < self.window / 4 {
            return 0;
        }
        self.allowed = self.allowed.saturating_add(self.delivered);
        std::mem::take(&mut self.delivered)
    }
}
