//! Edits of roles, policies, teams, users, groups and Jumpoints by names: what is absent stays, `null` clears, maps merge.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

mod fields;
mod log;
mod names;
mod order;
mod refusals;
mod scene;
