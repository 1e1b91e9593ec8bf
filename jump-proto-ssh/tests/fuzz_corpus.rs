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

fn run(name: &str, check: fn(&[u8])) {
    let folder = format!("{}/../fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 5, "the corpus is committed");
}

#[test]
fn ssh_recording_event() {
    run("ssh_recording_event", ssh_recording_event::check);
}

#[test]
fn ssh_text_filter() {
    run("ssh_text_filter", ssh_text_filter::check);
}

#[test]
fn sftp_filter() {
    run("sftp_filter", sftp_filter::check);
}
