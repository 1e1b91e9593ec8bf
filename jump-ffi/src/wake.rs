//! Telling a program that there is something to fetch: a file descriptor that it can poll, and a callback.

use std::ffi::c_void;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jump_core::{Error, ErrorKind, Result};

use crate::guard::notifying;

/// A pair of sockets of which one can be read from as long as the signal is raised.
pub(crate) struct Signal {
    reader: UnixStream,
    writer: UnixStream,
    raised: bool,
}

impl Signal {
    pub(crate) fn new() -> Result<Self> {
        let failed = |error| Error::from_io(ErrorKind::ResourceLimit, "make a file descriptor", error);
        let (reader, writer) = UnixStream::pair().map_err(failed)?;
        reader.set_nonblocking(true).map_err(failed)?;
        writer.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            reader,
            writer,
            raised: false,
        })
    }

    /// Raises or lowers it.
    pub(crate) fn set(&mut self, raised: bool) {
        if raised == self.raised {
            return;
        }
        self.raised = raised;
        // One byte is there or not, so neither can fail for want of room.
        let _ = if raised {
            self.writer.write(&[1])
        } else {
            self.reader.read(&mut [0])
        };
    }

    /// The descriptor to poll for reading; nobody but this value reads from it.
    pub(crate) fn descriptor(&self) -> i32 {
        std::os::fd::AsRawFd::as_raw_fd(&self.reader)
    }
}

/// A callback of C with what it is called with.
pub(crate) struct Callback {
    pub(crate) call: extern "C" fn(*mut c_void),
    pub(crate) userdata: UserData,
}

/// What a caller wants to be called with, and how to give it up.
pub(crate) struct UserData {
    pointer: *mut c_void,
    destroy: Option<extern "C" fn(*mut c_void)>,
}

// SAFETY: the header says that callbacks come from any thread, so the caller gives a pointer for which that is good.
unsafe impl Send for UserData {}
// SAFETY: as above; the library itself does not look behind the pointer.
unsafe impl Sync for UserData {}

impl UserData {
    pub(crate) const fn new(pointer: *mut c_void, destroy: Option<extern "C" fn(*mut c_void)>) -> Self {
        Self { pointer, destroy }
    }

    pub(crate) const fn pointer(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            destroy(self.pointer);
        }
    }
}

/// Whether any of the queues of a context has an event.
#[derive(Default)]
pub(crate) struct Wake {
    state: Mutex<State>,
    callback: Mutex<Option<Arc<Callback>>>,
}

#[derive(Default)]
struct State {
    /// How many queues have one.
    filled: usize,
    signal: Option<Signal>,
}

impl Wake {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The descriptor that can be read from as long as any queue has an event.
    pub(crate) fn descriptor(&self) -> Result<i32> {
        let mut state = self.state();
        let filled = state.filled > 0;
        if state.signal.is_none() {
            let mut signal = Signal::new()?;
            signal.set(filled);
            state.signal = Some(signal);
        }
        state
            .signal
            .as_ref()
            .map(Signal::descriptor)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "make a file descriptor", "it is gone"))
    }

    /// Replaces the callback; the one before is given up as soon as it does not run any more.
    pub(crate) fn set_callback(&self, callback: Option<Callback>) {
        let mut place = self.callback.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *place, callback.map(Arc::new));
        drop(place);
        drop(before);
    }

    /// A queue has got its first event, or has lost its last one.
    pub(crate) fn queue_is_filled(&self, filled: bool) {
        let mut state = self.state();
        state.filled = if filled {
            state.filled + 1
        } else {
            state.filled.saturating_sub(1)
        };
        let any = state.filled > 0;
        if let Some(signal) = &mut state.signal {
            signal.set(any);
        }
    }

    /// Calls back. Must be called without any lock.
    pub(crate) fn call(&self) {
        let place = self.callback.lock().unwrap_or_else(PoisonError::into_inner);
        let callback = place.clone();
        drop(place);
        if let Some(callback) = callback {
            notifying(|| (callback.call)(callback.userdata.pointer()));
        }
    }
}
