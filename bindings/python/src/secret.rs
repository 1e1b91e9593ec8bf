//! A text that Python holds and does not show.

use jump_core::{Error, ErrorKind, Result};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use zeroize::Zeroizing;

/// A password, invitation or key that is not shown by `repr`, not pickled and not copied. `reveal` gives its text. Ours is wiped
/// when it goes; the text that it was made from is Python's, and is not.
#[pyclass(frozen, module = "jump._jump")]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// A copy of a text that the library holds.
    pub(crate) fn holding(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

/// Says why a value that holds a secret is not pickled.
pub(crate) fn not_pickled(what: &str) -> PyErr {
    PyTypeError::new_err(format!("{what} holds a secret: it is neither copied nor pickled"))
}

#[pymethods]
impl Secret {
    #[new]
    fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Reads the first line of a file: a password, an invitation.
    #[staticmethod]
    fn read(py: Python<'_>, path: std::path::PathBuf) -> PyResult<Self> {
        let read = py.detach(|| -> Result<Self> {
            let text = std::fs::read_to_string(&path).map_err(|error| {
                let kind = match error.kind() {
                    std::io::ErrorKind::NotFound => ErrorKind::NotFound,
                    _ => ErrorKind::Storage,
                };
                Error::from_io(kind, "read a secret", error)
            })?;
            let text = Zeroizing::new(text);
            Ok(Self(Zeroizing::new(
                text.lines().next().unwrap_or_default().to_owned(),
            )))
        });
        crate::errors::raise(py, read)
    }

    /// The text.
    fn reveal(&self) -> &str {
        &self.0
    }

    fn __repr__(&self) -> &'static str {
        "Secret(…)"
    }

    fn __reduce_ex__(&self, _protocol: i32) -> PyResult<()> {
        Err(not_pickled("a Secret"))
    }
}
