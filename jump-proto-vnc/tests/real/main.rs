//! What real servers paint is what is on their screen, pixel for pixel, in every encoding that they have: directly, and through
//! a whole site with the gate.
//!
//! With `JUMP_VNC_RECORD` set to a folder, the first rectangles of each connection are written there in the form of the
//! fuzzer's corpus.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

mod changes;
mod colours;
mod corpus;
#[cfg(feature = "h264")]
#[path = "../../../jump-video/tests/ffmpeg/mod.rs"]
mod ffmpeg;
mod makes;
mod matrix;
mod recording;
#[path = "../support/mod.rs"]
mod support;
#[path = "../viewer/mod.rs"]
mod viewer;
#[path = "../written/mod.rs"]
mod written;
