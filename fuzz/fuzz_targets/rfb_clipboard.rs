//! `cargo +nightly fuzz run rfb_clipboard`
#![no_main]

#[path = "../checks/rfb_clipboard.rs"]
mod rfb_clipboard;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rfb_clipboard::check(data));
