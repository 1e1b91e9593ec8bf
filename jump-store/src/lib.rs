//! Where a site keeps its data: SQLite or PostgreSQL behind [`jump_core::store::Store`].
//!
//! The embedded default is one file and needs no server: [`SqliteStore`]. The built-in vault has a file of its own:
//! [`SqliteVaultStore`].
//!
//! A site that outgrows one machine moves to PostgreSQL: `PostgresStore`, with the feature `postgres`.

#[cfg(feature = "postgres")]
mod postgres;
mod rows;
mod sqlite;
mod vault;

#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresStore, SchemaName};
pub use sqlite::SqliteStore;
pub use vault::SqliteVaultStore;
