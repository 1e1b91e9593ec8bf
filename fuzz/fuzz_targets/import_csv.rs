//! `cargo +nightly fuzz run import_csv`
#![no_main]

#[path = "../checks/import_csv.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
