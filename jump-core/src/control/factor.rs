//! What is asked about one's second factor, and answered.

use serde::{Deserialize, Serialize};

use super::WireSecret;
use crate::model::{Field, UserName};
use crate::time::Timestamp;

/// A question about a second factor. All but [`Reset`](Self::Reset) are about one's own, through a login that is for
/// everything.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "factor", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum FactorRequest {
    /// Makes a secret and shows it, this once; it counts when it is confirmed.
    Begin {
        /// A code of the second factor that one has, if one has one.
        #[serde(default)]
        code: Option<Field>,
    },
    /// Shows by a code that the secret was taken over.
    Confirm {
        /// The code.
        code: Field,
    },
    /// Since when one has a second factor.
    Status,
    /// Takes a user's second factor away (administrators).
    Reset {
        /// Whose.
        user: UserName,
    },
}

/// What is answered about a second factor.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "of", content = "factor", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FactorAnswer {
    /// The `otpauth://` address with the secret in it.
    Begun(WireSecret),
    /// Since when there is one; `None` if there is none.
    Since(Option<Timestamp>),
}
