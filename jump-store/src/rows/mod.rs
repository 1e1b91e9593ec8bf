//! The world as rows, for every SQL store: which rows a change writes, and which objects rows are.
//!
//! Each object is a row with the whole object as JSON in `body`, and beside it the columns that others refer to, that
//! must be unique, or that are searched by. The statements are SQL that SQLite and PostgreSQL understand alike;
//! parameters are written `$1`, in the order of their numbers, and values go in as parameters only.

mod read;
mod write;

use jump_core::time::Timestamp;
use jump_core::{Error, ErrorKind, Result};
use serde::Serialize;

pub(crate) use read::{TABLES, grant, membership};
#[cfg(feature = "postgres")]
pub(crate) use write::{PUT_ITEM, RAISE_LAST_ID};
pub(crate) use write::{method, writes};

/// The largest id (`ids` are 1 to 2147483647).
pub(crate) const LAST_ID: u32 = i32::MAX as u32;

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// An id, or none.
    Id(Option<u32>),
    /// Text.
    Text(String),
    /// Bytes, or none.
    Bytes(Option<Vec<u8>>),
}

/// One statement to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) statement: &'static str,
    pub(crate) values: Vec<Value>,
}

/// An object that could be read from the database but is not what it should be.
pub(crate) fn unreadable(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(
        ErrorKind::Integrity,
        "use the store",
        format!("a stored {what} cannot be read"),
    )
    .with_source(error)
}

/// An object as it stands in `body`.
pub(crate) fn json(object: &impl Serialize) -> Result<String> {
    serde_json::to_string(object).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            "use the store",
            "an object cannot be written as json",
        )
        .with_source(error)
    })
}

/// Somebody else was faster.
pub(crate) fn changed_meanwhile() -> Error {
    Error::new(
        ErrorKind::Conflict,
        "change the site",
        "it was changed in the meantime",
    )
    .retryable(true)
}

/// There is no id left of that kind.
pub(crate) fn no_id_left() -> Error {
    Error::new(ErrorKind::ResourceLimit, "give an id", "all ids are used up")
}

/// A token is kept once.
pub(crate) fn token_is_known() -> Error {
    Error::new(
        ErrorKind::Conflict,
        "keep an enrolment token",
        "there is one with this hash",
    )
}

/// A token that cannot be redeemed; why is not told.
pub(crate) fn token_is_no_good() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "use an enrolment token",
        "it is unknown, used or expired",
    )
}

/// Nanoseconds since 1970; times outside the years 1677 to 2262 become the nearest one inside.
pub(crate) fn nanoseconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(if time < Timestamp::UNIX_EPOCH {
        i64::MIN
    } else {
        i64::MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_nanoseconds_and_their_order() {
        let time: Timestamp = "2026-01-02T03:04:05.123456789Z".parse().unwrap();
        assert_eq!(nanoseconds(time), 1_767_323_045_123_456_789);
        assert_eq!(nanoseconds(Timestamp::MIN), i64::MIN);
        assert_eq!(nanoseconds(Timestamp::MAX), i64::MAX);
    }
}
