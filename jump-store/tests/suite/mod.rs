//! Parts of the suite that every store is run through.

pub(crate) mod model;
pub(crate) mod queries;

/// The store of a test.
pub(crate) type AnyStore = std::sync::Arc<dyn jump_core::store::Store>;
