//! `cargo +nightly fuzz run ssh_text_filter`
#![no_main]

#[path = "../checks/ssh_text_filter.rs"]
mod ssh_text_filter;

libfuzzer_sys::fuzz_target!(|data: &[u8]| ssh_text_filter::check(data));
