//! What a loop of asyncio is told: which calls have news, and a descriptor that it can watch.

use std::fmt;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use pyo3::prelude::*;

use crate::engine::lock;
use crate::work::Shared;

/// The calls that have news. It holds no more than there are calls under way.
pub(crate) struct Letters {
    calls: Mutex<Vec<Arc<Shared>>>,
    /// A byte is in it as long as `calls` is not empty.
    reader: UnixStream,
    writer: UnixStream,
}

impl Letters {
    /// Says that a call has news. Of many that come before the loop looks, only the first wakes it.
    pub(crate) fn push(&self, call: Arc<Shared>) {
        let mut calls = lock(&self.calls);
        if calls.is_empty() {
            // There is room for a byte, because there is none in it; a loop that is gone is told nothing.
            let _ = (&self.writer).write(&[1]);
        }
        calls.push(call);
    }

    fn take(&self) -> Vec<Arc<Shared>> {
        let mut calls = lock(&self.calls);
        if !calls.is_empty() {
            let _ = (&self.reader).read(&mut [0]);
        }
        std::mem::take(&mut calls)
    }
}

/// Where the calls of one loop are told of. What waits for the interpreter's lock is thus the loop alone, which has it anyway.
#[pyclass(frozen, module = "jump._jump")]
pub(crate) struct Mailbox(pub(crate) Arc<Letters>);

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox")
    }
}

#[pymethods]
impl Mailbox {
    /// Raises `OSError` if the process has no descriptors left.
    #[new]
    fn new() -> PyResult<Self> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(Self(Arc::new(Letters {
            calls: Mutex::default(),
            reader,
            writer,
        })))
    }

    /// The descriptor that can be read from as long as there is something to deliver.
    fn fileno(&self) -> i32 {
        self.0.reader.as_raw_fd()
    }

    /// Tells whoever listens what there is to tell. On the loop's thread.
    fn deliver(&self, py: Python<'_>) {
        for call in self.0.take() {
            call.deliver(py);
        }
    }
}
