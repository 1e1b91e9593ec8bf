//! Hostile audit logs, and honest ones with one damage.
#![no_main]

#[path = "../checks/audit_log.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
