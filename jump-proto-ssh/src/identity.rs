//! Our own host keys.

use jump_core::secret::Secret;
use jump_core::{Error, ErrorKind, Result};
use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;

/// The Ed25519 host key (RFC 8709) of this seed: the same seed gives the same key.
pub(crate) fn host_key(seed: &Secret<[u8; 32]>) -> Result<PrivateKey> {
    let pair = Ed25519Keypair::from_seed(seed.expose());
    PrivateKey::new(pair.into(), "").map_err(|error| {
        Error::new(ErrorKind::Internal, "make a host key", "the seed gives no key").with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_key() {
        let key = |byte| host_key(&Secret::new([byte; 32])).unwrap();
        assert_eq!(key(1).public_key(), key(1).public_key());
        assert_ne!(key(1).public_key(), key(2).public_key());
    }
}
