//! Hostile messages of a VNC server, measured and decoded.
#![no_main]

#[path = "../checks/rfb_walker.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
