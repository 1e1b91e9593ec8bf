//! Moving a whole site over a control connection, in parts: what import and export need. For administrators.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{Change, Revision};
use crate::store::IdKind;

/// A step of a transfer. What is staged and read belongs to the connection, and is forgotten with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum TransferRequest {
    /// The next part of the site, as changes that would make it, without keys, logins, credentials and approvals. The first
    /// part begins anew, with the site as it stands then.
    Read {
        /// Whether this is the first.
        first: bool,
    },
    /// The first of ids that nobody had yet, for each kind: those behind it are free as long as the site has the revision at
    /// which they are committed.
    FreshIds {
        /// For what.
        kinds: BTreeSet<IdKind>,
    },
    /// Keeps changes until they are committed, at most 16 MiB of them as JSON.
    Stage {
        /// Whether what was staged before is forgotten.
        first: bool,
        /// More of them.
        changes: Vec<Change>,
    },
    /// Makes all that was staged, in one commit or not at all, if the site still has this revision. Jumpoints keep their keys and
    /// items their credentials.
    Commit {
        /// The revision on which the changes were planned.
        revision: Revision,
    },
}

/// An answer to a step of a transfer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TransferAnswer {
    /// A part of the site.
    Part {
        /// The revision of the whole.
        revision: Revision,
        /// What would make it; references lead backwards.
        changes: Vec<Change>,
        /// Whether it is the last.
        last: bool,
    },
    /// Ids that are free.
    FreshIds {
        /// The first of each kind.
        first: Vec<(IdKind, u32)>,
    },
    /// The changes are staged or made.
    Done,
}
