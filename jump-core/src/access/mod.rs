//! Access: who may do what, decided by one pure function that says why.
//!
//! [`decide`] has no I/O, clock or lock. It denies by default, and a missing fact denies. It checks every gate and
//! reports each one, so that an answer explains itself: method, Jumpoint, role, in the order of the documented rule
//! "may start = method allowed ∧ Jumpoint allowed and enabled ∧ role permits".

mod decide;
mod decision;
mod facts;
mod item_edit;
mod path_limits;
mod permissions;
mod policy;
mod reason;
mod role;
pub mod simulate;
mod visible;

pub use decide::{Action, Context, Given, Live, decide};
pub use decision::{Allowed, Decision, Effect, Gate, Limit, Need, Obligations, Verdict};
pub use facts::{Facts, FactsBuilder, Wanted};
pub use item_edit::needed_to_edit;
pub use path_limits::{ExplainedPaths, explain_paths};
pub use permissions::{ExplainedPermission, PermissionRule, explain_permissions};
pub use reason::{Place, Reason, RoleSource};
pub use role::{applying_policy, role_permits};
pub use visible::{Standing, Visible};
