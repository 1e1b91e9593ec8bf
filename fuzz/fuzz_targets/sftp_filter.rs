//! `cargo +nightly fuzz run sftp_filter`
#![no_main]

#[path = "../checks/sftp_filter.rs"]
mod sftp_filter;

libfuzzer_sys::fuzz_target!(|data: &[u8]| sftp_filter::check(data));
