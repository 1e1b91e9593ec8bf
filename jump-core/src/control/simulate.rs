//! What is asked of the simulator, and what it answers: in pages, because a site may be large.

use serde::{Deserialize, Serialize};

use crate::access::simulate::{Answer, DiffCursor, ItemCursor, Kind, Reach, UserCursor};
use crate::id::{ItemId, SessionId};
use crate::model::{Change, UserName};
use crate::session::EndReason;
use crate::time::Timestamp;

/// A question to the simulator. All but [`What`](Self::What) about oneself take an administrator.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "simulate", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum SimulateRequest {
    /// Who may start a session on an item.
    Who {
        /// Which item, by id, name or `group/name`.
        item: String,
        /// Whether those are wanted, too, who may not.
        denied: bool,
        /// Which part of the answer.
        look: Look<UserCursor>,
    },
    /// On which items a user may start a session.
    What {
        /// Who; `None` is the asker. Asking about others takes an administrator.
        user: Option<UserName>,
        /// Whether those are wanted, too, on which it may not. Who is no administrator is shown what it may see.
        denied: bool,
        /// Which part of the answer.
        look: Look<ItemCursor>,
    },
    /// For which users and items the answer would be another after these changes, and which live sessions would end.
    Diff {
        /// The changes, as [`Edit::Change`](super::Edit::Change) would make them.
        changes: Vec<Change>,
        /// Which part of the answer.
        look: Look<DiffCursor>,
    },
}

/// Which part of a long answer is wanted, and for which moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look<C> {
    /// For which moment; `None` is now. Further pages are asked for with the moment that the first one names.
    pub at: Option<Timestamp>,
    /// After which place; `None` is from the beginning.
    pub after: Option<C>,
    /// At most this many rows, up to 1000. An answer may have fewer, or none, and yet not be the last.
    pub limit: u32,
}

impl<C> Look<C> {
    /// The first rows, for a moment or for now.
    #[must_use]
    pub const fn first(at: Option<Timestamp>, limit: u32) -> Self {
        Self {
            at,
            after: None,
            limit,
        }
    }
}

/// What the simulator answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "simulated", content = "page", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SimulateAnswer {
    /// Who may start a session, by name.
    Who(AccessPage<UserCursor>),
    /// On which items, by group and name.
    What(AccessPage<ItemCursor>),
    /// What would be different.
    Diff(DiffPage),
}

/// Answers about one item or one user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessPage<C> {
    /// The item, as `group/name`, or the user.
    pub about: String,
    /// For which moment.
    pub at: Timestamp,
    /// The answers.
    pub rows: Vec<AccessView>,
    /// Where to go on, if there may be more.
    pub next: Option<C>,
}

/// Whether a user may start a session on an item, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessView {
    /// Who.
    pub user: String,
    /// On what, as `group/name`; for an item on a personal list, `@` and the name of its owner stand for the group.
    pub item: String,
    /// The item's id.
    pub item_id: ItemId,
    /// The answer.
    #[serde(flatten)]
    pub answer: Answer,
}

/// What would be different after changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffPage {
    /// For which moment.
    pub at: Timestamp,
    /// The pairs for which the answer would be another.
    pub rows: Vec<DifferenceView>,
    /// Live sessions that would end if the changes were made now, whichever moment is asked about: at most 1000, and
    /// only on the first page.
    pub sessions: Vec<EndingView>,
    /// How many there are.
    pub sessions_in_all: usize,
    /// Where to go on, if there may be more.
    pub next: Option<DiffCursor>,
}

/// A pair for which the answer would be another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceView {
    /// Who.
    pub user: String,
    /// On what, as `group/name`, where it would be; where it was, if it would be gone.
    pub item: String,
    /// The item's id.
    pub item_id: ItemId,
    /// In which way.
    pub kind: Kind,
    /// The answer as the site is.
    pub before: Answer,
    /// The answer as it would be.
    pub after: Answer,
}

/// A live session that would end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndingView {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub user: String,
    /// On what.
    pub item: String,
    /// Since when.
    pub started: Timestamp,
    /// Why it would end.
    pub reason: EndReason,
}

/// When time alone changes an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextAnswer {
    /// When.
    pub at: Timestamp,
    /// What it is then.
    pub reach: Reach,
}
