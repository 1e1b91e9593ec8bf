//! The client with real servers: what it shows, and what it does to them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

mod input;
mod login;
mod picture;
mod screen;
mod state;
