//! `cargo +nightly fuzz run import_site`
#![no_main]

#[path = "../checks/import_site.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
