//! How the vault's records are encrypted and authenticated.
//!
//! From the master key and the vault's random id, HKDF-SHA256 (RFC 5869) derives a data key for secret fields, a key
//! that authenticates records, and a key pair to which secrets are sealed on their way in. Each field is encrypted with
//! ChaCha20-Poly1305 (RFC 8439) under a key of its own, derived from the data key with 32 fresh random bytes as salt:
//! a key encrypts one message in its life, so that no nonce is ever used twice. The account's id and the field's name
//! are authenticated with it, and the whole record with HMAC-SHA256 (RFC 2104), so that neither fields nor records
//! can be exchanged, nor an account be given to other items or users, by writing to the file.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use ring::{aead, hkdf, hmac};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::store::RecordKind;
use crate::error::{Error, ErrorKind, Result};
use crate::id::VaultAccountId;
use crate::keys::{SealingKey, base64_bytes, random_bytes};
use crate::secret::Secret;

/// The key from which all of a vault's keys are derived: 256 random bits. It cannot be cloned, printed or serialized by
/// accident.
///
/// ```compile_fail
/// let key = jump_core::vault::MasterKey::generate().unwrap();
/// let copy = key.clone();
/// ```
/// ```compile_fail
/// let key = jump_core::vault::MasterKey::generate().unwrap();
/// serde_json::to_string(&key);
/// ```
pub struct MasterKey(Secret<[u8; 32]>);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

impl MasterKey {
    /// A fresh random key.
    pub fn generate() -> Result<Self> {
        random_bytes().map(|bytes| Self(Secret::new(bytes)))
    }

    /// Reads what [`MasterKey::to_text`] wrote; white space around it does not matter.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is anything else. The text is not repeated.
    pub fn from_text(text: &str) -> Result<Self> {
        let mut bytes = [0u8; 32];
        let text = text.trim().as_bytes();
        let read = match BASE64URL_NOPAD.decode_len(text.len()) {
            Ok(32) => BASE64URL_NOPAD.decode_mut(text, &mut bytes).is_ok(),
            _ => false,
        };
        let key = Self(Secret::new(bytes));
        bytes.zeroize();
        if !read {
            let rule = "a master key is 32 bytes in base64url without padding: 43 characters";
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "read the vault's master key",
                rule,
            ));
        }
        Ok(key)
    }

    /// The key as 43 characters of base64url, for a file (mode 0600) or an environment variable.
    #[must_use]
    pub fn to_text(&self) -> Secret<String> {
        Secret::new(BASE64URL_NOPAD.encode(self.0.expose()))
    }

    fn derive(&self, vault: &[u8; 16], label: &str) -> Result<[u8; 32]> {
        expand(vault, self.0.expose(), label)
    }

    /// Tells keys apart without saying anything about them.
    pub(super) fn fingerprint(&self, vault: &[u8; 16]) -> Result<[u8; 32]> {
        self.derive(vault, "jump vault fingerprint v1")
    }
}

fn expand(salt: &[u8], key: &[u8], label: &str) -> Result<[u8; 32]> {
    let failed = |_| {
        Error::new(
            ErrorKind::Internal,
            "derive a vault key",
            "hkdf refused the length",
        )
    };
    let mut derived = [0u8; 32];
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(key)
        .expand(&[label.as_bytes()], hkdf::HKDF_SHA256)
        .map_err(failed)?
        .fill(&mut derived)
        .map_err(failed)?;
    Ok(derived)
}

/// A secret field of an account, encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SealedField {
    #[serde(with = "base64_bytes")]
    salt: Vec<u8>,
    #[serde(with = "base64_bytes")]
    ciphertext: Vec<u8>,
}

/// A vault's keys, derived from one master key.
pub(super) struct Keys {
    vault: [u8; 16],
    data: Secret<[u8; 32]>,
    records: Secret<[u8; 32]>,
    /// Opens what is sealed on its way into the vault.
    pub(super) transit: SealingKey,
    /// The master key's.
    pub(super) fingerprint: [u8; 32],
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

fn damaged(what: &'static str) -> Error {
    Error::new(ErrorKind::Integrity, "read the vault", what)
}

/// Fields with their lengths, so that no two lists of fields look alike.
fn parts(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

impl Keys {
    pub(super) fn new(master: &MasterKey, vault: [u8; 16]) -> Result<Self> {
        Ok(Self {
            vault,
            data: Secret::new(master.derive(&vault, "jump vault data v1")?),
            records: Secret::new(master.derive(&vault, "jump vault records v1")?),
            transit: SealingKey::from_seed(Secret::new(master.derive(&vault, "jump vault transit v1")?)),
            fingerprint: master.fingerprint(&vault)?,
        })
    }

    fn field_key(&self, salt: &[u8]) -> Result<aead::LessSafeKey> {
        let key = Secret::new(expand(salt, self.data.expose(), "jump vault field v1")?);
        aead::UnboundKey::new(&aead::CHACHA20_POLY1305, key.expose())
            .map(aead::LessSafeKey::new)
            .map_err(|_| {
                Error::new(
                    ErrorKind::Internal,
                    "derive a vault key",
                    "it has the wrong length",
                )
            })
    }

    fn field_aad(&self, account: VaultAccountId, field: &str) -> aead::Aad<Vec<u8>> {
        aead::Aad::from(parts(&[
            &self.vault,
            &account.get().to_be_bytes(),
            field.as_bytes(),
        ]))
    }

    /// The key is used once, so one nonce serves.
    fn nonce() -> aead::Nonce {
        aead::Nonce::assume_unique_for_key([0; aead::NONCE_LEN])
    }

    pub(super) fn seal(
        &self,
        account: VaultAccountId,
        field: &str,
        secret: &Secret<String>,
    ) -> Result<SealedField> {
        let salt = random_bytes::<32>()?;
        let key = self.field_key(&salt)?;
        let text = secret.expose().as_bytes();
        // Reserved in full, so that growing never leaves an unwiped copy behind.
        let mut bytes = Vec::with_capacity(text.len() + aead::CHACHA20_POLY1305.tag_len());
        bytes.extend_from_slice(text);
        if key
            .seal_in_place_append_tag(Self::nonce(), self.field_aad(account, field), &mut bytes)
            .is_err()
        {
            bytes.zeroize();
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "keep a secret",
                "it is too long",
            ));
        }
        Ok(SealedField {
            salt: salt.to_vec(),
            ciphertext: bytes,
        })
    }

    /// # Errors
    /// [`ErrorKind::Integrity`] if it was sealed under another key, for another account or field, or was changed.
    pub(super) fn open(
        &self,
        account: VaultAccountId,
        field: &str,
        sealed: &SealedField,
    ) -> Result<Secret<String>> {
        let refused = || damaged("a secret does not open: the file was changed by somebody else");
        if sealed.salt.len() != 32 {
            return Err(refused());
        }
        let key = self.field_key(&sealed.salt)?;
        let mut bytes = sealed.ciphertext.clone();
        let length = key
            .open_in_place(Self::nonce(), self.field_aad(account, field), &mut bytes)
            .map(|plain| plain.len())
            .map_err(|_| refused())?;
        bytes.truncate(length);
        String::from_utf8(bytes).map(Secret::new).map_err(|error| {
            error.into_bytes().zeroize();
            refused()
        })
    }

    fn mac_input(&self, kind: RecordKind, id: u32, body: &[u8]) -> Vec<u8> {
        parts(&[&self.vault, kind.as_str().as_bytes(), &id.to_be_bytes(), body])
    }

    /// What authenticates a record.
    pub(super) fn tag(&self, kind: RecordKind, id: u32, body: &[u8]) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.records.expose());
        hmac::sign(&key, &self.mac_input(kind, id, body))
            .as_ref()
            .to_vec()
    }

    /// # Errors
    /// [`ErrorKind::Integrity`] if the record is not what was written under this kind and id.
    pub(super) fn check(&self, kind: RecordKind, id: u32, body: &[u8], tag: &[u8]) -> Result<()> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.records.expose());
        hmac::verify(&key, &self.mac_input(kind, id, body), tag)
            .map_err(|_| damaged("a record is not what was written: the file was changed by somebody else"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn keys() -> Keys {
        Keys::new(&MasterKey::generate().unwrap(), [7; 16]).unwrap()
    }

    fn account(id: u32) -> VaultAccountId {
        VaultAccountId::new(id).unwrap()
    }

    #[test]
    fn a_field_opens_under_its_key_account_and_name_only() {
        let keys = keys();
        let secret = Secret::new("hunter2".to_owned());
        let sealed = keys.seal(account(1), "password", &secret).unwrap();
        assert_eq!(
            keys.open(account(1), "password", &sealed).unwrap().expose(),
            "hunter2"
        );
        for refused in [
            keys.open(account(2), "password", &sealed),
            keys.open(account(1), "passphrase", &sealed),
            super::tests::keys().open(account(1), "password", &sealed),
        ] {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Integrity);
        }
        for at in 0..sealed.ciphertext.len() {
            let mut changed = sealed.clone();
            changed.ciphertext[at] ^= 1;
            assert!(keys.open(account(1), "password", &changed).is_err());
        }
    }

    #[test]
    fn no_key_encrypts_twice() {
        let keys = keys();
        let secret = Secret::new("the same".to_owned());
        let (mut salts, mut texts) = (HashSet::new(), HashSet::new());
        for _ in 0..2000 {
            let sealed = keys.seal(account(1), "password", &secret).unwrap();
            assert!(salts.insert(sealed.salt));
            assert!(texts.insert(sealed.ciphertext));
        }
    }

    #[test]
    fn a_master_key_survives_as_text_and_anything_else_is_refused_without_repeating_it() {
        let key = MasterKey::generate().unwrap();
        let text = key.to_text();
        let again = MasterKey::from_text(&format!("{}\n", text.expose())).unwrap();
        assert_eq!(key.0.expose(), again.0.expose());
        for bad in ["", "hunter2", &text.expose()[1..], &format!("{}A", text.expose())] {
            let error = MasterKey::from_text(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(bad.is_empty() || !error.to_string().contains(bad));
        }
    }
}
