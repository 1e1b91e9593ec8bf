//! Serving a session: what a Jumpoint and a rep that runs a gate itself have in common.
//!
//! Whoever serves has checked the grant and has a stream to the rep. The rest is the same: the recording's header first,
//! then the gate, its end by time, silence or decision, and an account of it that the broker gets in order.

mod idle;
mod outbox;
mod run;

pub(crate) use outbox::{Outbox, Reports};
pub(crate) use run::{Admitted, Prepared, record, serve};
