//! The client with real servers: what it shows, and what it does to them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

mod drive;
mod files;
#[cfg(feature = "client-h264")]
mod h264;
mod input;
mod kerberos;
mod login;
mod monitors;
mod picture;
mod screen;
mod sent;
mod sound;
mod state;
