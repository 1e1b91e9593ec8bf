//! What PostgreSQL's errors mean here.

use std::error::Error as StdError;
use std::time::Duration;

use jump_core::{Error, ErrorKind, Result};
use tokio_postgres::error::SqlState;

const OPERATION: &str = "use the store";

/// The error of a failed call.
pub(super) fn database(error: tokio_postgres::Error) -> Error {
    let (kind, message, retryable) = match error.code() {
        Some(code) => of_state(code),
        None => of_connection(&error),
    };
    Error::new(kind, OPERATION, message)
        .with_source(error)
        .retryable(retryable)
}

/// The call did not end in time; what it should have done may have been done.
pub(super) fn late() -> Error {
    Error::new(
        ErrorKind::Timeout,
        OPERATION,
        "the database did not answer in time",
    )
}

/// Ends a call that takes longer.
pub(super) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
) -> Result<T> {
    match tokio::time::timeout(limit, call).await {
        Ok(ended) => ended.map_err(database),
        Err(_) => Err(late()),
    }
}

/// The server said what is wrong (PostgreSQL documentation, appendix A).
fn of_state(state: &SqlState) -> (ErrorKind, &'static str, bool) {
    match *state {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => (
            ErrorKind::Unauthenticated,
            "the database refused the user or its password",
            false,
        ),
        SqlState::INVALID_CATALOG_NAME => (ErrorKind::NotFound, "there is no such database", false),
        // A schema that one may not use counts as none (3F000).
        SqlState::INSUFFICIENT_PRIVILEGE | SqlState::INVALID_SCHEMA_NAME => (
            ErrorKind::Denied,
            "the database user may not do that; it has to own the site's schema, or may create it",
            false,
        ),
        SqlState::TOO_MANY_CONNECTIONS => (
            ErrorKind::Unavailable,
            "the database has no connection left",
            true,
        ),
        SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW => (
            ErrorKind::Unavailable,
            "the database is stopping or starting",
            true,
        ),
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => {
            (ErrorKind::Timeout, "a change took too long in between", true)
        }
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            (ErrorKind::Unavailable, "the database is read-only now", true)
        }
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
            (ErrorKind::Conflict, "another program changed the same", true)
        }
        SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => (
            ErrorKind::Timeout,
            "the database did not do it in the time it had",
            true,
        ),
        SqlState::DISK_FULL => (ErrorKind::Storage, "the database's disk is full", true),
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => {
            (ErrorKind::Integrity, "the database is damaged", false)
        }
        // Another program changed the tables under a statement that was prepared; a new connection prepares it anew.
        SqlState::FEATURE_NOT_SUPPORTED => (ErrorKind::Storage, "the database failed", true),
        _ => (ErrorKind::Storage, "the database failed", false),
    }
}

/// There is no answer of the server in it: the way there failed.
fn of_connection(error: &tokio_postgres::Error) -> (ErrorKind, &'static str, bool) {
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(at) = cause {
        let inner = at
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        if inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return (
                ErrorKind::UntrustedPeer,
                "the database's certificate is not the one it should have",
                false,
            );
        }
        cause = at.source();
    }
    // The driver keeps its kinds to itself; these are the words for them.
    match error.to_string().split(':').next().unwrap_or_default() {
        "error performing TLS handshake" => {
            (ErrorKind::UntrustedPeer, "the database does not speak TLS", false)
        }
        "authentication error" => (
            ErrorKind::Unauthenticated,
            "the database did not prove that it knows the password, or wants another way to log in",
            false,
        ),
        "invalid configuration" => (
            ErrorKind::Unauthenticated,
            "the database asks for a password, and none was given",
            false,
        ),
        "error connecting to server"
        | "error communicating with the server"
        | "connection closed"
        | "timeout waiting for server" => {
            (ErrorKind::Unavailable, "the database cannot be reached now", true)
        }
        "unexpected message from server" | "error parsing response from server" => (
            ErrorKind::Protocol,
            "what answered does not speak PostgreSQL's protocol",
            false,
        ),
        _ => (ErrorKind::Storage, "the database failed", false),
    }
}
