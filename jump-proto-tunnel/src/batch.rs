//! Frames on their way out, gathered for large writes.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

use crate::wire::{Frame, StreamId, put_data_header};

/// About how many bytes are gathered for one write; the last frame may exceed it.
pub const BATCH: usize = 256 << 10;

/// Frames as a list of byte pieces. Payloads are not copied into it.
#[derive(Debug, Default)]
pub struct Batch {
    pieces: VecDeque<Bytes>,
    /// Headers and control frames since the last payload.
    heads: BytesMut,
    length: usize,
}

impl Batch {
    /// How many bytes are in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Appends a frame.
    pub(crate) fn put(&mut self, frame: &Frame) {
        let before = self.heads.len();
        frame.put(&mut self.heads);
        self.length += self.heads.len() - before;
    }

    /// Appends a data frame of these pieces, together 1..=[`MAX_PAYLOAD`](crate::wire::MAX_PAYLOAD) bytes.
    pub(crate) fn put_data(
        &mut self,
        stream: StreamId,
        length: usize,
        payload: impl IntoIterator<Item = Bytes>,
    ) {
        let before = self.heads.len();
        put_data_header(stream, length, &mut self.heads);
        self.length += self.heads.len() - before + length;
        self.seal();
        self.pieces.extend(payload);
    }

    fn seal(&mut self) {
        if !self.heads.is_empty() {
            self.pieces.push_back(self.heads.split().freeze());
        }
    }

    /// Ends the gathering; call it before the bytes are looked at.
    pub(crate) fn close(&mut self) {
        self.seal();
        self.heads = BytesMut::new();
    }

    /// Fills `slices` from the front and gives how many were filled.
    #[must_use]
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece);
            filled += 1;
        }
        filled
    }

    /// Joins all pieces into one, for a stream that does not take several at once.
    pub(crate) fn join(&mut self) {
        if self.pieces.len() > 1 {
            let mut joined = BytesMut::with_capacity(self.length);
            self.pieces
                .iter()
                .for_each(|piece| joined.extend_from_slice(piece));
            self.pieces.clear();
            self.pieces.push_back(joined.freeze());
        }
    }

    /// The first piece; empty if there is none.
    pub(crate) fn first(&self) -> &[u8] {
        self.pieces.front().map_or(&[], |piece| piece)
    }

    /// Drops the first `count` bytes.
    pub fn advance(&mut self, mut count: usize) {
        self.length = self.length.saturating_sub(count);
        while let Some(front) = self.pieces.front_mut() {
            if front.len() > count {
                front.advance(count);
                break;
            }
            count -= front.len();
            self.pieces.pop_front();
        }
        if self.length == 0 {
            self.pieces = VecDeque::new();
        }
    }
}
