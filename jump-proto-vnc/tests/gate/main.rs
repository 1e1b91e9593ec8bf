//! The gate between viewers and real servers, and between viewers and targets that the test plays byte by byte.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

mod clipboard;
mod every_login;
mod formats;
mod harness;
mod held;
mod local;
mod logins;
mod messages;
mod servers;
mod site;
#[path = "../viewer/mod.rs"]
mod viewer;
mod waiting;
