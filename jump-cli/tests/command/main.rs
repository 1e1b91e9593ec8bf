//! The built command, run as its users run it: against a real sshd, with native clients, killed at bad moments.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

mod administration;
mod crash;
mod demo;
mod endings;
mod files;
mod first_session;
mod local_rdp;
mod local_vnc;
mod login_limits;
mod model_effects;
mod model_verbs;
mod native_clients;
mod outside;
mod play;
#[cfg(feature = "postgres")]
mod postgres;
mod rdp;
mod rdp_clients;
mod reports;
mod retention;
mod screens;
mod secrets;
mod simulate;
mod support;
mod transfer;
mod tunnels;
mod vault;
mod vnc;
