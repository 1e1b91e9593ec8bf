//! Runs the committed fuzz corpora through the checks of the fuzz targets, without a fuzzer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a step that fails is a test that fails"
)]

#[path = "../../fuzz/checks/sftp_filter.rs"]
mod sftp_filter;
#[path = "../../fuzz/checks/ssh_recording_event.rs"]
mod ssh_recording_event;
#[path = "../../fuzz/checks/ssh_text_filter.rs"]
mod ssh_text_filter;

use jump_testkit::corpus::replay;

#[test]
fn ssh_recording_event() {
    replay("ssh_recording_event", ssh_recording_event::check);
}

#[test]
fn ssh_text_filter() {
    replay("ssh_text_filter", ssh_text_filter::check);
}

#[test]
fn sftp_filter() {
    replay("sftp_filter", sftp_filter::check);
}
