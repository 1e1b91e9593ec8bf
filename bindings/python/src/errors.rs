//! From the library's error to Python's exception: one class for each kind, named in `jump/_errors.py`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jump_core::{Error, ErrorKind};
use pyo3::prelude::*;

/// The exception for an error, of its kind's class.
pub(crate) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    let kind = error.kind();
    let parts = (
        kind.number(),
        kind.code(),
        error.operation(),
        error.context(),
        error.to_string(),
        error.is_retryable(),
    );
    let made = py
        .import("jump._errors")
        .and_then(|module| module.getattr("of_native"))
        .and_then(|make| make.call1(parts));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(failure) => failure,
    }
}

/// Turns a result that is at hand into Python's.
pub(crate) fn raise<T>(py: Python<'_>, result: jump_core::Result<T>) -> PyResult<T> {
    result.map_err(|error| to_python(py, &error))
}

/// A bug of ours, which is an error like any other to whoever called.
pub(crate) fn panicked() -> Error {
    Error::new(
        ErrorKind::Internal,
        "carry out a call",
        "it panicked: this is a bug, please report it",
    )
}

/// Does something at once; a panic in it is raised as `InternalError`.
pub(crate) fn at_once<T>(py: Python<'_>, work: impl FnOnce() -> jump_core::Result<T>) -> PyResult<T> {
    let done = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked()));
    raise(py, done)
}

/// The same without the interpreter's lock, for what takes a while.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> jump_core::Result<T> + Send,
) -> PyResult<T> {
    let done = py.detach(|| catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked())));
    raise(py, done)
}

/// Every kind of error, by its frozen number and its word.
#[pyfunction]
pub(crate) fn error_kinds() -> Vec<(i32, &'static str)> {
    ErrorKind::ALL
        .iter()
        .map(|kind| (kind.number(), kind.code()))
        .collect()
}
