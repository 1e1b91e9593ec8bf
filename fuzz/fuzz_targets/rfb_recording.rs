//! Hostile recordings of VNC sessions, both directions.
#![no_main]

#[path = "../checks/rfb_recording.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
