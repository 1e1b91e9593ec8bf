//! The Jumpoint: the agent in a remote network.
//!
//! It dials out to the broker, proves its key, and waits. For each session the broker opens it checks the grant
//! itself, dials the relay, lets only the granted rep key into the tunnel, and runs the gate of the protocol. Its own
//! network policy has the last word on what may be reached. Credentials are opened here and nowhere else.

#[cfg(test)]
mod admission_tests;
mod builder;
mod dialer;
mod link;
mod network;
mod retention;
mod session;

pub use builder::{Jumpoint, JumpointBuilder, JumpointIdentity, enrol};
pub use dialer::{NetworkDialer, Resolver, SystemResolver};
pub use network::NetworkPolicy;
