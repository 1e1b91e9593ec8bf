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

use jump_testkit::corpus::replay;

#[test]
fn recordings() {
    replay("recording", recording::check);
}

#[test]
fn audit_logs() {
    replay("audit_log", audit_log::check);
}
