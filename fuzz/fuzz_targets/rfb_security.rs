//! `cargo +nightly fuzz run rfb_security`
#![no_main]

#[path = "../checks/rfb_security.rs"]
mod rfb_security;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rfb_security::check(data));
