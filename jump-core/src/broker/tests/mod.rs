//! The broker with parts that fail or wait when they are told to.

mod editing;
mod scene;
