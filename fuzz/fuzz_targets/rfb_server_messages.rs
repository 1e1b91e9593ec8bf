//! `cargo +nightly fuzz run rfb_server_messages`
#![no_main]

#[path = "../checks/rfb_server_messages.rs"]
mod rfb_server_messages;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rfb_server_messages::check(data));
