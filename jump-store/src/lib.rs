//! Where a site keeps its data: SQLite behind [`jump_core::store::Store`].
//!
//! The embedded default is one file and needs no server: [`SqliteStore`].

mod sqlite;

pub use sqlite::SqliteStore;
