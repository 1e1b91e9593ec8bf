//! What one channel's rep has sent and its target has not taken yet.
//!
//! russh gives a sender new window as soon as data is *received*, not when it is used. If the gate simply stopped
//! taking data, the rep's whole connection would stand still, window adjustments of the other direction included, and
//! a session that is busy both ways would lock up. So data is taken here and the window is kept small from the
//! [`Backlog`] instead: see [`Backlog::next_window`].

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use russh::{Pty, Sig};
use tokio::sync::Notify;

use crate::config;

/// Above this, the rep's windows are opened no further.
const ENOUGH: usize = 4 << 20;
/// Above this, nothing more is taken from the rep: only a rep that fills the windows of many channels gets there.
const TOO_MUCH: usize = 64 << 20;
/// A channel may have this many entries waiting; small data is joined, so only requests can fill it.
const ENTRIES: usize = 4096;
/// Data shorter than this is joined with the short data before it.
const SHORT: usize = 4 * 1024;
/// Up to this size.
const JOINED: usize = 32 * 1024;

/// The bytes waiting in all channels of a session.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: AtomicUsize,
    shrunk: Notify,
}

impl Backlog {
    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    fn take(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.shrunk.notify_waiters();
    }

    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    /// The window that a channel's rep should have next.
    ///
    /// russh opens a window again when less than half of it is left, and asks this for the size of the next one. With
    /// a size of 2 a rep is granted 2 bytes whenever it has used up everything: almost nothing comes in, and each of
    /// those bytes is an occasion to open the window again.
    pub(super) fn next_window(&self) -> u32 {
        if self.bytes() > ENOUGH { 2 } else { config::WINDOW }
    }
}

/// One thing for the target, in order.
#[derive(Debug)]
pub(super) enum Upward {
    Data(Bytes),
    Eof,
    Pty {
        term: String,
        columns: u32,
        rows: u32,
        width: u32,
        height: u32,
        modes: Vec<(Pty, u32)>,
    },
    Env {
        name: String,
        value: String,
    },
    Shell,
    Exec(Vec<u8>),
    Subsystem(String),
    WindowChange {
        columns: u32,
        rows: u32,
        width: u32,
        height: u32,
    },
    Signal(Sig),
}

#[derive(Debug, Default)]
struct Inner {
    entries: VecDeque<Entry>,
    finished: bool,
}

#[derive(Debug)]
enum Entry {
    Joined(BytesMut),
    Whole(Upward),
}

impl Entry {
    fn data_len(&self) -> usize {
        match self {
            Entry::Joined(data) => data.len(),
            Entry::Whole(Upward::Data(data)) => data.len(),
            Entry::Whole(_) => 0,
        }
    }
}

/// A bounded queue with one writer and one reader.
#[derive(Debug)]
pub(super) struct UpQueue {
    inner: Mutex<Inner>,
    filled: Notify,
    emptied: Notify,
    backlog: Arc<Backlog>,
}

impl UpQueue {
    pub(super) fn new(backlog: Arc<Backlog>) -> Self {
        Self {
            inner: Mutex::default(),
            filled: Notify::new(),
            emptied: Notify::new(),
            backlog,
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds one entry; waits while too much is waiting already. Cancel-safe: it is added or not.
    pub(super) async fn push(&self, upward: Upward) {
        loop {
            // Registered before looking, so that no notification is missed.
            let shrunk = self.backlog.shrunk.notified();
            let emptied = self.emptied.notified();
            tokio::pin!(shrunk, emptied);
            shrunk.as_mut().enable();
            emptied.as_mut().enable();
            if self.backlog.bytes() > TOO_MUCH {
                shrunk.await;
            } else if self.with(|inner| inner.entries.len() >= ENTRIES) {
                emptied.await;
            } else {
                break;
            }
        }
        if let Upward::Data(data) = &upward {
            self.backlog.add(data.len());
        }
        self.with(|inner| match upward {
            Upward::Data(data) if data.len() < SHORT => match inner.entries.back_mut() {
                Some(Entry::Joined(last)) if last.len() + data.len() <= JOINED => {
                    last.extend_from_slice(&data);
                }
                _ => inner
                    .entries
                    .push_back(Entry::Joined(BytesMut::from(data.as_ref()))),
            },
            other => inner.entries.push_back(Entry::Whole(other)),
        });
        self.filled.notify_one();
    }

    /// Says that nothing more is added.
    pub(super) fn finish(&self) {
        self.with(|inner| inner.finished = true);
        self.filled.notify_one();
    }

    /// The next entry; `None` once finished and empty. Cancel-safe.
    pub(super) async fn pop(&self) -> Option<Upward> {
        loop {
            let (entry, finished) = self.with(|inner| (inner.entries.pop_front(), inner.finished));
            if let Some(entry) = &entry {
                self.backlog.take(entry.data_len());
                self.emptied.notify_one();
            }
            match entry {
                Some(Entry::Joined(data)) => return Some(Upward::Data(data.freeze())),
                Some(Entry::Whole(upward)) => return Some(upward),
                None if finished => return None,
                None => self.filled.notified().await,
            }
        }
    }
}

impl Drop for UpQueue {
    fn drop(&mut self) {
        let left = self.with(|inner| inner.entries.iter().map(Entry::data_len).sum());
        self.backlog.take(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_data_is_joined_and_order_is_kept() {
        let backlog = Arc::new(Backlog::default());
        let queue = UpQueue::new(backlog.clone());
        for byte in 0..100u8 {
            queue.push(Upward::Data(Bytes::from(vec![byte]))).await;
        }
        queue.push(Upward::Shell).await;
        queue.push(Upward::Data(Bytes::from_static(b"x"))).await;
        queue.finish();
        assert_eq!(backlog.bytes(), 101);
        let Some(Upward::Data(first)) = queue.pop().await else {
            panic!()
        };
        assert_eq!(first, (0..100).collect::<Vec<u8>>());
        assert!(matches!(queue.pop().await, Some(Upward::Shell)));
        assert!(matches!(queue.pop().await, Some(Upward::Data(data)) if data == "x"));
        assert!(queue.pop().await.is_none());
        assert_eq!(backlog.bytes(), 0);
    }

    #[tokio::test]
    async fn a_full_backlog_shuts_the_window_and_a_dropped_queue_opens_it() {
        let backlog = Arc::new(Backlog::default());
        let queue = UpQueue::new(backlog.clone());
        assert_eq!(backlog.next_window(), config::WINDOW);
        queue.push(Upward::Data(Bytes::from(vec![0; ENOUGH + 1]))).await;
        assert_eq!(backlog.next_window(), 2);
        drop(queue);
        assert_eq!(backlog.next_window(), config::WINDOW);
    }

    #[tokio::test]
    async fn beyond_the_limit_a_push_waits_for_room() {
        let backlog = Arc::new(Backlog::default());
        let queue = Arc::new(UpQueue::new(backlog.clone()));
        queue.push(Upward::Data(Bytes::from(vec![0; TOO_MUCH + 1]))).await;
        let second = tokio::spawn({
            let queue = queue.clone();
            async move { queue.push(Upward::Eof).await }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        queue.pop().await;
        second.await.unwrap();
    }
}
