//! What the peer says, and what of it is a crime.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use jump_core::error::{Error, ErrorKind, Result};
use jump_core::model::TargetAddress;

use super::{Event, LEAST_WINDOW, Mux, Role};
use crate::stream::{Ended, MAX_WINDOW, Phase, Stream};
use crate::wire::{Failure, Frame, Hello, Item, StreamId, violation};

impl Mux {
    /// Takes bytes that arrived from the peer, all of them.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if the peer breaks the rules, [`ErrorKind::Unsupported`] if it speaks another version.
    /// The session is over then.
    pub fn receive(&mut self, mut bytes: &[u8], now: Instant) -> Result<()> {
        self.heard = now;
        while let Some(item) = self.decoder.next(&mut bytes)? {
            match item {
                Item::Data { stream, bytes } => self.on_data(stream, bytes)?,
                Item::Frame(frame) => self.on_frame(frame, now)?,
            }
        }
        Ok(())
    }

    /// The end of the peer's bytes: an error if it is in the middle of a frame.
    ///
    /// # Errors
    /// [`ErrorKind::Network`].
    pub fn receive_end(&self) -> Result<()> {
        if self.decoder.at_boundary() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Network,
            "read from the tunnel session",
            "the stream was cut inside a frame",
        ))
    }

    fn on_frame(&mut self, frame: Frame, now: Instant) -> Result<()> {
        if let Frame::Hello(hello) = frame {
            return self.on_hello(hello);
        }
        if let Frame::Bye(failure) = frame {
            // The one frame that may come instead of a hello: a refusal.
            self.events.push_back(Event::Bye(failure));
            return Ok(());
        }
        if self.peer.is_none() {
            return Err(violation("the first frame is not a hello"));
        }
        match frame {
            Frame::Hello(_) | Frame::Bye(_) => Ok(()),
            Frame::Open { stream, target } => self.on_open(stream, target, now),
            Frame::Opened { stream } => self.on_answer(stream, None),
            Frame::OpenFailed { stream, failure } => self.on_answer(stream, Some(failure)),
            Frame::Eof { stream } => self.on_eof(stream),
            Frame::Reset { stream, kind } => self.on_reset(stream, kind),
            Frame::Credit { stream, bytes } => self.on_credit(stream, bytes),
            Frame::Ping(number) => {
                if self.pings.answer.replace(number).is_some() {
                    return Err(violation("a second ping before the first was answered"));
                }
                Ok(())
            }
            Frame::Pong(number) => match self.pings.asked.take() {
                Some((asked, at)) if asked == number => {
                    let round_trip = now.saturating_duration_since(at);
                    let shortest = self.pings.shortest.get_or_insert(round_trip);
                    *shortest = round_trip.min(*shortest);
                    Ok(())
                }
                _ => Err(violation("a pong that nobody asked for")),
            },
        }
    }

    fn on_hello(&mut self, hello: Hello) -> Result<()> {
        if !(LEAST_WINDOW..=MAX_WINDOW).contains(&hello.window) || hello.streams == 0 {
            return Err(violation("the limits in the hello are out of range"));
        }
        if self.peer.replace(hello).is_some() {
            return Err(violation("a second hello"));
        }
        self.events.push_back(Event::Ready);
        Ok(())
    }

    fn on_open(&mut self, stream: StreamId, target: TargetAddress, now: Instant) -> Result<()> {
        if self.role == Role::Rep {
            return Err(violation("the gate opens a stream"));
        }
        if stream <= self.last {
            return Err(violation(format!(
                "stream {stream} is opened after stream {}",
                self.last
            )));
        }
        self.last = stream;
        if self.streams.len() >= usize::from(self.local.streams) {
            // The peer's view of what is closed can be ahead of ours, so one too many is no crime; but who does not
            // take the answers is not answered for ever.
            if self.refusals.len() >= usize::from(self.local.streams) {
                return Err(violation("the peer opens streams and does not take the refusals"));
            }
            self.refusals.push_back(stream);
            return Ok(());
        }
        self.insert(stream, Phase::Requested, now);
        self.measure(now);
        self.events.push_back(Event::OpenRequested { stream, target });
        Ok(())
    }

    fn on_answer(&mut self, id: StreamId, failure: Option<Failure>) -> Result<()> {
        let role = self.role;
        let stream = known(&mut self.streams, self.last, id)?;
        let Some(stream) = stream.filter(|stream| role == Role::Rep && stream.phase == Phase::Opening) else {
            return Err(violation(format!(
                "an answer for stream {id}, which waits for none"
            )));
        };
        stream.phase = Phase::Open;
        if failure.is_some() {
            stream.sending.ended = Some(Ended::Reset);
            stream.receiving.ended = Some(Ended::Reset);
            stream.owed.reset = None;
            stream.fate = failure;
        }
        if !stream.released {
            self.events.push_back(Event::Answered { stream: id });
        }
        self.forget_if_done(id);
        Ok(())
    }

    fn on_data(&mut self, id: StreamId, bytes: &[u8]) -> Result<()> {
        if self.peer.is_none() {
            return Err(violation("the first frame is not a hello"));
        }
        let stream = known(&mut self.streams, self.last, id)?;
        let Some(stream) = stream.filter(|stream| stream.flows() && stream.receiving.ended.is_none()) else {
            return Err(violation(format!("data for stream {id}, which is not open")));
        };
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let Some(allowed) = stream.receiving.allowed.checked_sub(length) else {
            return Err(violation(format!("more data for stream {id} than it has credit")));
        };
        stream.receiving.allowed = allowed;
        if stream.sending.ended == Some(Ended::Reset) {
            return Ok(());
        }
        if stream.released {
            // The holder went away after it had finished sending. Nobody takes this: say so, as TCP does.
            self.reset(id, ErrorKind::Closed);
            return Ok(());
        }
        stream.receiving.push(bytes);
        Self::signal(stream, id, &mut self.events);
        Ok(())
    }

    fn signal(stream: &mut Stream, id: StreamId, events: &mut VecDeque<Event>) {
        if !stream.released && !std::mem::replace(&mut stream.receiving.signalled, true) {
            events.push_back(Event::Readable { stream: id });
        }
    }

    fn on_eof(&mut self, id: StreamId) -> Result<()> {
        let stream = known(&mut self.streams, self.last, id)?;
        let Some(stream) = stream.filter(|stream| stream.flows() && stream.receiving.ended.is_none()) else {
            return Err(violation(format!("an end for stream {id}, which is not open")));
        };
        stream.receiving.ended = Some(Ended::Eof);
        stream.owed.credit = 0;
        Self::signal(stream, id, &mut self.events);
        self.forget_if_done(id);
        Ok(())
    }

    fn on_reset(&mut self, id: StreamId, kind: ErrorKind) -> Result<()> {
        let Some(stream) = known(&mut self.streams, self.last, id)? else {
            return Ok(());
        };
        if stream.over() {
            return Ok(());
        }
        // After an end the data in front of it is complete and stays readable; otherwise it is void.
        if stream.receiving.ended.is_none() {
            stream.receiving.clear();
            stream.receiving.ended = Some(Ended::Reset);
        }
        let opening = stream.phase == Phase::Opening;
        stream.sending.clear();
        stream.sending.finish = false;
        stream.owed.credit = 0;
        stream.owed.opened = false;
        if stream.sending.ended.is_none() {
            stream.sending.ended = Some(Ended::Reset);
            stream.owed.reset = Some(ErrorKind::Closed);
        }
        let text = "the stream was reset by the other side";
        stream.fate.get_or_insert_with(|| Failure::new(kind, text));
        if !stream.released {
            self.events.push_back(if opening {
                Event::Answered { stream: id }
            } else {
                Event::Reset { stream: id }
            });
        }
        self.owe(id);
        self.forget_if_done(id);
        Ok(())
    }

    fn on_credit(&mut self, id: StreamId, bytes: u32) -> Result<()> {
        let Some(stream) = known(&mut self.streams, self.last, id)? else {
            return Ok(());
        };
        if !stream.flows() {
            return Err(violation(format!("credit for stream {id}, which is not open")));
        }
        if stream.sending.ended.is_some() {
            return Ok(());
        }
        let credit = stream
            .sending
            .credit
            .checked_add(bytes)
            .filter(|credit| *credit <= MAX_WINDOW);
        let Some(credit) = credit else {
            return Err(violation(format!(
                "more credit for stream {id} than a window can have"
            )));
        };
        stream.sending.credit = credit;
        self.turn(id);
        Ok(())
    }
}

/// A stream that the peer may name now. `None` if it was forgotten, which happens when its end and the peer's frame
/// crossed.
fn known(
    streams: &mut HashMap<StreamId, Stream>,
    last: StreamId,
    id: StreamId,
) -> Result<Option<&mut Stream>> {
    let stream = streams.get_mut(&id);
    if id > last || stream.as_ref().is_some_and(|stream| stream.owed.open.is_some()) {
        return Err(violation(format!("stream {id} was never opened")));
    }
    Ok(stream)
}
