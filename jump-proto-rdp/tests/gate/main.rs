//! The gate between real clients and real servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

mod between;
mod clipboard;
mod corpus;
mod desktop;
mod devices;
mod ends;
mod harness;
mod hostile;
mod item;
mod logins;
mod native;
mod own;
mod recorded;
mod wiretap;
mod xrdp;
