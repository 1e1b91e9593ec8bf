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
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/tunnel_frames");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        tunnel_frames::check(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 10, "the corpus is committed");
}
