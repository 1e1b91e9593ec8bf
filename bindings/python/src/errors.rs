//! From the library's error to Python's exception: one class for each kind, named in `jump/_errors.py`.

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

/// Every kind of error, by its frozen number and its word.
#[pyfunction]
pub(crate) fn error_kinds() -> Vec<(i32, &'static str)> {
    ErrorKind::ALL
        .iter()
        .map(|kind| (kind.number(), kind.code()))
        .collect()
}
