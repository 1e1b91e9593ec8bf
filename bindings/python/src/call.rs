//! Work that Python starts and is told of, or waits for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use jump_core::protocol::Progress;
use jump_core::{Error, ErrorKind, Result};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::task::AbortHandle;

use crate::engine::{Deliveries, Engine, lock};
use crate::errors;

/// How often a blocking wait looks whether Ctrl-C was pressed.
const GLANCE: Duration = Duration::from_millis(50);

/// What was done, as far as it can be told without Python.
type Outcome = Result<Shown>;
/// Makes the Python value of it.
type Shown = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;
type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Work that begins when it is started or waited for. If it is dropped before its end, it goes on; `cancel` ends it.
#[pyclass(frozen, generic, module = "jump._jump")]
pub(crate) struct Call {
    engine: Arc<Engine>,
    shared: Arc<Shared>,
    /// Taken when it begins.
    work: Mutex<Option<Work>>,
    running: Mutex<Option<AbortHandle>>,
}

/// What the work and whoever waits for it share.
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    deliveries: Arc<Deliveries>,
}

#[derive(Default)]
struct State {
    /// The newest; what came before it and was not told is no longer of interest.
    progress: Option<Progress>,
    outcome: Option<Outcome>,
    listener: Option<Listener>,
    /// Whether a delivery is waiting, so that there is one at most.
    queued: bool,
}

/// Whom to tell, on Python's side.
struct Listener {
    /// Called with the value and `None`, or with `None` and the exception.
    done: Py<PyAny>,
    /// Called with the bytes done, and the bytes in all or `None`.
    progress: Option<Py<PyAny>>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call")
    }
}

impl Shared {
    /// Notes how far the work has come.
    pub(crate) fn report(self: &Arc<Self>, progress: Progress) {
        self.note(|state| {
            state.progress = Some(progress);
            state
                .listener
                .as_ref()
                .is_some_and(|listener| listener.progress.is_some())
        });
    }

    fn finish(self: &Arc<Self>, outcome: Outcome) {
        self.note(|state| {
            state.outcome = Some(outcome);
            state.listener.is_some()
        });
    }

    /// Changes the state; if `change` says so, the listener is told of it.
    fn note(self: &Arc<Self>, change: impl FnOnce(&mut State) -> bool) {
        let mut state = lock(&self.state);
        let tell = change(&mut state) && !state.queued;
        state.queued |= tell;
        drop(state);
        self.changed.notify_all();
        if tell {
            self.deliveries.push(self.clone());
        }
    }

    /// Tells the listener what there is to tell.
    pub(crate) fn deliver(&self, py: Python<'_>) {
        let (progress, outcome, listener) = {
            let mut state = lock(&self.state);
            state.queued = false;
            let Some(listener) = &state.listener else { return };
            let listener = Listener {
                done: listener.done.clone_ref(py),
                progress: listener.progress.as_ref().map(|progress| progress.clone_ref(py)),
            };
            (state.progress.take(), state.outcome.take(), listener)
        };
        if let (Some(progress), Some(tell)) = (progress, listener.progress) {
            // A loop that is closed takes nothing any more; nobody is left to be told.
            let _ = tell.call1(py, (progress.done, progress.total));
        }
        if let Some(outcome) = outcome {
            let _ = listener.done.call1(py, told(py, outcome));
        }
    }

    /// Waits at most so long for something to tell.
    fn wait(&self, patience: Duration) -> (Option<Progress>, Option<Outcome>) {
        let mut state = lock(&self.state);
        if state.progress.is_none() && state.outcome.is_none() {
            state = match self.changed.wait_timeout(state, patience) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        (state.progress.take(), state.outcome.take())
    }
}

fn shown(py: Python<'_>, outcome: Outcome) -> PyResult<Py<PyAny>> {
    match outcome {
        Ok(show) => show(py),
        Err(error) => Err(errors::to_python(py, &error)),
    }
}

/// The value and `None`, or `None` and the exception.
fn told(py: Python<'_>, outcome: Outcome) -> (Py<PyAny>, Py<PyAny>) {
    match shown(py, outcome) {
        Ok(value) => (value, py.None()),
        Err(error) => (py.None(), error.into_value(py).into_any()),
    }
}

/// Says that the work is over, even if it panicked or its runtime is gone.
struct Finishing {
    shared: Arc<Shared>,
    outcome: Option<Outcome>,
}

impl Finishing {
    async fn after(mut self, work: Work) {
        self.outcome = Some(work.await);
    }
}

impl Drop for Finishing {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| {
            let message = "it was not carried to its end";
            Err(Error::new(ErrorKind::Closed, "carry out a call", message))
        });
        self.shared.finish(outcome);
    }
}

impl Call {
    /// Work whose value Python is shown by `show`.
    pub(crate) fn new<T: Send + 'static>(
        engine: &Arc<Engine>,
        work: impl Future<Output = Result<T>> + Send + 'static,
        show: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> Self {
        Self::reporting(engine, |_| work, show)
    }

    /// Work that is given where to report how far it has come.
    pub(crate) fn reporting<T: Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
        engine: &Arc<Engine>,
        work: impl FnOnce(Arc<Shared>) -> F,
        show: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            deliveries: engine.deliveries().clone(),
        });
        let work = work(shared.clone());
        let work = async move {
            let done = work.await?;
            Ok(Box::new(move |py: Python<'_>| show(py, done)) as Shown)
        };
        Self {
            engine: engine.clone(),
            shared,
            work: Mutex::new(Some(Box::pin(work))),
            running: Mutex::default(),
        }
    }

    /// Work of which there is nothing to show.
    pub(crate) fn unit(
        engine: &Arc<Engine>,
        work: impl Future<Output = Result<()>> + Send + 'static,
    ) -> Self {
        Self::new(engine, work, |py, ()| Ok(py.None()))
    }

    /// Begins it, and gives whether it was not begun before. What can be done at once is done here: most reads, writes and looks find
    /// what they need, and handing them to another thread and back would take longer than they do. `tell` is whom to tell of the end of
    /// what takes longer.
    fn begin(&self, py: Python<'_>, tell: impl FnOnce() -> Option<Listener>) -> bool {
        let Some(mut work) = lock(&self.work).take() else {
            return false;
        };
        let mut finishing = Finishing {
            shared: self.shared.clone(),
            outcome: None,
        };
        let handle = self.engine.handle();
        let first = py.detach(|| {
            let _inside = handle.enter();
            // Nobody is woken by this look: the task that goes on looks again first.
            work.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        });
        if let Poll::Ready(outcome) = first {
            finishing.outcome = Some(outcome);
            return true;
        }
        lock(&self.shared.state).listener = tell();
        let task = handle.spawn(finishing.after(work));
        *lock(&self.running) = Some(task.abort_handle());
        true
    }
}

impl Drop for Call {
    /// What was not begun may hold sessions, which are dropped within their runtime.
    fn drop(&mut self) {
        let _entered = self.engine.handle().enter();
        drop(lock(&self.work).take());
    }
}

#[pymethods]
impl Call {
    /// Begins it and returns at once. If it is done by then, gives `(value, error)`; otherwise `done(value, error)` and
    /// `progress(done, total)` are called on a thread of the library.
    #[pyo3(signature = (done, progress=None))]
    fn start(
        &self,
        py: Python<'_>,
        done: Py<PyAny>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Option<(Py<PyAny>, Py<PyAny>)>> {
        let mut listener = Some(Listener { done, progress });
        if !self.begin(py, || listener.take()) {
            return Err(PyRuntimeError::new_err("this call was begun before"));
        }
        if listener.is_none() {
            return Ok(None);
        }
        let outcome = lock(&self.shared.state).outcome.take();
        Ok(outcome.map(|outcome| told(py, outcome)))
    }

    /// Begins it, if it was not begun, and waits for its end without the interpreter's lock. Ctrl-C and a `progress` that raises
    /// end it, unless it is to be kept: then it can be waited for again. So does the end of `timeout` seconds, which raises
    /// `JumpTimeout`.
    #[pyo3(signature = (timeout=None, progress=None, keep=false))]
    fn wait(
        &self,
        py: Python<'_>,
        timeout: Option<f64>,
        progress: Option<Bound<'_, PyAny>>,
        keep: bool,
    ) -> PyResult<Py<PyAny>> {
        self.begin(py, || None);
        let deadline = timeout
            .and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok())
            .and_then(|patience| Instant::now().checked_add(patience));
        let waited = loop {
            let left = deadline.map_or(GLANCE, |end| {
                end.saturating_duration_since(Instant::now()).min(GLANCE)
            });
            let (news, outcome) = py.detach(|| self.shared.wait(left));
            if let (Some(news), Some(tell)) = (news, &progress)
                && let Err(error) = tell.call1((news.done, news.total))
            {
                break Err(error);
            }
            if let Some(outcome) = outcome {
                return shown(py, outcome);
            }
            if let Err(interrupted) = py.check_signals() {
                break Err(interrupted);
            }
            if deadline.is_some_and(|end| Instant::now() >= end) {
                let error = Error::new(
                    ErrorKind::Timeout,
                    "wait for a call",
                    "it took longer than it may",
                );
                break Err(errors::to_python(py, &error));
            }
        };
        if !keep {
            self.cancel();
        }
        waited
    }

    /// Ends it where it stands. What it has done is done.
    fn cancel(&self) {
        if let Some(task) = lock(&self.running).take() {
            task.abort();
        }
    }
}
