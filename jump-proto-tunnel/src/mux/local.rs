//! What the owner of the streams does with them.

use std::time::Instant;

use bytes::Bytes;
use jump_core::error::{Error, ErrorKind, Result};
use jump_core::model::TargetAddress;

use super::{Mux, Role, Taken};
use crate::stream::{Ended, PIECE, Phase, SEND_ROOM};
use crate::wire::{Failure, StreamId};

impl Mux {
    /// Whether the peer's hello has come.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.peer.is_some()
    }

    /// Asks for a stream to an address. An [`Event::Answered`](super::Event::Answered) follows. Rep only.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`] if the gate allows no more streams at once or the numbers are used up,
    /// [`ErrorKind::InvalidArgument`] before [`Event::Ready`](super::Event::Ready) and at the gate.
    pub fn open(&mut self, target: &TargetAddress, now: Instant) -> Result<StreamId> {
        let refuse = |kind, text: String| Error::new(kind, "open a tunnel stream", text);
        let (Role::Rep, Some(peer)) = (self.role, self.peer) else {
            let message = "only the rep opens streams, and not before the session is ready";
            return Err(refuse(ErrorKind::InvalidArgument, message.to_owned()));
        };
        let most = peer.streams.min(self.local.streams);
        if self.streams.len() >= usize::from(most) {
            let message = format!("the session has {most} streams already: close one first");
            return Err(refuse(ErrorKind::ResourceLimit, message).retryable(true));
        }
        let Some(id) = self.last.checked_add(1) else {
            let message = "the stream numbers of the session are used up: start a new session";
            return Err(refuse(ErrorKind::ResourceLimit, message.to_owned()));
        };
        self.last = id;
        if self.streams.is_empty() {
            // The silence of an idle session does not count.
            self.heard = now;
        }
        self.insert(id, Phase::Opening, now);
        self.measure(now);
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.owed.open = Some(target.clone());
        }
        self.owe(id);
        Ok(id)
    }

    /// Says that the target is connected and data may flow. Gate only.
    ///
    /// # Errors
    /// Those of [`Mux::check`].
    pub fn accept(&mut self, id: StreamId) -> Result<()> {
        self.check(id)?;
        if let Some(stream) = self.streams.get_mut(&id)
            && stream.phase == Phase::Requested
        {
            stream.phase = Phase::Open;
            stream.owed.opened = true;
            self.owe(id);
        }
        Ok(())
    }

    /// Refuses an open; nobody holds the stream after that. Gate only.
    pub fn refuse(&mut self, id: StreamId, failure: Failure) {
        if let Some(stream) = self.streams.get_mut(&id)
            && stream.phase == Phase::Requested
            && stream.sending.ended.is_none()
        {
            stream.sending.ended = Some(Ended::Reset);
            stream.receiving.ended = Some(Ended::Reset);
            stream.owed.failed = Some(failure);
            self.owe(id);
        }
        self.release(id);
    }

    /// Whether the stream is open.
    ///
    /// # Errors
    /// Why it could not be opened or was reset; [`ErrorKind::Closed`] if it is unknown.
    pub fn check(&self, id: StreamId) -> Result<()> {
        let Some(stream) = self.streams.get(&id) else {
            return Err(Error::new(
                ErrorKind::Closed,
                "use a tunnel stream",
                "the stream is closed",
            ));
        };
        match &stream.fate {
            Some(fate) => Err(fate.to_error("tunnel stream")),
            None => Ok(()),
        }
    }

    /// Whether the stream has been answered with "opened".
    #[must_use]
    pub fn is_open(&self, id: StreamId) -> bool {
        self.streams
            .get(&id)
            .is_some_and(|stream| stream.phase == Phase::Open)
    }

    /// How many bytes [`Mux::send`] takes now: none, or at least [`PIECE`]. 0 asks for an
    /// [`Event::Writable`](super::Event::Writable).
    ///
    /// # Errors
    /// As [`Mux::check`], and [`ErrorKind::Closed`] after [`Mux::finish`].
    pub fn room(&mut self, id: StreamId) -> Result<usize> {
        self.check(id)?;
        let closed = || {
            Error::new(
                ErrorKind::Closed,
                "send to a tunnel stream",
                "its end was sent already",
            )
        };
        let stream = self.streams.get_mut(&id).ok_or_else(closed)?;
        if stream.sending.finish || stream.sending.ended.is_some() {
            return Err(closed());
        }
        let room = SEND_ROOM.saturating_sub(stream.sending.queued);
        stream.sending.blocked = room < PIECE;
        Ok(if room < PIECE { 0 } else { room })
    }

    /// Sends bytes, at most as many as [`Mux::room`] said. They wait here until there is credit.
    ///
    /// # Errors
    /// As [`Mux::room`], and [`ErrorKind::ResourceLimit`] if there are more bytes than room; nothing is sent then.
    pub fn send(&mut self, id: StreamId, bytes: Bytes) -> Result<()> {
        if bytes.len() > self.room(id)? {
            return Err(Error::new(
                ErrorKind::ResourceLimit,
                "send to a tunnel stream",
                "there is no room: wait for it",
            ));
        }
        if let Some(stream) = self.streams.get_mut(&id)
            && !bytes.is_empty()
        {
            stream.sending.push(bytes);
            self.turn(id);
        }
        Ok(())
    }

    /// Ends our direction after what was sent; the other goes on. Has no effect on a stream that ended already.
    pub fn finish(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(&id)
            && stream.sending.ended.is_none()
            && stream.phase == Phase::Open
        {
            stream.sending.finish = true;
            self.turn(id);
        }
    }

    /// Ends both directions at once; what was not sent or taken is void. Has no effect on a stream that ended already.
    pub fn reset(&mut self, id: StreamId, kind: ErrorKind) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if stream.over() || stream.sending.ended == Some(Ended::Reset) {
            return;
        }
        stream.sending.clear();
        stream.receiving.clear();
        stream.sending.finish = false;
        stream.sending.ended = Some(Ended::Reset);
        stream.owed.opened = false;
        stream.owed.credit = 0;
        let text = "the stream was reset";
        stream.fate.get_or_insert_with(|| Failure::new(kind, text));
        if stream.owed.open.take().is_some() {
            // The peer never heard of it.
            stream.receiving.ended = Some(Ended::Reset);
        } else {
            stream.owed.reset = Some(kind);
        }
        self.owe(id);
        self.forget_if_done(id);
    }

    /// Says that nobody holds the stream any more. It is reset, unless [`Mux::finish`] was called: then what was sent
    /// before still goes out, and the stream is reset only if the peer sends more.
    pub fn release(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        stream.released = true;
        let unread = stream.receiving.clear() > 0;
        if unread || !(stream.sending.finish || stream.sending.ended.is_some()) {
            self.reset(id, ErrorKind::Closed);
        }
        self.forget_if_done(id);
    }

    /// Takes received bytes, at most [`PIECE`].
    ///
    /// # Errors
    /// As [`Mux::check`], once everything before an end was taken.
    pub fn take(&mut self, id: StreamId) -> Result<Taken> {
        if let Some(stream) = self.streams.get_mut(&id) {
            if let Some(bytes) = stream.receiving.pop() {
                return Ok(Taken::Bytes(bytes));
            }
            stream.receiving.signalled = false;
            if stream.receiving.ended == Some(Ended::Eof) {
                return Ok(Taken::End);
            }
        }
        self.check(id)?;
        Ok(Taken::Nothing)
    }

    /// Counts bytes that were taken and have been written to where they go: the peer may send as many more.
    pub fn delivered(&mut self, id: StreamId, bytes: usize, now: Instant) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let credit = stream
            .receiving
            .deliver(bytes, self.pings.shortest, &mut self.spare, now);
        if credit > 0 && stream.receiving.ended.is_none() && stream.sending.ended != Some(Ended::Reset) {
            stream.owed.credit = stream.owed.credit.saturating_add(credit);
            self.owe(id);
            self.measure(now);
        }
    }
}
