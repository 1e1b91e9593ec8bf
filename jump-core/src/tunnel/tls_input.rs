//! What has been read from a TLS socket: records on their way in, plaintext on its way out, in one buffer.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::PeerMisbehaved;
use tokio::io::{AsyncRead, ReadBuf};

use super::buffers::{Buffer, Buffers};
use super::engine::{Engine, Failure, Next, RECORD_PLAINTEXT};

/// Where in the input buffer records are read to. In front of it is room for one record's plaintext, which is what it
/// takes to decrypt all of them into the room that those before them leave.
const HEADROOM: usize = RECORD_PLAINTEXT;
/// The length of a record's header (RFC 8446 §5.1).
const RECORD_HEADER: usize = 5;

/// `[plaintext ... | free | records not decrypted yet ... | free]`
///
/// The buffer is there only while something is in it.
#[derive(Default)]
pub(super) struct Input {
    buffer: Option<Buffer>,
    plain: Range<usize>,
    cipher: Range<usize>,
}

impl Input {
    /// An input that begins with what came behind a handshake: plaintext, and records that are not decrypted yet. Both
    /// fit, as a handshake reads no more than one record's plaintext in all.
    pub(super) fn new(plain: &[u8], cipher: &[u8], buffers: &Arc<Buffers>) -> Option<Self> {
        if plain.is_empty() && cipher.is_empty() {
            return Some(Self::default());
        }
        let mut buffer = buffers.take();
        let (room, records) = buffer.split_at_mut_checked(HEADROOM)?;
        room.get_mut(..plain.len())?.copy_from_slice(plain);
        records.get_mut(..cipher.len())?.copy_from_slice(cipher);
        Some(Self {
            buffer: Some(buffer),
            plain: 0..plain.len(),
            cipher: HEADROOM..HEADROOM + cipher.len(),
        })
    }

    /// Reads records from the socket; false at its end. Holds no buffer while it waits for the first byte.
    pub(super) fn poll_receive<S: AsyncRead + Unpin>(
        &mut self,
        socket: &mut S,
        buffers: &Arc<Buffers>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        let mut buffer = self.buffer.take().unwrap_or_else(|| buffers.take());
        let length = self.cipher.len();
        buffer.copy_within(self.cipher.clone(), HEADROOM);
        self.cipher = HEADROOM..HEADROOM + length;
        let mut free = ReadBuf::new(buffer.get_mut(self.cipher.end..).unwrap_or_default());
        let outcome = Pin::new(socket).poll_read(cx, &mut free);
        let read = free.filled().len();
        self.cipher.end += read;
        self.buffer = Some(buffer);
        self.release();
        ready!(outcome)?;
        Poll::Ready(Ok(read > 0))
    }

    /// What has been decrypted and not consumed.
    pub(super) fn plain(&self) -> &[u8] {
        self.buffer
            .as_ref()
            .and_then(|buffer| buffer.get(self.plain.clone()))
            .unwrap_or_default()
    }

    /// Gives the buffer back if nothing is in it.
    fn release(&mut self) {
        if self.plain.is_empty() && self.cipher.is_empty() {
            *self = Self::default();
        }
    }

    /// Marks plaintext as read.
    pub(super) fn consume(&mut self, amount: usize) {
        self.plain.start = (self.plain.start + amount).min(self.plain.end);
        if self.plain.is_empty() {
            self.plain = 0..0;
            self.release();
        }
    }

    /// Decrypts every whole record. On a failure the plaintext before it is there.
    pub(super) fn decrypt(&mut self, engine: &mut Engine, control: &mut Vec<u8>) -> Result<Next, Failure> {
        let outcome = self.decrypt_records(engine, control);
        self.release();
        outcome
    }

    fn decrypt_records(&mut self, engine: &mut Engine, control: &mut Vec<u8>) -> Result<Next, Failure> {
        const ROOM: Failure = Failure::Own("no room for the plaintext");
        let Some(buffer) = &mut self.buffer else {
            return Ok(Next::Input);
        };
        loop {
            let (room, records) = buffer.split_at_mut_checked(self.cipher.start).ok_or(ROOM)?;
            let records = records.get_mut(..self.cipher.len()).ok_or(ROOM)?;
            let end = &mut self.plain.end;
            let progress = engine.read(
                records,
                |payload| {
                    let next = *end + payload.len();
                    room.get_mut(*end..next).ok_or(ROOM)?.copy_from_slice(payload);
                    *end = next;
                    Ok(())
                },
                control,
            )?;
            self.cipher.start = (self.cipher.start + progress.consumed).min(self.cipher.end);
            match progress.next {
                Next::Again | Next::Send => {}
                Next::Input => {
                    self.check_rest()?;
                    return Ok(Next::Input);
                }
                Next::PeerClosed => {
                    // What follows a closing message is ignored (RFC 8446 §6.1).
                    self.cipher = 0..0;
                    return Ok(Next::PeerClosed);
                }
            }
        }
    }

    /// A whole record that stays in the input is a piece of a handshake message that goes on in the next record. No
    /// message that may follow the handshake is longer than 5 bytes here, so nobody needs to split one, and the engine
    /// must not be asked to write while it holds a piece.
    fn check_rest(&self) -> Result<(), Failure> {
        let records = self
            .buffer
            .as_ref()
            .and_then(|buffer| buffer.get(self.cipher.clone()))
            .unwrap_or_default();
        match records.first_chunk::<RECORD_HEADER>() {
            Some([_, _, _, high, low])
                if records.len() >= RECORD_HEADER + usize::from(u16::from_be_bytes([*high, *low])) =>
            {
                Err(Failure::Tls(
                    PeerMisbehaved::MessageInterleavedWithHandshakeMessage.into(),
                ))
            }
            _ => Ok(()),
        }
    }
}
