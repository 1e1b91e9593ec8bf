//! The built command, run as its users run it: against a real sshd, with native clients, killed at bad moments.

mod administration;
mod crash;
mod demo;
mod endings;
mod files;
mod first_session;
mod native_clients;
mod secrets;
mod support;
mod tunnels;
