//! The simulator: [`decide`] asked about many pairs of user and item at once, and about sites that do not exist yet.
//!
//! [`who`] may reach an item, [`what`] may a user reach, what would be different if a [`Proposal`] were made, and
//! [`until`](unchanged_until) when an answer holds if nobody changes anything. There is no second set of rules in here: every answer is
//! [`decide`]'s, for the moment and the circumstances of a [`Question`]. Only what cannot matter is left out: places in
//! which a user's role does not permit the action, and pairs that a change cannot touch.
//!
//! No answer is without bounds. A [`Page`] has at most as many rows as its [`Window`] wants, costs at most about
//! [`MOST_STEPS`] decisions, and says where to go on.

mod answer;
mod diff;
mod page;
mod people;
mod timeline;
mod touched;

pub use answer::{Answer, Question, Reach, answer};
pub use diff::{DiffCursor, Difference, Kind, Proposal};
pub use page::{MOST_STEPS, Page, Row, Window};
pub use people::{ItemCursor, UserCursor, what, who};
pub use timeline::unchanged_until;

use super::{Action, decide, role_permits};
use crate::id::UserId;
use crate::model::{Placement, RolePermission, World};

/// Whether the role that applies to the user in a place lets it do the action with anything there. Where it does not,
/// every decision about an item of the place is no.
fn role_allows(world: &World, user: UserId, place: Placement, action: Action) -> bool {
    let permits = |permission| role_permits(world, user, place, permission);
    match action {
        Action::Start => permits(RolePermission::Start),
        Action::Manage(permission) => permits(permission),
        Action::View => RolePermission::ALL.iter().any(|permission| permits(*permission)),
    }
}
