//! Which version this is.

use std::ffi::{CStr, c_char};

use crate::guard::guard_value;
use crate::table;

/// The first part of the version that this header is of.
pub const JUMP_VERSION_MAJOR: u32 = 0;
/// The second part.
pub const JUMP_VERSION_MINOR: u32 = 1;
/// The third part.
pub const JUMP_VERSION_PATCH: u32 = 0;
/// All three as one number that grows: major × 1,000,000 + minor × 1,000 + patch.
pub const JUMP_VERSION_NUMBER: u32 = 1_000;
/// The number in the name of the shared library, `libjump.so.0`: it moves when programs have to be built anew.
pub const JUMP_ABI_VERSION: u32 = 0;

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"",
};

/// The version of the library that runs, as `JUMP_VERSION_NUMBER`.
#[unsafe(no_mangle)]
pub extern "C" fn jump_version_number() -> u32 {
    JUMP_VERSION_NUMBER
}

/// The version of the library that runs, such as `0.1.0`: static text.
#[unsafe(no_mangle)]
pub extern "C" fn jump_version_string() -> *const c_char {
    VERSION.as_ptr()
}

/// The `JUMP_ABI_VERSION` of the library that runs.
#[unsafe(no_mangle)]
pub extern "C" fn jump_abi_version() -> u32 {
    JUMP_ABI_VERSION
}

/// How many handles of any kind are alive in this process: for finding what was not freed.
#[unsafe(no_mangle)]
pub extern "C" fn jump_handle_count() -> u64 {
    guard_value(0, || Ok(table::count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_package_in_every_form() {
        let parts: Vec<u32> = env!("CARGO_PKG_VERSION")
            .split('.')
            .map(|part| part.parse().unwrap())
            .collect();
        assert_eq!(
            parts,
            [JUMP_VERSION_MAJOR, JUMP_VERSION_MINOR, JUMP_VERSION_PATCH]
        );
        assert_eq!(
            JUMP_VERSION_NUMBER,
            parts[0] * 1_000_000 + parts[1] * 1_000 + parts[2]
        );
        assert_eq!(VERSION.to_str().unwrap(), env!("CARGO_PKG_VERSION"));
    }
}
