//! The state machine of a tunnel session: bytes in, events out, bytes out. No I/O, no clock, no tokio.
//!
//! The rules that keep one stream from hurting another:
//!
//! * Credit means bytes that were *written to where they go*. What a stream may hold here is its window; a peer that
//!   sends more than that breaks the protocol.
//! * [`Mux::receive`] takes whatever arrives, at once. It never has to wait for a stream, so the reader of the session
//!   never does.
//! * Control frames go out before data. Each stream owes at most one of each kind, so their room is bounded by the
//!   number of streams and cannot be taken by data.
//! * Streams that can send take turns, one frame each.
//! * The number of streams is bounded, from the first byte of an open to the last of its end.

mod local;
mod receive;
mod transmit;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jump_core::error::{Error, ErrorKind, Result};
use jump_core::model::TargetAddress;

use crate::stream::{Phase, Stream};
use crate::wire::{Decoder, Failure, Hello, StreamId};

/// The window a new stream starts with, unless so many streams are allowed that they would exceed [`SESSION_WINDOW`].
pub const FIRST_WINDOW: u32 = 256 << 10;
/// All windows of one side of a session together never exceed this many bytes.
pub const SESSION_WINDOW: u32 = 32 << 20;
/// The smallest window a stream can have.
const LEAST_WINDOW: u32 = 16 << 10;
/// The most streams a session can have: that many of the smallest windows.
pub const MAX_STREAMS: usize = (SESSION_WINDOW / LEAST_WINDOW) as usize;
/// With streams open and nothing heard for this long, the peer is asked for a sign of life.
pub const ASK_AFTER: Duration = Duration::from_secs(15);
/// With streams open and nothing heard for this long, the session has failed.
pub const FAIL_AFTER: Duration = Duration::from_secs(45);

/// While streams are used, the round trip is measured at most this often.
const MEASURE_EACH: Duration = Duration::from_secs(1);

/// Which side of the session this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Opens streams.
    Rep,
    /// Is asked to open them.
    Gate,
}

/// Something that the owner of the streams must know. There is never more than one of a kind waiting per stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer is there and speaks our version.
    Ready,
    /// The rep asks for a stream: answer with [`Mux::accept`] or [`Mux::refuse`]. Gate only.
    OpenRequested {
        /// Which stream.
        stream: StreamId,
        /// To where.
        target: TargetAddress,
    },
    /// The gate answered an open, either way: see [`Mux::check`]. Rep only.
    Answered {
        /// Which stream.
        stream: StreamId,
    },
    /// There is something to [`Mux::take`], or the end of the data.
    Readable {
        /// Which stream.
        stream: StreamId,
    },
    /// There is room again after [`Mux::room`] said that there is none.
    Writable {
        /// Which stream.
        stream: StreamId,
    },
    /// The peer reset the stream: see [`Mux::check`].
    Reset {
        /// Which stream.
        stream: StreamId,
    },
    /// The peer ended the session.
    Bye(Failure),
}

/// What [`Mux::take`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Bytes, in order. Tell [`Mux::delivered`] when they were written to where they go.
    Bytes(Bytes),
    /// No more will come.
    End,
    /// Nothing now; a [`Event::Readable`] follows.
    Nothing,
}

/// How much a session holds at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Streams that are not forgotten yet.
    pub streams: usize,
    /// Bytes received and not taken.
    pub received: usize,
    /// Bytes to be sent.
    pub to_send: usize,
    /// All receive windows together: what the peer could make us hold.
    pub windows: u32,
    /// Answers and events that wait.
    pub waiting: usize,
}

#[derive(Debug, Default)]
struct Pings {
    next: u64,
    asked: Option<(u64, Instant)>,
    last: Option<Instant>,
    wanted: bool,
    answer: Option<u64>,
    shortest: Option<Duration>,
}

/// One side of a session.
#[derive(Debug)]
pub struct Mux {
    role: Role,
    local: Hello,
    peer: Option<Hello>,
    said_hello: bool,
    decoder: Decoder,
    streams: HashMap<StreamId, Stream>,
    /// The highest stream number seen or given.
    last: StreamId,
    /// Streams that owe a control frame, each once.
    control: VecDeque<StreamId>,
    /// Streams that can send data or their end, each once, in the order of their turns.
    ready: VecDeque<StreamId>,
    /// Opens beyond the limit that wait for their refusal to be sent.
    refusals: VecDeque<StreamId>,
    events: VecDeque<Event>,
    pings: Pings,
    heard: Instant,
    /// By how much windows may still grow.
    spare: u32,
}

impl Mux {
    /// One side of a new session, which holds at most `streams` streams at once (1..=[`MAX_STREAMS`], clamped).
    #[must_use]
    pub fn new(role: Role, streams: usize, now: Instant) -> Self {
        let streams = streams.clamp(1, MAX_STREAMS) as u16;
        let window = FIRST_WINDOW.min(SESSION_WINDOW / u32::from(streams));
        Self {
            role,
            local: Hello { streams, window },
            peer: None,
            said_hello: false,
            decoder: Decoder::default(),
            streams: HashMap::new(),
            last: 0,
            control: VecDeque::new(),
            ready: VecDeque::new(),
            refusals: VecDeque::new(),
            events: VecDeque::new(),
            pings: Pings {
                wanted: true,
                ..Pings::default()
            },
            heard: now,
            spare: SESSION_WINDOW,
        }
    }

    /// The next event.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn insert(&mut self, stream: StreamId, phase: Phase, now: Instant) {
        let credit = self.peer.map_or(0, |peer| peer.window);
        self.spare = self.spare.saturating_sub(self.local.window);
        self.streams
            .insert(stream, Stream::new(phase, credit, self.local.window, now));
    }

    /// Whether [`Mux::transmit`] has something to gather.
    #[must_use]
    pub fn wants_to_send(&self) -> bool {
        !self.said_hello
            || self.pings.answer.is_some()
            || (self.pings.wanted && self.pings.asked.is_none())
            || !self.refusals.is_empty()
            || !self.control.is_empty()
            || !self.ready.is_empty()
    }

    /// Has the round trip measured, if the last measurement is old. One sample alone may have waited for a processor.
    fn measure(&mut self, now: Instant) {
        let last = self.pings.last;
        if last.is_none_or(|last| now.saturating_duration_since(last) >= MEASURE_EACH) {
            self.pings.wanted = true;
        }
    }

    /// Puts a stream that owes a control frame in the list of those.
    fn owe(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(&id)
            && !stream.owed.nothing()
            && !std::mem::replace(&mut stream.in_control, true)
        {
            self.control.push_back(id);
        }
    }

    /// Gives a stream that can send its turn.
    fn turn(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(&id)
            && stream.sending.can_send()
            && !std::mem::replace(&mut stream.in_ready, true)
        {
            self.ready.push_back(id);
        }
    }

    fn forget_if_done(&mut self, id: StreamId) {
        if self.streams.get(&id).is_some_and(Stream::forgettable)
            && let Some(stream) = self.streams.remove(&id)
        {
            self.spare = self.spare.saturating_add(stream.receiving.window);
        }
    }

    /// When [`Mux::on_time`] is to be called at the latest; `None` while no stream is open. It only moves later when
    /// something is received, so an old answer is merely early.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        if self.streams.is_empty() {
            return None;
        }
        let silence = if self.pings.asked.is_some() || self.pings.wanted {
            FAIL_AFTER
        } else {
            ASK_AFTER
        };
        Some(self.heard + silence)
    }

    /// Looks at the time: asks a silent peer for a sign of life.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if the peer was silent for [`FAIL_AFTER`]; the session is over then.
    pub fn on_time(&mut self, now: Instant) -> Result<()> {
        if self.streams.is_empty() {
            return Ok(());
        }
        let silence = now.saturating_duration_since(self.heard);
        if silence >= FAIL_AFTER {
            let message = format!(
                "nothing was heard from the other side for {} seconds",
                silence.as_secs()
            );
            return Err(Error::new(ErrorKind::Timeout, "keep the tunnel session", message));
        }
        if silence >= ASK_AFTER {
            self.pings.wanted = true;
        }
        Ok(())
    }

    /// How much is held now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            streams: self.streams.len(),
            received: self
                .streams
                .values()
                .map(|stream| stream.receiving.buffered)
                .sum(),
            to_send: self.streams.values().map(|stream| stream.sending.queued).sum(),
            windows: SESSION_WINDOW - self.spare,
            waiting: self.refusals.len() + self.control.len() + self.ready.len() + self.events.len(),
        }
    }
}
