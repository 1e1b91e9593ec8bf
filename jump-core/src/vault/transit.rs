//! Secrets on their way into the vault and out of it: sealed from one end to the other, so that no message holds them.

use crate::error::{Error, ErrorKind, Result};
use crate::keys::{Sealed, SealingKey, SealingPublicKey};
use crate::model::Name;
use crate::session::Credential;

const INTO: &str = "jump vault secret v1";
const OUT_OF: &str = "jump vault checkout v1";

/// Seals a credential to the vault's key, for the account of this name.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] if it is longer than 64 KiB or the key is not one.
pub fn seal_for_vault(key: &SealingPublicKey, account: &Name, credential: &Credential) -> Result<Sealed> {
    key.seal(INTO, account.as_str().as_bytes(), credential.encode()?.expose())
}

/// Opens what [`seal_for_vault`] sealed.
pub(super) fn open_for_vault(key: &SealingKey, account: &Name, sealed: &Sealed) -> Result<Credential> {
    let plain = key.open(INTO, account.as_str().as_bytes(), sealed).map_err(|_| {
        let message = "it was sealed to another key or for another account: ask for the vault's key again";
        Error::new(ErrorKind::Conflict, "keep a credential", message).retryable(true)
    })?;
    Credential::decode(plain.expose())
}

/// Seals a credential to whoever checked it out.
pub(crate) fn seal_checked_out(
    key: &SealingPublicKey,
    account: &Name,
    credential: &Credential,
) -> Result<Sealed> {
    key.seal(OUT_OF, account.as_str().as_bytes(), credential.encode()?.expose())
}

/// Opens a credential that was checked out with this key.
///
/// # Errors
/// [`ErrorKind::Integrity`] if it was sealed to another key or is another account's.
pub fn open_checked_out(key: &SealingKey, account: &Name, sealed: &Sealed) -> Result<Credential> {
    let plain = key.open(OUT_OF, account.as_str().as_bytes(), sealed)?;
    Credential::decode(plain.expose())
}
