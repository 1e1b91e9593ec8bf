//! Threads that decode pictures beside the one that reads a server's updates.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// The most threads that decode at once by default, the reading one included.
const BY_DEFAULT: usize = 4;
/// The most helpers that can be asked for.
const MOST: usize = 64;
/// How many jobs may wait for each helper. Whoever gives more does them alone.
const WAITING_EACH: usize = 16;

/// Threads that decode the JPEG and PNG pictures within updates, which depend on nothing but their own bytes, beside the
/// thread that reads and paints. What is painted, said and refused is the same with any number of them.
///
/// A clone is the same threads, so several decoders may share them. A thread starts when there is something for it to do; all
/// have ended when the last clone is dropped, which waits for the pictures that they are at.
#[derive(Clone, Default)]
pub struct Helpers(Option<Arc<Pool>>);

/// The threads of a [`Helpers`], which they themselves do not hold.
struct Pool {
    most: usize,
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    /// There is a job, or the end has come.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Arc<dyn Work>>,
    /// Threads that wait for a job.
    idle: usize,
    over: bool,
}

/// What a helper can do.
trait Work: Send + Sync {
    /// Does it, unless somebody else has begun.
    fn run(&self);
}

impl Helpers {
    /// No threads: everything is done by the one that reads.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// At most so many threads beside the one that reads; more than 64 are 64.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self((threads > 0).then(|| {
            Arc::new(Pool {
                most: threads.min(MOST),
                queue: Arc::default(),
                threads: Mutex::default(),
            })
        }))
    }

    /// As many as this process has processors beside the reading thread's, and at most three.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self::new(processors.min(BY_DEFAULT) - 1)
    }

    /// How many threads there are at most.
    #[must_use]
    pub fn most(&self) -> usize {
        self.0.as_ref().map_or(0, |pool| pool.most)
    }

    /// A job for whoever comes to it first, a helper or the caller.
    pub(super) fn give<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Arc<Job<T>> {
        let job = Arc::new(Job {
            state: Mutex::new(JobState::Waiting(Box::new(work))),
            ended: Condvar::new(),
        });
        if let Some(pool) = &self.0 {
            pool.give(job.clone());
        }
        job
    }
}

impl fmt::Debug for Helpers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Helpers").field("most", &self.most()).finish()
    }
}

/// Nothing that is guarded here is left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    fn give(&self, job: Arc<dyn Work>) {
        let mut state = lock(&self.queue.state);
        if state.jobs.len() >= self.most * WAITING_EACH {
            return;
        }
        state.jobs.push_back(job);
        let short = state.idle < state.jobs.len();
        drop(state);
        self.queue.changed.notify_one();
        if short {
            self.start_one();
        }
    }

    /// Starts a thread, if there may be another one and the system has it: there are fewer hands then, and no fewer jobs done.
    fn start_one(&self) {
        let mut threads = lock(&self.threads);
        if threads.len() >= self.most {
            return;
        }
        let queue = self.queue.clone();
        let thread = thread::Builder::new().name("jump-vnc-helper".to_owned());
        threads.extend(thread.spawn(move || queue.work()));
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = lock(&self.queue.state);
        state.over = true;
        state.jobs.clear();
        drop(state);
        self.queue.changed.notify_all();
        for thread in lock(&self.threads).drain(..) {
            // It cannot have panicked: jobs catch that.
            let _ = thread.join();
        }
    }
}

impl Queue {
    /// A helper's life.
    fn work(&self) {
        let mut state = lock(&self.state);
        while !state.over {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                job.run();
                drop(job);
                state = lock(&self.state);
            } else {
                state.idle += 1;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }
}

/// Something that is done once, by whoever comes to it first.
pub(super) struct Job<T> {
    state: Mutex<JobState<T>>,
    ended: Condvar,
}

enum JobState<T> {
    Waiting(Box<dyn FnOnce() -> T + Send>),
    Running,
    /// `None` if it panicked.
    Ended(Option<T>),
}

impl<T: Send> Job<T> {
    /// Does it, unless somebody else has begun; whether it was done here.
    pub(super) fn run_here(&self) -> bool {
        let mut state = lock(&self.state);
        if !matches!(*state, JobState::Waiting(_)) {
            return false;
        }
        let JobState::Waiting(work) = std::mem::replace(&mut *state, JobState::Running) else {
            return false;
        };
        drop(state);
        let result = catch_unwind(AssertUnwindSafe(work)).ok();
        *lock(&self.state) = JobState::Ended(result);
        self.ended.notify_all();
        true
    }

    /// Whether its result is there.
    pub(super) fn has_ended(&self) -> bool {
        matches!(*lock(&self.state), JobState::Ended(_))
    }

    /// Waits until it is done, or does it, and takes its result; `None` if it panicked, or if the result was taken before.
    pub(super) fn finish(&self) -> Option<T> {
        self.run_here();
        let mut state = lock(&self.state);
        loop {
            if let JobState::Ended(result) = &mut *state {
                return result.take();
            }
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T: Send> Work for Job<T> {
    fn run(&self) {
        self.run_here();
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    /// Keeps a helper until the sender is dropped; returns once it has begun.
    fn occupy(helpers: &Helpers) -> mpsc::SyncSender<()> {
        let (go, wait) = mpsc::sync_channel::<()>(1);
        let (begun, begins) = mpsc::sync_channel(3);
        helpers.give(move || {
            begun.send(()).unwrap();
            wait.recv()
        });
        begins.recv().unwrap();
        go
    }

    #[test]
    fn a_job_is_done_once_by_a_helper_or_by_who_waits_for_it() {
        for most in [0, 1, 3] {
            let helpers = Helpers::new(most);
            let done = Arc::new(AtomicUsize::new(0));
            let jobs: Vec<_> = (0..500)
                .map(|number| {
                    let done = done.clone();
                    helpers.give(move || {
                        done.fetch_add(1, Ordering::Relaxed);
                        number
                    })
                })
                .collect();
            for (number, job) in jobs.iter().enumerate() {
                assert_eq!((job.finish(), job.has_ended()), (Some(number), true));
                assert_eq!((job.run_here(), job.finish()), (false, None));
            }
            assert_eq!(done.load(Ordering::Relaxed), 500);
        }
    }

    #[test]
    fn who_waits_does_what_busy_helpers_have_not_begun_and_they_keep_few() {
        let helpers = Helpers::new(1);
        let go = occupy(&helpers);
        let jobs: Vec<_> = (0..100).map(|number| helpers.give(move || number)).collect();
        let pool = helpers.0.as_ref().unwrap();
        assert_eq!(lock(&pool.queue.state).jobs.len(), WAITING_EACH);
        for (number, job) in jobs.iter().enumerate() {
            assert_eq!(job.finish(), Some(number));
        }
        drop(go);
    }

    #[test]
    fn a_helper_does_it_while_nobody_waits() {
        let helpers = Helpers::new(2);
        let (done, is_done) = mpsc::sync_channel(3);
        let _given: Vec<_> = (0..3)
            .map(|_| {
                let done = done.clone();
                helpers.give(move || done.send(thread::current().name().map(str::to_owned)))
            })
            .collect();
        for _ in 0..3 {
            assert_eq!(is_done.recv().unwrap().as_deref(), Some("jump-vnc-helper"));
        }
    }

    #[test]
    fn a_panic_is_no_result_and_its_helper_goes_on() {
        let helpers = Helpers::new(1);
        let broken = helpers.give(|| -> u8 { panic!("a job that fails, on purpose") });
        let (done, is_done) = mpsc::sync_channel(3);
        let _next = helpers.give(move || done.send(thread::current().name().map(str::to_owned)));
        assert_eq!(is_done.recv().unwrap().as_deref(), Some("jump-vnc-helper"));
        assert_eq!(broken.finish(), None);
    }

    #[test]
    fn threads_end_with_the_last_clone_and_forget_what_was_not_begun() {
        let helpers = Helpers::new(1);
        let clone = helpers.clone();
        let go = occupy(&helpers);
        let held = Arc::new(());
        let waiting = held.clone();
        drop(helpers.give(move || drop(waiting)));
        let queue = Arc::downgrade(&clone.0.as_ref().unwrap().queue);
        drop(helpers);
        assert!(queue.upgrade().is_some());
        let dropping = thread::spawn(move || drop(clone));
        drop(go);
        dropping.join().unwrap();
        assert!(queue.upgrade().is_none(), "no thread holds it any more");
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn there_are_as_many_as_asked_for_within_bounds() {
        assert_eq!(
            [0, 1, 64, 65].map(|threads| Helpers::new(threads).most()),
            [0, 1, 64, 64]
        );
        assert!(Helpers::of_this_machine().most() <= 3);
    }
}
