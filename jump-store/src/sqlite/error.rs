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
