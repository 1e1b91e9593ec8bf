//! Jump Items of one type as CSV (RFC 4180): UTF-8, commas, one row per item, the first row names the columns.
//!
//! ```text
//! name,jump_group,jumpoint,hostname,protocol,port
//! web-1,servers,vienna,10.0.0.5,ssh,22
//! ```
//!
//! Groups, Jumpoints and policies are referred to by code name, or by name where no code name fits. Credentials are
//! never in a file, and items on personal lists are not.

mod cell;
mod column;
pub mod formula;
mod read;
mod strict;
mod write;

pub use column::{Column, columns, method_code, template};
pub use read::{MAX_CELL, MAX_COLUMNS, MAX_FILE, MAX_ROWS, Row, Rows, read};
pub use write::write;

pub(crate) use cell::{blank, codes, set};
