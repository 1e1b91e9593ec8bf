//! What every export runs in.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jump_core::{Error, ErrorKind, Result};

use crate::error::{ErrorObject, jump_error};
use crate::pointer::Out;
use crate::status::{JUMP_ERR_PANIC, JUMP_OK, jump_status};
use crate::table;

thread_local! {
    /// Whether this thread runs a callback that may not call the library.
    static NOTIFYING: Cell<bool> = const { Cell::new(false) };
}

/// Runs a callback that is for notification only: a call of the library from within it is an error and does nothing.
pub(crate) fn notifying(callback: impl FnOnce()) {
    let before = NOTIFYING.replace(true);
    callback();
    NOTIFYING.set(before);
}

fn check_caller() -> Result<()> {
    if NOTIFYING.get() {
        let message = "a wake-up callback may not call the library";
        return Err(Error::new(ErrorKind::InvalidArgument, "call libjump", message));
    }
    Ok(())
}

/// Drops what was panicked with, which may panic once more.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        std::mem::forget(another);
    }
}

/// Runs the body of an export; an error goes to `error_out`, as does a panic.
pub(crate) fn guard(error_out: &Out<*mut jump_error>, body: impl FnOnce() -> Result<()>) -> jump_status {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        check_caller()?;
        body()
    }));
    let object = match outcome {
        Ok(Ok(())) => return JUMP_OK,
        Ok(Err(error)) => ErrorObject::of(&error),
        Err(payload) => {
            let said = payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| payload.downcast_ref::<String>().cloned());
            discard(payload);
            ErrorObject::panic(&said.unwrap_or_default())
        }
    };
    let status = object.status();
    // If there is no room for an error object the number alone has to do.
    if error_out.needed("error_out").is_ok()
        && let Ok(Ok(handle)) = catch_unwind(AssertUnwindSafe(|| table::put(object)))
    {
        error_out.set(handle);
    }
    status
}

/// Runs the body of an export that gives a value and no error; `otherwise` is what it gives if it cannot.
pub(crate) fn guard_value<T>(otherwise: T, body: impl FnOnce() -> Result<T>) -> T {
    catch_unwind(AssertUnwindSafe(body))
        .unwrap_or_else(|payload| {
            discard(payload);
            Err(Error::new(ErrorKind::Internal, "call libjump", "it panicked"))
        })
        .unwrap_or(otherwise)
}

/// Runs the body of a `_free`.
pub(crate) fn guard_free(body: impl FnOnce() -> Result<()>) -> jump_status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => JUMP_OK,
        Ok(Err(error)) => error.kind().number(),
        Err(payload) => {
            discard(payload);
            JUMP_ERR_PANIC
        }
    }
}
