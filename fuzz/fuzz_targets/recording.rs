//! Hostile recordings, hostile chunk bodies, and honest recordings with one damage.
#![no_main]

#[path = "../checks/recording.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
