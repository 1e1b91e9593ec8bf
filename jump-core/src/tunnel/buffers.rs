//! Large buffers that many idle sessions share.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A pool of equal buffers. A session takes one while it has data in its hands and gives it back when it has none, so
/// that idle sessions hold nothing.
pub struct Buffers {
    size: usize,
    keep: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    free: Vec<Box<[u8]>>,
    in_use: usize,
}

impl Buffers {
    /// A pool of buffers of `size` bytes that keeps at most `keep` unused ones; more are freed.
    #[must_use]
    pub fn new(size: usize, keep: usize) -> Arc<Self> {
        Arc::new(Self {
            size,
            keep,
            state: Mutex::default(),
        })
    }

    /// A buffer, whose content is whatever its last user left in it.
    #[must_use]
    pub fn take(self: &Arc<Self>) -> Buffer {
        let free = {
            let mut state = self.state();
            state.in_use += 1;
            state.free.pop()
        };
        Buffer {
            bytes: free.unwrap_or_else(|| vec![0; self.size].into_boxed_slice()),
            pool: Arc::clone(self),
        }
    }

    /// How many buffers are taken now.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.state().in_use
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Buffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffers({} bytes)", self.size)
    }
}

/// One buffer of a pool; dropping it gives it back.
pub struct Buffer {
    bytes: Box<[u8]>,
    pool: Arc<Buffers>,
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut state = self.pool.state();
        state.in_use = state.in_use.saturating_sub(1);
        if state.free.len() < self.pool.keep {
            state.free.push(bytes);
        }
    }
}

impl fmt::Debug for Buffer {
    /// Never the content: it may be a session's plaintext.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_is_used_again_and_surplus_ones_are_freed() {
        let pool = Buffers::new(16, 1);
        let (mut first, second) = (pool.take(), pool.take());
        first[0] = 7;
        drop(first);
        drop(second);
        assert_eq!(pool.state().free.len(), 1);
        assert_eq!(pool.in_use(), 0);
        assert_eq!(pool.take()[0], 7, "the first one came back");
    }
}
