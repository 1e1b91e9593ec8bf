//! Exports that panic, for the tests of what a panic does. They are in debug builds only, and not in the header: a feature would make
//! two libraries of one name.

use std::collections::HashSet;
use std::ffi::c_char;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use crate::context::{context_of, jump_context};
use crate::error::jump_error;
use crate::guard::guard;
use crate::pointer::{Out, text};
use crate::status::jump_status;

/// Names of the tasks that are to panic, each once.
#[derive(Default)]
pub(crate) struct Panics(Mutex<HashSet<String>>);

impl Panics {
    /// The task, or a panic in its place if a test asked for it.
    #[allow(clippy::panic, reason = "that is what it is for")]
    pub(crate) fn within<T, F>(&self, name: &str, task: F) -> impl Future<Output = T> + use<T, F>
    where
        F: Future<Output = T>,
    {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let panics = names.remove(name);
        async move {
            if panics {
                panic!("as the test asked");
            }
            task.await
        }
    }
}

/// Panics.
#[unsafe(no_mangle)]
#[allow(clippy::panic, reason = "that is what it is for")]
pub unsafe extern "C" fn jump_test_panic(error_out: *mut *mut jump_error) -> jump_status {
    // SAFETY: the caller passes NULL or a place for a handle.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || panic!("as the test asked"))
}

/// Has the context's next task of this name panic.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_test_panic_in(
    context: *const jump_context,
    task: *const c_char,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or a place for a handle.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let context = context_of(context)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let task = unsafe { text(task, "task") }?;
        let mut names = context.panics.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(task.to_owned());
        Ok(())
    })
}
