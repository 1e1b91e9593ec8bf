//! Runs the committed fuzz corpus through the checks of the fuzz targets, without a fuzzer.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_macros,
    reason = "a step that fails is a test that fails"
)]

#[path = "../../fuzz/checks/audit_log.rs"]
mod audit_log;
#[path = "../../fuzz/checks/recording.rs"]
mod recording;

use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 2, "the corpus is committed");
}

#[test]
fn recordings() {
    replay("recording", recording::check);
}

#[test]
fn audit_logs() {
    replay("audit_log", audit_log::check);
}
