//! The compressed streams of a connection, and what came out of one and was not painted yet.

use zlib_rs::{Inflate, InflateFlush, Status};

use super::Progress;
use crate::wire::Input;
use crate::{RfbError, RfbResult};

/// Room for what comes out: more than the longest row (65536 bytes) and the longest tile (20988 bytes).
const ROOM: usize = 128 * 1024;

/// The largest window that a stream can ask for, as the binary logarithm of its bytes (RFC 1950 §2.2, CINFO).
const WINDOW_BITS: u8 = 15;

/// One zlib stream (RFC 1950), which goes on from rectangle to rectangle. It takes memory from its first use on.
#[derive(Default)]
pub(crate) struct Stream {
    inflate: Option<Inflate>,
    ended: bool,
}

impl Stream {
    /// Begins from the start, as a new stream does.
    pub(crate) fn reset(&mut self) {
        if let Some(inflate) = &mut self.inflate {
            inflate.reset(true);
        }
        self.ended = false;
    }

    /// How many bytes were read and written.
    fn run(&mut self, from: &[u8], to: &mut [u8]) -> RfbResult<(usize, usize)> {
        if self.ended {
            return Ok((0, 0));
        }
        let inflate = self
            .inflate
            .get_or_insert_with(|| Inflate::new(true, WINDOW_BITS));
        let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
        match inflate.decompress(from, to, InflateFlush::NoFlush) {
            Ok(Status::StreamEnd) => self.ended = true,
            Ok(Status::Ok | Status::BufError) => {}
            Err(_) => return Err(RfbError::Protocol("compressed data are damaged")),
        }
        let moved = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
        Ok((
            moved(inflate.total_in(), before_in),
            moved(inflate.total_out(), before_out),
        ))
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// What came out of a stream: at most [`ROOM`] bytes, whatever the stream says.
#[derive(Debug, Default)]
pub(crate) struct Unpacked {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    /// How many bytes came out so far, of all streams.
    pub(crate) total: u64,
}

impl Unpacked {
    fn data(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// What is free; what is not painted yet moves to the front.
    fn room(&mut self) -> &mut [u8] {
        if self.bytes.is_empty() {
            self.bytes = vec![0; ROOM].into_boxed_slice();
        }
        if self.start > 0 && self.start <= self.end {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }
}

/// The streams of a connection: one of zlib, one of ZRLE, four of Tight.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    pub(crate) zlib: Stream,
    pub(crate) zrle: Stream,
    pub(crate) tight: [Stream; 4],
    pub(crate) unpacked: Unpacked,
}

/// Takes what is there of a compressed piece, of which `left` bytes are still to come, and gives what comes out to
/// `units`: it takes whole units from the front, of at most [`ROOM`] bytes, and says how many bytes they had.
///
/// `Finished` means that all of the piece was read and all that came out was taken.
///
/// # Errors
/// [`RfbError::Protocol`] if the stream is damaged, or holds more than `units` takes.
pub(crate) fn pump(
    stream: &mut Stream,
    unpacked: &mut Unpacked,
    left: &mut usize,
    input: &mut Input<'_>,
    mut units: impl FnMut(&[u8]) -> RfbResult<usize>,
) -> RfbResult<Progress> {
    loop {
        let there = input.rest();
        let offered = there.get(..there.len().min(*left)).unwrap_or_default();
        let (read, written) = stream.run(offered, unpacked.room())?;
        input.take(read);
        *left = left.saturating_sub(read);
        unpacked.end += written;
        unpacked.total += written as u64;
        let used = units(unpacked.data())?;
        unpacked.start += used;
        if read == 0 && written == 0 && used == 0 {
            break;
        }
    }
    if *left == 0 {
        if unpacked.data().is_empty() {
            return Ok(Progress::Finished);
        }
        return Err(RfbError::Protocol(
            "compressed data do not end with the rectangle",
        ));
    }
    if input.rest().is_empty() {
        return Ok(Progress::Needs(1));
    }
    // There is input, and nothing moves: the stream has ended, or more came out than the rectangle has.
    Err(RfbError::Protocol("compressed data hold more than the rectangle"))
}
