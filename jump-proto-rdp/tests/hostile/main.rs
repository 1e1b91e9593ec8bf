//! The client with servers that cut off, damage or overdo what they send: a real server's stream, recorded once and changed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

mod between;
mod changed;
mod mixed;
mod recorded;
mod settings;
