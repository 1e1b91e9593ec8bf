//! `cargo +nightly fuzz run rdp_filter`
#![no_main]

#[path = "../checks/rdp_filter.rs"]
mod rdp_filter;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rdp_filter::check(data));
