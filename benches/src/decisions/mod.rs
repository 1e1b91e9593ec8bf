//! Access decisions: a large site, the questions about it, and the peer that answers the same ones.

#[cfg(feature = "cedar")]
pub(crate) mod cedar;
pub(crate) mod facts;
pub(crate) mod questions;
pub(crate) mod world;
