//! `cargo +nightly fuzz run rfb_client_messages`
#![no_main]

#[path = "../checks/rfb_client_messages.rs"]
mod rfb_client_messages;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rfb_client_messages::check(data));
