//! Where a site keeps its data: SQLite behind [`jump_core::store::Store`].
//!
//! The embedded default is one file and needs no server: [`SqliteStore`]. The built-in vault has a file of its own:
//! [`SqliteVaultStore`].

mod rows;
mod sqlite;
mod vault;

pub use sqlite::SqliteStore;
pub use vault::SqliteVaultStore;
