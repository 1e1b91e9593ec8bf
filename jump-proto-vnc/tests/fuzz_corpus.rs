//! Runs the committed fuzz corpora through the checks of the fuzz targets, without a fuzzer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a step that fails is a test that fails"
)]

#[path = "../../fuzz/checks/rfb_client_messages.rs"]
mod rfb_client_messages;
#[path = "../../fuzz/checks/rfb_clipboard.rs"]
mod rfb_clipboard;
#[path = "../../fuzz/checks/rfb_recording.rs"]
mod rfb_recording;
#[path = "../../fuzz/checks/rfb_security.rs"]
mod rfb_security;
#[path = "../../fuzz/checks/rfb_server_messages.rs"]
mod rfb_server_messages;

use jump_testkit::corpus::replay;

#[test]
fn rfb_client_messages() {
    replay("rfb_client_messages", rfb_client_messages::check);
}

#[test]
fn rfb_clipboard() {
    replay("rfb_clipboard", rfb_clipboard::check);
}

#[test]
fn rfb_recording() {
    replay("rfb_recording", rfb_recording::check);
}

#[test]
fn rfb_security() {
    replay("rfb_security", rfb_security::check);
}

#[test]
fn rfb_server_messages() {
    replay("rfb_server_messages", rfb_server_messages::check);
}
