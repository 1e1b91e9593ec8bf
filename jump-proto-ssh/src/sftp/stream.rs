//! One side's bytes, cut into packets without copying what only passes.

use bytes::{Bytes, BytesMut};

/// The bytes of one side that are not dealt with yet. File data passes while it arrives: of such a packet only the
/// front is ever held.
#[derive(Debug, Default)]
pub(super) struct Stream {
    data: Bytes,
    /// How many bytes at the front of `data` are to be forwarded.
    passed: usize,
    /// Bytes of the packet under way that are still to come, and what becomes of them.
    left: u32,
    dropping: bool,
    /// What came before there was enough.
    held: BytesMut,
    need: usize,
}

impl Stream {
    /// Adds what arrived.
    pub(super) fn push(&mut self, more: Bytes) {
        if self.data.is_empty() && self.held.is_empty() {
            self.data = more;
            return;
        }
        if self.held.is_empty() {
            self.held.reserve(self.need.max(self.data.len() + more.len()));
            self.held.extend_from_slice(&self.data);
            self.data = Bytes::new();
        }
        self.held.extend_from_slice(&more);
        if self.held.len() >= self.need {
            self.data = self.held.split().freeze();
        }
    }

    /// The bytes at which the next packet begins.
    pub(super) fn next(&self) -> Bytes {
        self.data.slice(self.passed.min(self.data.len())..)
    }

    fn there(&self) -> usize {
        self.data.len().saturating_sub(self.passed)
    }

    /// Moves on through a packet whose front was dealt with. `false` if more of it has to come.
    pub(super) fn go_on(&mut self, out: &mut Vec<Bytes>) -> bool {
        let here = self.left.min(u32::try_from(self.there()).unwrap_or(u32::MAX));
        self.left -= here;
        if self.dropping {
            self.flush(out);
            let _ = self.data.split_to(here as usize);
        } else {
            self.passed += here as usize;
        }
        self.left == 0
    }

    /// Whether the packet under way has come whole.
    pub(super) const fn at_boundary(&self) -> bool {
        self.left == 0
    }

    /// Forwards the next `length` bytes, whether or not they are all there.
    pub(super) const fn pass(&mut self, length: u32) {
        self.left = length;
        self.dropping = false;
        self.need = 0;
    }

    /// Drops the next `length` bytes, whether or not they are all there.
    pub(super) const fn drop(&mut self, length: u32) {
        self.left = length;
        self.dropping = true;
        self.need = 0;
    }

    /// Takes the next `length` bytes out; they are there.
    pub(super) fn take(&mut self, length: usize, out: &mut Vec<Bytes>) -> Bytes {
        self.flush(out);
        self.need = 0;
        let length = length.min(self.data.len());
        self.data.split_to(length)
    }

    /// Says how many bytes of the next packet must be there before it can be dealt with.
    pub(super) const fn wait_for(&mut self, need: usize) {
        self.need = need;
    }

    /// Gives out what passed.
    pub(super) fn flush(&mut self, out: &mut Vec<Bytes>) {
        if self.passed > 0 {
            out.push(self.data.split_to(self.passed));
            self.passed = 0;
        }
    }

    /// Whether everything was dealt with.
    pub(super) fn is_empty(&self) -> bool {
        self.there() == 0 && self.held.is_empty() && self.left == 0
    }
}
