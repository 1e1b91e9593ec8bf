//! What goes out, and in which order.

use std::time::Instant;

use super::{Event, Mux};
use crate::batch::{BATCH, Batch};
use crate::stream::{Ended, SEND_ROOM};
use crate::wire::{Failure, Frame, MAX_PAYLOAD, StreamId};
use jump_core::error::ErrorKind;

impl Mux {
    /// Gathers what is to be sent, about [`BATCH`] bytes at most: first every control frame, then one data frame per
    /// stream and turn.
    pub fn transmit(&mut self, batch: &mut Batch, now: Instant) {
        if !std::mem::replace(&mut self.said_hello, true) {
            batch.put(&Frame::Hello(self.local));
        }
        if let Some(number) = self.pings.answer.take() {
            batch.put(&Frame::Pong(number));
        }
        if self.pings.wanted && self.pings.asked.is_none() {
            self.pings.wanted = false;
            self.pings.next += 1;
            self.pings.asked = Some((self.pings.next, now));
            self.pings.last = Some(now);
            batch.put(&Frame::Ping(self.pings.next));
        }
        for stream in std::mem::take(&mut self.refusals) {
            let text = format!(
                "the session has {} streams already: close one first",
                self.local.streams
            );
            let failure = Failure::new(ErrorKind::ResourceLimit, &text);
            batch.put(&Frame::OpenFailed { stream, failure });
        }
        for id in std::mem::take(&mut self.control) {
            self.transmit_owed(id, batch);
        }
        while batch.len() < BATCH
            && let Some(id) = self.ready.pop_front()
        {
            self.transmit_turn(id, batch);
        }
        batch.close();
    }

    fn transmit_owed(&mut self, id: StreamId, batch: &mut Batch) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        stream.in_control = false;
        let owed = std::mem::take(&mut stream.owed);
        if let Some(target) = owed.open {
            batch.put(&Frame::Open { stream: id, target });
        }
        if owed.opened {
            batch.put(&Frame::Opened { stream: id });
        }
        if let Some(failure) = owed.failed {
            batch.put(&Frame::OpenFailed { stream: id, failure });
        }
        if let Some(kind) = owed.reset {
            batch.put(&Frame::Reset { stream: id, kind });
        }
        if owed.credit > 0 {
            batch.put(&Frame::Credit {
                stream: id,
                bytes: owed.credit,
            });
        }
        self.forget_if_done(id);
    }

    fn transmit_turn(&mut self, id: StreamId, batch: &mut Batch) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        stream.in_ready = false;
        if !stream.sending.can_send() {
            return;
        }
        if stream.sending.queued == 0 {
            stream.sending.ended = Some(Ended::Eof);
            batch.put(&Frame::Eof { stream: id });
            self.forget_if_done(id);
            return;
        }
        let credit = usize::try_from(stream.sending.credit).unwrap_or(usize::MAX);
        let length = stream.sending.queued.min(credit).min(MAX_PAYLOAD);
        let mut missing = length;
        let payload = std::iter::from_fn(|| {
            let piece = if missing > 0 {
                stream.sending.pop(missing)?
            } else {
                return None;
            };
            missing -= piece.len();
            Some(piece)
        });
        batch.put_data(id, length, payload);
        stream.sending.credit -= length as u32;
        if stream.sending.blocked && stream.sending.queued <= SEND_ROOM / 2 {
            stream.sending.blocked = false;
            self.events.push_back(Event::Writable { stream: id });
        }
        self.turn(id);
    }
}
