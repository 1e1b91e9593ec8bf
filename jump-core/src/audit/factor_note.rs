//! What is logged of second factors.

use serde::{Deserialize, Serialize};

use crate::id::UserId;
use crate::model::UserName;

/// A change of a second factor, without any secret. Whose it is says the event's actor, unless it was reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FactorNote {
    /// A secret was made and is about to be shown to its user; it does not count yet.
    EnrolmentBegun,
    /// The user shows by a code that it has taken the secret over, which is to count from now on.
    Enrolled,
    /// An administrator takes a user's second factor away.
    Reset {
        /// Whose.
        user: UserId,
        /// That user's name.
        name: UserName,
    },
}
