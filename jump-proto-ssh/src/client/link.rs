//! One channel of SFTP, seen by a client: requests out, answers in.
//!
//! What comes is looked at where it lies: file data is handed on in the pieces in which it came, without a copy.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, Bytes};
use jump_core::{Error, ErrorKind, Result};
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::time::{Instant, timeout, timeout_at};

use super::sftp::done;
use crate::sftp::wire::{Fields, LONGEST, code, kind};

/// Several megabytes are in flight at once; on a slow line the last of them waits for all the others.
const PATIENCE: Duration = Duration::from_secs(600);
/// What may come and not be looked at, in bytes: more than is ever asked for.
const TOO_MUCH: usize = 8 << 20;
/// Pieces that together have no more bytes are made one: each takes some hundred bytes of memory besides its own.
const CRUMBS: usize = 4096;
const OPERATION: &str = "talk to the target's file server";

/// What the server answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// `SSH_FXP_DATA` (draft-ietf-secsh-filexfer-02, §7): the data, as it came.
    Data(Vec<Bytes>),
    /// Any other: its type, and what follows the id.
    Other(u8, Vec<u8>),
}

/// The server did not keep to the protocol.
pub(super) fn broken() -> Error {
    let message = "the server broke the file transfer protocol";
    Error::new(ErrorKind::Protocol, OPERATION, message)
}

fn silent() -> Error {
    Error::new(ErrorKind::Timeout, OPERATION, "the target stopped answering")
}

fn cut_off() -> Error {
    Error::new(ErrorKind::Closed, OPERATION, "the file transfer was cut off")
}

/// The channel; it is closed when this is dropped.
pub(super) struct Link {
    incoming: Incoming,
    /// Taken when it is dropped.
    writing: Option<ChannelWriteHalf<Msg>>,
    last: u32,
}

impl Link {
    /// For a channel on which the file server was started.
    pub(super) fn new(channel: Channel<Msg>) -> Self {
        let (reading, writing) = channel.split();
        Self {
            incoming: Incoming {
                reading,
                inbox: Inbox::default(),
                since: Instant::now(),
            },
            writing: Some(writing),
            last: 0,
        }
    }

    /// The number of the next request.
    pub(super) const fn next_id(&mut self) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.last
    }

    /// Sends a request, which may be in several pieces.
    pub(super) async fn send(&mut self, pieces: impl IntoIterator<Item = Bytes>) -> Result<()> {
        let writing = self.writing.as_ref().ok_or_else(cut_off)?;
        let sending = async {
            for piece in pieces {
                writing.data_bytes(piece).await?;
            }
            Ok(())
        };
        let sent = self.incoming.meanwhile(timeout(PATIENCE, sending)).await?;
        let sent: Result<(), russh::Error> = sent.map_err(|_| silent())?;
        self.incoming.since = Instant::now();
        sent.map_err(|_| cut_off())
    }

    /// Waits for something else, and takes in what comes meanwhile.
    pub(super) async fn meanwhile<T>(&mut self, other: impl Future<Output = T>) -> Result<T> {
        self.incoming.meanwhile(other).await
    }

    /// Waits until more has come. Cancel-safe.
    pub(super) async fn arrived(&mut self) -> Result<()> {
        self.incoming.arrived().await
    }

    /// The next answer and the number of its request, if it has come whole.
    pub(super) fn answer(&mut self) -> Result<Option<(u32, Answer)>> {
        let answer = self.incoming.inbox.next()?;
        if answer.is_some() {
            self.incoming.since = Instant::now();
        }
        Ok(answer)
    }

    /// Sends a request while no other is under way, and waits for its answer.
    pub(super) async fn ask(&mut self, id: u32, request: Bytes) -> Result<Answer> {
        self.send([request]).await?;
        loop {
            match self.answer()? {
                Some((of, answer)) if of == id => return Ok(answer),
                Some(_) => return Err(broken()),
                None => self.arrived().await?,
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let Some(writing) = self.writing.take() else {
            return;
        };
        // Outside a runtime the connection is gone as well.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = writing.close().await;
            });
        }
    }
}

/// What comes on the channel.
struct Incoming {
    reading: ChannelReadHalf,
    inbox: Inbox,
    /// When the last request was sent, or the last answer was there whole: a byte now and then is no answer.
    since: Instant,
}

impl Incoming {
    /// Unread, what comes would fill russh's queue and stop the whole connection.
    async fn meanwhile<T>(&mut self, other: impl Future<Output = T>) -> Result<T> {
        tokio::pin!(other);
        loop {
            tokio::select! {
                biased;
                done = &mut other => return Ok(done),
                message = self.reading.wait() => self.take(message)?,
            }
        }
    }

    async fn arrived(&mut self) -> Result<()> {
        let message = timeout_at(self.since + PATIENCE, self.reading.wait()).await;
        self.take(message.map_err(|_| silent())?)
    }

    fn take(&mut self, message: Option<ChannelMsg>) -> Result<()> {
        match message {
            Some(ChannelMsg::Data { data }) => {
                self.inbox.push(data);
                if self.inbox.length > TOO_MUCH {
                    return Err(broken());
                }
                Ok(())
            }
            Some(ChannelMsg::Eof | ChannelMsg::Close) | None => Err(self.inbox.last_words()),
            Some(_) => Ok(()),
        }
    }
}

/// What came and was not looked at.
#[derive(Debug, Default)]
struct Inbox {
    pieces: VecDeque<Bytes>,
    /// Of all pieces, in bytes.
    length: usize,
}

impl Inbox {
    fn push(&mut self, piece: Bytes) {
        self.length += piece.len();
        match self.pieces.back_mut() {
            Some(last) if last.len() + piece.len() <= CRUMBS => {
                *last = [&last[..], &piece].concat().into();
            }
            _ if piece.is_empty() => {}
            _ => self.pieces.push_back(piece),
        }
    }

    /// The bytes at the front, which stay there; `None` if there are fewer.
    fn front<const N: usize>(&self) -> Option<[u8; N]> {
        let mut front = [0; N];
        let mut bytes = self.pieces.iter().flatten();
        for place in &mut front {
            *place = *bytes.next()?;
        }
        Some(front)
    }

    /// Takes so many bytes, or what there is, as they came.
    fn take(&mut self, mut length: usize) -> Vec<Bytes> {
        let mut taken = Vec::with_capacity(length.min(self.length) / (16 * 1024) + 2);
        while length > 0
            && let Some(piece) = self.pieces.front_mut()
        {
            let part = piece.split_to(length.min(piece.len()));
            if !piece.has_remaining() {
                self.pieces.pop_front();
            }
            length -= part.len();
            self.length -= part.len();
            taken.push(part);
        }
        taken
    }

    /// Why nothing more comes, if the server said so before it left and nobody has looked at it.
    fn last_words(&mut self) -> Error {
        while let Ok(Some((_, answer))) = self.next() {
            if let Answer::Other(kind::STATUS, body) = &answer
                && Fields(body).u32() != Some(code::EOF)
                && let Err(error) = done(OPERATION, &answer)
            {
                return error;
            }
        }
        cut_off()
    }

    fn next(&mut self) -> Result<Option<(u32, Answer)>> {
        let Some([l0, l1, l2, l3, kind, i0, i1, i2, i3]) = self.front() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        // The type and the id are part of it.
        let rest = length.checked_sub(5).filter(|_| length <= LONGEST);
        let rest = rest.ok_or_else(broken)? as usize;
        if self.length < 9 + rest {
            return Ok(None);
        }
        self.take(9);
        let answer = if kind == kind::DATA {
            // The length of the data, which is all there is.
            let data = rest.checked_sub(4).ok_or_else(broken)?;
            let said = self.front().map(u32::from_be_bytes);
            if said.is_none_or(|said| said as usize != data) {
                return Err(broken());
            }
            self.take(4);
            Answer::Data(self.take(data))
        } else {
            Answer::Other(kind, self.take(rest).concat())
        };
        Ok(Some((u32::from_be_bytes([i0, i1, i2, i3]), answer)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sftp::wire;

    fn data(id: u32, data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap();
        let fields = [length + 9, id, length].map(u32::to_be_bytes);
        [&fields[0], &[kind::DATA][..], &fields[1], &fields[2], data].concat()
    }

    /// All answers, with data in one piece.
    fn all(inbox: &mut Inbox) -> Vec<(u32, Answer)> {
        let mut answers = Vec::new();
        while let Some((id, answer)) = inbox.next().unwrap() {
            let answer = match answer {
                Answer::Data(pieces) => Answer::Data(vec![pieces.concat().into()]),
                other => other,
            };
            answers.push((id, answer));
        }
        answers
    }

    proptest! {
        #[test]
        fn answers_are_the_same_whatever_the_pieces_they_come_in(cuts in prop::collection::vec(1usize..40, 1..60)) {
            let text = b"some data of a file";
            let stream = [data(7, text), wire::status(8, 1, "end").to_vec(), data(9, text)].concat();
            let mut inbox = Inbox::default();
            let mut answers = Vec::new();
            let mut left = Bytes::from(stream);
            for cut in cuts.iter().cycle() {
                if left.is_empty() {
                    break;
                }
                inbox.push(left.split_to((*cut).min(left.len())));
                answers.extend(all(&mut inbox));
            }
            prop_assert_eq!(answers.len(), 3);
            for (answer, id) in [(&answers[0], 7), (&answers[2], 9)] {
                prop_assert_eq!(answer, &(id, Answer::Data(vec![Bytes::from_static(text)])));
            }
            prop_assert_eq!(answers[1].0, 8);
            prop_assert!(matches!(answers[1].1, Answer::Other(kind::STATUS, _)));
            prop_assert_eq!((inbox.length, inbox.pieces.len()), (0, 0));
        }

        #[test]
        fn no_bytes_of_a_server_are_too_strange(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 5..60), 1..6),
            kinds in prop::collection::vec(prop_oneof![Just(kind::DATA), any::<u8>()], 6),
        ) {
            let mut inbox = Inbox::default();
            let (mut whole, mut broke) = (0, false);
            for (packet, kind) in packets.iter().zip(kinds) {
                let length = u32::try_from(packet.len()).unwrap();
                inbox.push([&length.to_be_bytes()[..], &[kind], &packet[1..]].concat().into());
                match inbox.next() {
                    Ok(Some(_)) => whole += 1,
                    Ok(None) => prop_assert!(false, "a whole packet is an answer"),
                    Err(error) => {
                        prop_assert_eq!(error.kind(), ErrorKind::Protocol);
                        broke = true;
                        break;
                    }
                }
            }
            prop_assert!(broke || (whole == packets.len() && inbox.length == 0));
        }
    }

    #[test]
    fn what_a_server_says_before_it_leaves_is_the_reason() {
        let mut inbox = Inbox::default();
        assert_eq!(inbox.last_words().kind(), ErrorKind::Closed);
        for status in [wire::status(1, code::OK, ""), wire::status(2, code::EOF, "")] {
            inbox.push(status.to_vec().into());
        }
        inbox.push(wire::status(3, 4, "no space left").to_vec().into());
        let error = inbox.last_words();
        assert!(error.to_string().contains("no space left"), "{error}");
    }

    #[test]
    fn crumbs_are_put_together() {
        let file: Vec<u8> = (0..100_000_u32).map(|place| place as u8).collect();
        let mut inbox = Inbox::default();
        for byte in data(1, &file) {
            inbox.push(vec![byte].into());
        }
        assert!(inbox.pieces.len() <= 2 * file.len() / CRUMBS + 1);
        assert_eq!(all(&mut inbox), [(1, Answer::Data(vec![file.into()]))]);
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        let short = [0, 0, 0, 4, kind::STATUS, 0, 0, 0, 1];
        let long = [0, 4, 0, 1, kind::STATUS, 0, 0, 0, 1];
        let mut lying = data(1, b"abc");
        lying[12] = 2;
        for bytes in [&short[..], &long, &lying] {
            let mut inbox = Inbox::default();
            inbox.push(Bytes::copy_from_slice(bytes));
            assert_eq!(inbox.next().unwrap_err().kind(), ErrorKind::Protocol);
        }
    }
}
