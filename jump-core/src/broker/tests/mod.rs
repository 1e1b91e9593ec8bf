//! The broker with parts that fail or wait when they are told to.

mod accounting;
mod editing;
mod following;
mod injection;
mod isolation;
mod local;
mod matrix;
mod presence;
mod report;
mod requests;
mod scene;
