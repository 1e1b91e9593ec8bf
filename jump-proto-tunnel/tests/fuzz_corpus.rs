//! Runs the committed fuzz corpus through the check of the fuzz target, without a fuzzer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a step that fails is a test that fails"
)]

#[path = "../../fuzz/checks/tunnel_frames.rs"]
mod tunnel_frames;

#[test]
fn tunnel_frames() {
    jump_testkit::corpus::replay("tunnel_frames", tunnel_frames::check);
}
