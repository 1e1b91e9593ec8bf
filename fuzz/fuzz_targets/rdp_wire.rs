//! `cargo +nightly fuzz run rdp_wire`
#![no_main]

#[path = "../checks/rdp_wire.rs"]
mod rdp_wire;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rdp_wire::check(data));
