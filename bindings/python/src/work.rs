//! Work that is under way: how far it is, how it ended, and whom to tell.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use jump_core::protocol::Progress;
use jump_core::{Error, ErrorKind, Result};
use pyo3::prelude::*;
use tokio::runtime::Handle;

use crate::engine::lock;
use crate::errors::{panicked, to_python};
use crate::mailbox::Letters;

/// What was done, as far as it can be told without Python.
pub(crate) type Outcome = Result<Shown>;
/// Makes the Python value of it.
pub(crate) type Shown = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;
pub(crate) type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What the work and whoever waits for it share.
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Within which the work is looked at and dropped.
    runtime: Handle,
}

#[derive(Default)]
struct State {
    /// The newest; what came before it and was not told is no longer of interest.
    progress: Option<Progress>,
    outcome: Option<Outcome>,
    listener: Option<Listener>,
    /// Whether a delivery is waiting, so that there is one at most.
    queued: bool,
    /// Work that whoever waits for it carries out; absent while somebody looks at it.
    work: Option<Work>,
    /// Whether that work has to be looked at again.
    woken: bool,
    /// Whether nobody wants it any more.
    cancelled: bool,
}

/// Whom to tell, on Python's side.
pub(crate) struct Listener {
    /// Where its loop is told that there is something to tell.
    pub(crate) letters: Arc<Letters>,
    /// Called with the value and `None`, or with `None` and the exception.
    pub(crate) done: Py<PyAny>,
    /// Called with the bytes done, and the bytes in all or `None`.
    pub(crate) progress: Option<Py<PyAny>>,
}

fn given_up() -> Error {
    Error::new(
        ErrorKind::Closed,
        "carry out a call",
        "it was not carried to its end",
    )
}

/// Looks at work once.
pub(crate) fn look(work: &mut Work, waker: &Waker) -> Poll<Outcome> {
    let look = AssertUnwindSafe(|| work.as_mut().poll(&mut Context::from_waker(waker)));
    catch_unwind(look).unwrap_or_else(|_| Poll::Ready(Err(panicked())))
}

/// Makes Python's value or exception of an outcome.
pub(crate) fn shown(py: Python<'_>, outcome: Outcome) -> PyResult<Py<PyAny>> {
    match outcome {
        Ok(show) => {
            catch_unwind(AssertUnwindSafe(|| show(py))).unwrap_or_else(|_| Err(to_python(py, &panicked())))
        }
        Err(error) => Err(to_python(py, &error)),
    }
}

/// The value and `None`, or `None` and the exception.
pub(crate) fn told(py: Python<'_>, outcome: Outcome) -> (Py<PyAny>, Py<PyAny>) {
    match shown(py, outcome) {
        Ok(value) => (value, py.None()),
        Err(error) => (py.None(), error.into_value(py).into_any()),
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.note(|state| {
            state.woken = true;
            true
        });
    }
}

impl Shared {
    pub(crate) fn new(runtime: &Handle) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            runtime: runtime.clone(),
        })
    }

    /// Notes how far the work has come.
    pub(crate) fn report(self: &Arc<Self>, progress: Progress) {
        self.note(|state| {
            state.progress = Some(progress);
            let listener = state.listener.as_ref();
            listener.is_some_and(|listener| listener.progress.is_some())
        });
    }

    pub(crate) fn finish(self: &Arc<Self>, outcome: Outcome) {
        self.note(|state| {
            state.outcome = Some(outcome);
            true
        });
    }

    /// Changes the state; if `change` says so, the listener, if there is one, is told of it.
    fn note(self: &Arc<Self>, change: impl FnOnce(&mut State) -> bool) {
        let mut state = lock(&self.state);
        let tell = change(&mut state) && !state.queued;
        let letters = state.listener.as_ref().filter(|_| tell);
        let letters = letters.map(|listener| listener.letters.clone());
        state.queued |= letters.is_some();
        drop(state);
        self.changed.notify_all();
        if let Some(letters) = letters {
            letters.push(self.clone());
        }
    }

    /// From here on this is told of what happens; `None` for nobody.
    pub(crate) fn listen(&self, listener: Option<Listener>) {
        let before = std::mem::replace(&mut lock(&self.state).listener, listener);
        drop(before);
    }

    /// Takes work that is carried out by whoever waits for it, and looks at it.
    pub(crate) fn carry(self: &Arc<Self>, work: Work) -> Option<Outcome> {
        lock(&self.state).work = Some(work);
        self.look()
    }

    /// Looks at the work, unless somebody else does.
    fn look(self: &Arc<Self>) -> Option<Outcome> {
        let mut work = {
            let mut state = lock(&self.state);
            let work = state.work.take()?;
            state.woken = false;
            work
        };
        let _inside = self.runtime.enter();
        match look(&mut work, &Waker::from(self.clone())) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => {
                let mut state = lock(&self.state);
                if state.cancelled {
                    drop(state);
                    drop(work);
                    return Some(Err(given_up()));
                }
                state.work = Some(work);
                None
            }
        }
    }

    /// Ends work that is carried out by whoever waits for it, where it stands.
    pub(crate) fn give_up(self: &Arc<Self>) {
        let work = {
            let mut state = lock(&self.state);
            state.cancelled = true;
            state.work.take()
        };
        if let Some(work) = work {
            let _inside = self.runtime.enter();
            drop(work);
            self.finish(Err(given_up()));
        }
    }

    /// Tells the listener what there is to tell.
    pub(crate) fn deliver(self: &Arc<Self>, py: Python<'_>) {
        let (done, progress, woken) = {
            let mut state = lock(&self.state);
            state.queued = false;
            let Some(listener) = &state.listener else { return };
            let progress = listener.progress.as_ref().map(|progress| progress.clone_ref(py));
            (listener.done.clone_ref(py), progress, state.woken)
        };
        let looked = woken.then(|| py.detach(|| self.look())).flatten();
        let (news, finished) = {
            let mut state = lock(&self.state);
            (state.progress.take(), state.outcome.take())
        };
        let tell = |told: PyResult<Py<PyAny>>| {
            if let Err(error) = told {
                error.write_unraisable(py, None);
            }
        };
        if let (Some(news), Some(progress)) = (news, progress) {
            tell(progress.call1(py, (news.done, news.total)));
        }
        if let Some(outcome) = looked.or(finished) {
            self.listen(None);
            tell(done.call1(py, told(py, outcome)));
        }
    }

    /// Waits at most so long for something to tell.
    pub(crate) fn wait(self: &Arc<Self>, patience: Duration) -> (Option<Progress>, Option<Outcome>) {
        let quiet = |state: &mut State| {
            let to_look_at = state.woken && state.work.is_some();
            state.progress.is_none() && state.outcome.is_none() && !to_look_at
        };
        let waited = self
            .changed
            .wait_timeout_while(lock(&self.state), patience, quiet);
        let (mut state, _) = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
        let (progress, finished) = (state.progress.take(), state.outcome.take());
        let woken = state.woken;
        drop(state);
        let looked = (finished.is_none() && woken).then(|| self.look()).flatten();
        (progress, finished.or(looked))
    }
}

/// Says that the work of a task is over, even if it panicked or its runtime is gone.
pub(crate) struct Finishing {
    shared: Arc<Shared>,
    outcome: Option<Outcome>,
}

impl Finishing {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            outcome: None,
        }
    }

    pub(crate) async fn after(mut self, work: Work) {
        self.outcome = Some(work.await);
    }
}

impl Drop for Finishing {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| {
            Err(if std::thread::panicking() {
                panicked()
            } else {
                given_up()
            })
        });
        self.shared.finish(outcome);
    }
}
