//! Why an import is not made.

use std::fmt;

use jump_core::error::Error;

use crate::problem::Problems;

/// Why an import is not made: what it holds is wrong, or it could not be looked at.
#[derive(Debug)]
pub enum Refusal {
    /// What it holds is wrong, here and here.
    Problems(Problems),
    /// Something else went wrong.
    Error(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Error(error)
    }
}

impl From<Problems> for Refusal {
    fn from(problems: Problems) -> Self {
        Refusal::Problems(problems)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Problems(problems) => problems.to_error().fmt(f),
            Refusal::Error(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Refusal::Problems(_) => None,
            Refusal::Error(error) => Some(error),
        }
    }
}
