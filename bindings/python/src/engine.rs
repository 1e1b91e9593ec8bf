//! The threads on which a connection's work runs: one set for each thing that Python connects or starts, none for the process.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jump_core::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

/// Threads that run tasks; what blocks has others.
const WORKERS: usize = 2;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A runtime. It ends with the last value that holds it.
pub(crate) struct Engine {
    /// Taken when the engine is dropped.
    runtime: Option<Runtime>,
    handle: Handle,
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
        Ok(Arc::new(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        }))
    }

    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }

    fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }
}

impl Drop for Engine {
    /// Python may drop the last value on any thread, also on one of ours: nothing is waited for.
    fn drop(&mut self) {
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
