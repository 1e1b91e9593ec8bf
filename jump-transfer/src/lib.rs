//! Import and export of a site.
//!
//! * [`Document`]: the whole site by names, as JSON or TOML that a person can edit.
//! * [`csv`]: Jump Items of one type per file, for spreadsheets.
//!
//! Everything here is sans-I/O: bytes and a [`World`](jump_core::model::World) in, bytes or a [`Plan`] out. A plan is a list
//! of [`Change`](jump_core::model::Change)s that are made in one commit or not at all, and the differences that they
//! make. Logins, keys and credentials are neither written nor read.

pub mod csv;
pub mod diff;
pub mod document;
mod names;
mod plan;
mod problem;
mod refusal;

pub use document::{Document, Format};
pub use plan::{DocumentOptions, FreshIds, OnConflict, Plan, plan_document, plan_items};
pub use problem::{MOST_PROBLEMS, Problem, Problems};
pub use refusal::Refusal;
