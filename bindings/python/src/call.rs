//! Work that Python starts and is told of, or waits for.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use jump_core::{Error, ErrorKind, Result};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::task::AbortHandle;

use crate::engine::{Engine, lock};
use crate::errors;
use crate::mailbox::Mailbox;
use crate::work::{Finishing, Listener, Outcome, Shared, Shown, Work, look, shown, told};

/// How often a blocking wait looks whether Ctrl-C was pressed.
const GLANCE: Duration = Duration::from_millis(50);

/// Who carries work out, once a first look has found that it has to wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Carrier {
    /// A task of its own: work of many steps, which goes on whatever Python does meanwhile.
    Task,
    /// Whoever waits: work that waits for one thing and is then done. It is spared the way through a task, and finds all that has
    /// come until it looks. Nobody else may need it to get on.
    Waiter,
}

/// Work that begins when it is started or waited for. If it is dropped before its end, a task goes on; `cancel` ends it.
#[pyclass(frozen, generic, module = "jump._jump")]
pub(crate) struct Call {
    engine: Arc<Engine>,
    shared: Arc<Shared>,
    /// Taken when it begins.
    work: Mutex<Option<Work>>,
    carrier: Carrier,
    running: Mutex<Option<AbortHandle>>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call")
    }
}

/// What became of work when it was to begin.
enum Begun {
    /// It was begun before.
    Before,
    /// It is done.
    Done(Outcome),
    /// It waits for something.
    Waits,
}

impl Call {
    /// Work whose value Python is shown by `show`, carried out by a task.
    pub(crate) fn new<T: Send + 'static>(
        engine: &Arc<Engine>,
        work: impl Future<Output = Result<T>> + Send + 'static,
        show: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> Self {
        Self::reporting(engine, |_| work, show)
    }

    /// The same, carried out by whoever waits for it. Dropped before its end it is cancelled.
    pub(crate) fn short<T: Send + 'static>(
        engine: &Arc<Engine>,
        work: impl Future<Output = Result<T>> + Send + 'static,
        show: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> Self {
        Self::carried(Carrier::Waiter, engine, |_| work, show)
    }

    /// Work that is given where to report how far it has come, carried out by a task.
    pub(crate) fn reporting<T: Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
        engine: &Arc<Engine>,
        work: impl FnOnce(Arc<Shared>) -> F,
        show: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> Self {
        Self::carried(Carrier::Task, engine, work, show)
    }

    fn carried<T: Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
        carrier: Carrier,
        engine: &Arc<Engine>,
        work: impl FnOnce(Arc<Shared>) -> F,
        show: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> Self {
        let shared = Shared::new(engine.handle());
        let work = work(shared.clone());
        let work = async move {
            let done = work.await?;
            Ok(Box::new(move |py: Python<'_>| show(py, done)) as Shown)
        };
        Self {
            engine: engine.clone(),
            shared,
            work: Mutex::new(Some(Box::pin(work))),
            carrier,
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

    /// The same, carried out by whoever waits for it.
    pub(crate) fn short_unit(
        engine: &Arc<Engine>,
        work: impl Future<Output = Result<()>> + Send + 'static,
    ) -> Self {
        Self::short(engine, work, |py, ()| Ok(py.None()))
    }

    /// Begins it. What can be done at once is done here: most reads, writes and looks find what they need, and handing them to another
    /// thread and back would take longer than they do. `listener` is told of the end of what takes longer.
    fn begin(&self, py: Python<'_>, listener: Option<Listener>) -> Begun {
        let Some(mut work) = lock(&self.work).take() else {
            return Begun::Before;
        };
        self.shared.listen(listener);
        let first = py.detach(|| {
            if self.carrier == Carrier::Waiter {
                return self.shared.carry(work);
            }
            let handle = self.engine.handle();
            let _inside = handle.enter();
            // Nobody is woken by this look: the task that goes on looks again first.
            match look(&mut work, Waker::noop()) {
                Poll::Ready(outcome) => Some(outcome),
                Poll::Pending => {
                    let task = handle.spawn(Finishing::new(self.shared.clone()).after(work));
                    *lock(&self.running) = Some(task.abort_handle());
                    None
                }
            }
        });
        first.map_or(Begun::Waits, |outcome| {
            self.shared.listen(None);
            Begun::Done(outcome)
        })
    }
}

impl Drop for Call {
    /// What was not begun may hold sessions, which are dropped within their runtime. What this call alone carries out is over.
    fn drop(&mut self) {
        let _entered = self.engine.handle().enter();
        drop(lock(&self.work).take());
        self.shared.give_up();
    }
}

#[pymethods]
impl Call {
    /// Begins it and returns at once. If it is done by then, gives `(value, error)`; otherwise `done(value, error)` and
    /// `progress(done, total)` are called when the loop has the mailbox deliver.
    #[pyo3(signature = (mailbox, done, progress=None))]
    fn start(
        &self,
        py: Python<'_>,
        mailbox: &Bound<'_, Mailbox>,
        done: Py<PyAny>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Option<(Py<PyAny>, Py<PyAny>)>> {
        let letters = mailbox.get().0.clone();
        let listener = Listener {
            letters,
            done,
            progress,
        };
        match self.begin(py, Some(listener)) {
            Begun::Before => Err(PyRuntimeError::new_err("this call was begun before")),
            Begun::Done(outcome) => Ok(Some(told(py, outcome))),
            Begun::Waits => Ok(None),
        }
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
        if let Begun::Done(outcome) = self.begin(py, None) {
            return shown(py, outcome);
        }
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
        self.shared.give_up();
    }
}
