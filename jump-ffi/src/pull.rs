//! What every object with events does when they are pulled, whatever it is.

use std::sync::Arc;

use jump_core::Result;

use crate::context::patience;
use crate::error::jump_error;
use crate::event::jump_event;
use crate::guard::{guard, guard_free, guard_value};
use crate::pointer::Out;
use crate::queue::Queue;
use crate::status::jump_status;

/// The body of `…_next_event`. The queue alone is held while it waits: what is freed ends, although somebody waits here.
///
/// # Safety
/// The pointers are NULL, or valid for writing a handle.
pub(crate) unsafe fn next_event(
    queue: impl FnOnce() -> Result<Arc<Queue>>,
    timeout_ms: i64,
    event_out: *mut *mut jump_event,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: as the caller of this function promises.
    let (event_out, error_out) = unsafe { (Out::handle(event_out), Out::handle(error_out)) };
    guard(&error_out, || {
        event_out.needed("event_out")?;
        match queue()?.next(patience(timeout_ms))? {
            Some(event) => event_out.give(event),
            None => Ok(()),
        }
    })
}

/// The body of `…_interrupt`.
pub(crate) fn interrupt(queue: impl FnOnce() -> Result<Arc<Queue>>) -> jump_status {
    guard_free(|| {
        queue()?.interrupt();
        Ok(())
    })
}

/// The body of `…_wakeup_fd`.
pub(crate) fn wakeup_fd(queue: impl FnOnce() -> Result<Arc<Queue>>) -> i32 {
    guard_value(-1, || queue()?.descriptor())
}
