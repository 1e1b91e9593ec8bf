//! Values that are wiped when dropped and cannot be printed, serialized or cloned by accident.

use std::fmt;

use zeroize::Zeroize;

/// Holds a secret. It has no `Display`, no `Serialize` and no `Clone`; `Debug` shows `[secret]`; dropping it wipes
/// the memory. Reading it takes a call whose name can be searched for.
///
/// ```compile_fail
/// let secret = jump_core::secret::Secret::new(String::from("hunter2"));
/// println!("{secret}");
/// ```
/// ```compile_fail
/// let secret = jump_core::secret::Secret::new(String::from("hunter2"));
/// let copy = secret.clone();
/// ```
/// ```compile_fail
/// let secret = jump_core::secret::Secret::new(String::from("hunter2"));
/// serde_json::to_string(&secret);
/// ```
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes the secret over. The caller must not have left a copy elsewhere.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The secret, for the one call that needs it.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new(String::from("hunter2"))), "[secret]");
    }
}
