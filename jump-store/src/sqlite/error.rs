//! What SQLite's errors mean here.

use jump_core::{Error, ErrorKind};
use rusqlite::ffi::ErrorCode;

/// The error of a failed call.
pub(crate) fn database(error: rusqlite::Error) -> Error {
    let code = error.sqlite_error_code();
    let (kind, message) = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (ErrorKind::Storage, "another process holds the database")
        }
        Some(ErrorCode::DiskFull) => (ErrorKind::Storage, "the disk is full"),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            (ErrorKind::Integrity, "the database file is damaged or is none")
        }
        _ => (ErrorKind::Storage, "the database failed"),
    };
    let busy = matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked));
    Error::new(kind, "use the store", message)
        .with_source(error)
        .retryable(busy)
}

/// An object that could be read from the file but is not what it should be.
pub(crate) fn unreadable(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(
        ErrorKind::Integrity,
        "use the store",
        format!("a stored {what} cannot be read"),
    )
    .with_source(error)
}

/// An object that cannot be written.
pub(super) fn unwritable(error: serde_json::Error) -> Error {
    Error::new(
        ErrorKind::Internal,
        "use the store",
        "an object cannot be written as json",
    )
    .with_source(error)
}
