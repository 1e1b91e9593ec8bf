//! Hostile updates of the screen, in every encoding and format of pixels.
#![no_main]

#[path = "../checks/rfb_update.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
