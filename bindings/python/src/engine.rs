//! The threads on which a connection's work runs: one set for each thing that Python connects or starts, none for the process.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use jump_core::{Error, ErrorKind, Result};
use pyo3::Python;
use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

use crate::call::Shared;

/// Threads that run tasks; what blocks has others.
const WORKERS: usize = 2;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A runtime, and the thread that tells Python what was done. They end with the last value that holds it.
pub(crate) struct Engine {
    /// Taken when the engine is dropped.
    runtime: Option<Runtime>,
    handle: Handle,
    deliveries: Arc<Deliveries>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    pub(crate) fn start() -> Result<Arc<Self>> {
        let failed = |error| {
            Error::from_io(
                ErrorKind::ResourceLimit,
                "start the threads of a connection",
                error,
            )
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("jump")
            .enable_all()
            .build()
            .map_err(failed)?;
        let deliveries = Arc::new(Deliveries::default());
        let told = deliveries.clone();
        std::thread::Builder::new()
            .name("jump-deliver".to_owned())
            .spawn(move || told.run())
            .map_err(failed)?;
        Ok(Arc::new(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
            deliveries,
        }))
    }

    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) const fn deliveries(&self) -> &Arc<Deliveries> {
        &self.deliveries
    }

    fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }
}

impl Drop for Engine {
    /// Python may drop the last value on any thread, also on one of ours: nothing is waited for.
    fn drop(&mut self) {
        self.deliveries.close();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A value that is dropped within the runtime, whichever thread drops it: what says goodbye when it is dropped starts a task
/// for it.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    /// Taken when this is dropped.
    value: Option<T>,
    engine: Arc<Engine>,
}

impl<T> Kept<T> {
    pub(crate) const fn new(value: T, engine: Arc<Engine>) -> Self {
        Self {
            value: Some(value),
            engine,
        }
    }

    /// The value; `None` only while this is dropped.
    pub(crate) const fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    pub(crate) const fn value_mut(&mut self) -> Option<&mut T> {
        self.value.as_mut()
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        let value = self.value.take();
        let _entered = self.engine.enter();
        drop(value);
    }
}

/// What Python is to be told, in order. It holds no more than there are calls under way.
#[derive(Default)]
pub(crate) struct Deliveries {
    state: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    calls: VecDeque<Arc<Shared>>,
    closed: bool,
}

impl Deliveries {
    pub(crate) fn push(&self, call: Arc<Shared>) {
        lock(&self.state).calls.push_back(call);
        self.changed.notify_one();
    }

    fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_one();
    }

    /// Tells until there is nobody left who could ask for anything. A thread of its own does this: one of the runtime's would
    /// wait for Python's lock in the place of everybody's sockets.
    fn run(&self) {
        loop {
            let mut state = lock(&self.state);
            while state.calls.is_empty() && !state.closed {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let calls = std::mem::take(&mut state.calls);
            let closed = state.closed;
            drop(state);
            let told = Python::try_attach(|py| calls.iter().for_each(|call| call.deliver(py)));
            // Without an interpreter nobody is left to be told.
            if closed || told.is_none() {
                return;
            }
        }
    }
}
