//! JSON in and out, for what is not hot.

use jump_core::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads what Python wrote. The parser's own message could repeat a secret, so only the place is told.
pub(crate) fn read<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        let message = format!(
            "it has another form than it should have, as its character {} shows",
            error.column()
        );
        Error::new(ErrorKind::InvalidArgument, what, message)
    })
}

/// Writes what Python reads.
pub(crate) fn write(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        Error::new(ErrorKind::Internal, "write an answer", "it has no form in JSON").with_source(error)
    })
}
