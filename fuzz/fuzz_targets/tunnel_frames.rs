//! `cargo +nightly fuzz run tunnel_frames`
#![no_main]

#[path = "../checks/tunnel_frames.rs"]
mod tunnel_frames;

libfuzzer_sys::fuzz_target!(|data: &[u8]| tunnel_frames::check(data));
