//! `cargo +nightly fuzz run ssh_recording_event`
#![no_main]

#[path = "../checks/ssh_recording_event.rs"]
mod ssh_recording_event;

libfuzzer_sys::fuzz_target!(|data: &[u8]| ssh_recording_event::check(data));
