//! Access: who may do what, decided by one pure function that says why.
//!
//! [`decide`] has no I/O, clock or lock. It denies by default, and a missing fact denies. It checks every gate and
//! reports each one, so that an answer explains itself: method, Jumpoint, role, in the order of the documented rule
//! "may start = method allowed ∧ Jumpoint allowed and enabled ∧ role permits".

mod decide;
mod decision;

pub use decide::{Action, Context, decide, role_permits};
pub use decision::{Allowed, Decision, Effect, Gate, Obligations, Reason, RoleSource, Verdict};
