//! The credential that a gate injects: sealed to the Jumpoint from the moment it is entered.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::error::{Error, ErrorKind, Result};
use crate::id::{ItemId, JumpointId};
use crate::keys::{Sealed, SealingKey, SealingPublicKey};
use crate::model::TargetAddress;
use crate::secret::Secret;

const PURPOSE: &str = "jump target credential v1";
const LONGEST: usize = 64 * 1024;

/// Who logs in to the target, and with what. Exists in the clear only where it is entered and in the Jumpoint.
#[derive(Debug)]
pub struct Credential {
    /// The user name on the target.
    pub username: String,
    /// What proves it.
    pub secret: CredentialSecret,
}

/// What proves a user name to the target.
#[derive(Debug)]
#[non_exhaustive]
pub enum CredentialSecret {
    /// A password; also answers keyboard-interactive prompts (RFC 4256).
    Password(Secret<String>),
    /// A private key in OpenSSH or PKCS#8 PEM form: ed25519, ECDSA, or RSA with SHA-2 signatures (RFC 8332).
    PrivateKey {
        /// The PEM text.
        pem: Secret<String>,
        /// The passphrase, if the text is encrypted.
        passphrase: Option<Secret<String>>,
        /// An OpenSSH user certificate for the key (`…-cert.pub`), if the target wants one.
        certificate: Option<String>,
    },
}

/// What a sealed credential is for. It is authenticated by the seal: whoever edits the item's host, port or
/// Jumpoint to steal the credential gets one that does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialBinding {
    /// The item.
    pub item: ItemId,
    /// The Jumpoint to whose key it is sealed.
    pub jumpoint: JumpointId,
    /// The one address it is sent to.
    pub target: TargetAddress,
}

impl CredentialBinding {
    fn bytes(&self) -> Vec<u8> {
        format!(
            "{}\n{}\n{}\n{}",
            self.item,
            self.jumpoint,
            self.target.host(),
            self.target.port()
        )
        .into_bytes()
    }
}

/// A [`Credential`] sealed to one Jumpoint for one target; stores and brokers carry it and cannot open it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedCredential(Sealed);

impl SealedCredential {
    /// Whether it is no longer than [`Credential::seal`] can have made it.
    pub(crate) fn is_plausible(&self) -> bool {
        // An X25519 key and a ChaCha20-Poly1305 tag come on top (RFC 9180 §7).
        self.0.to_bytes().len() <= LONGEST + 32 + 16
    }

    /// Opens the credential for the binding it was sealed with.
    ///
    /// # Errors
    /// [`ErrorKind::TargetAuthentication`] if it was sealed for another item, host, port or Jumpoint.
    pub fn open(&self, key: &SealingKey, binding: &CredentialBinding) -> Result<Credential> {
        let plain = key.open(PURPOSE, &binding.bytes(), &self.0).map_err(|error| {
            Error::new(
                ErrorKind::TargetAuthentication,
                "open the target's credential",
                "it was entered for another host, port or jumpoint: enter it again",
            )
            .with_source(error)
        })?;
        Credential::decode(plain.expose())
    }
}

impl Credential {
    /// Seals the credential to `key`, the Jumpoint's, for one target.
    pub fn seal(&self, key: &SealingPublicKey, binding: &CredentialBinding) -> Result<SealedCredential> {
        let plain = self.encode()?;
        key.seal(PURPOSE, &binding.bytes(), plain.expose())
            .map(SealedCredential)
    }

    /// The same once more; both wipe what they hold.
    pub(crate) fn duplicate(&self) -> Self {
        let again = |secret: &Secret<String>| Secret::new(secret.expose().clone());
        let secret = match &self.secret {
            CredentialSecret::Password(password) => CredentialSecret::Password(again(password)),
            CredentialSecret::PrivateKey {
                pem,
                passphrase,
                certificate,
            } => CredentialSecret::PrivateKey {
                pem: again(pem),
                passphrase: passphrase.as_ref().map(again),
                certificate: certificate.clone(),
            },
        };
        Self {
            username: self.username.clone(),
            secret,
        }
    }

    /// Fields as `length (4 bytes, big-endian), bytes`: kind, username, then the kind's own; an absent optional
    /// field has the length `u32::MAX`.
    pub(crate) fn encode(&self) -> Result<Secret<Vec<u8>>> {
        let fields: Vec<Option<&[u8]>> = match &self.secret {
            CredentialSecret::Password(password) => {
                vec![
                    Some(b"password"),
                    Some(self.username.as_bytes()),
                    Some(password.expose().as_bytes()),
                ]
            }
            CredentialSecret::PrivateKey {
                pem,
                passphrase,
                certificate,
            } => vec![
                Some(b"private_key"),
                Some(self.username.as_bytes()),
                Some(pem.expose().as_bytes()),
                passphrase.as_ref().map(|secret| secret.expose().as_bytes()),
                certificate.as_ref().map(|text| text.as_bytes()),
            ],
        };
        let size: usize = fields.iter().map(|field| 4 + field.map_or(0, <[u8]>::len)).sum();
        if size > LONGEST {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "seal a credential",
                "it is longer than 64 KiB",
            ));
        }
        // Reserved in full, so that growing never leaves an unwiped copy behind.
        let mut bytes = Vec::with_capacity(size);
        for field in fields {
            let length = field.map_or(u32::MAX, |field| u32::try_from(field.len()).unwrap_or(u32::MAX));
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(field.unwrap_or_default());
        }
        Ok(Secret::new(bytes))
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self> {
        let damaged = || {
            Error::new(
                ErrorKind::Integrity,
                "open the target's credential",
                "its fields are damaged",
            )
        };
        let mut field = || -> Result<Option<String>> {
            let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(damaged)?;
            let length = u32::from_be_bytes(*length);
            if length == u32::MAX {
                bytes = rest;
                return Ok(None);
            }
            let (text, rest) = rest.split_at_checked(length as usize).ok_or_else(damaged)?;
            bytes = rest;
            std::str::from_utf8(text)
                .map(|text| Some(text.to_owned()))
                .map_err(|_| damaged())
        };
        let kind = field()?.ok_or_else(damaged)?;
        let username = field()?.ok_or_else(damaged)?;
        let secret = match kind.as_str() {
            "password" => CredentialSecret::Password(Secret::new(field()?.ok_or_else(damaged)?)),
            "private_key" => CredentialSecret::PrivateKey {
                pem: Secret::new(field()?.ok_or_else(damaged)?),
                passphrase: field()?.map(Secret::new),
                certificate: field()?,
            },
            _ => return Err(damaged()),
        };
        Ok(Self { username, secret })
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        self.username.zeroize();
    }
}

impl fmt::Display for CredentialSecret {
    /// Says which kind it is, never what it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CredentialSecret::Password(_) => "password",
            CredentialSecret::PrivateKey {
                certificate: None, ..
            } => "private key",
            CredentialSecret::PrivateKey {
                certificate: Some(_), ..
            } => "certificate",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Hostname;

    fn binding(host: &str) -> CredentialBinding {
        CredentialBinding {
            item: ItemId::new(1).unwrap(),
            jumpoint: JumpointId::new(1).unwrap(),
            target: TargetAddress::new(Hostname::new(host).unwrap(), 22).unwrap(),
        }
    }

    #[test]
    fn a_credential_opens_for_its_own_target_only() {
        let key = SealingKey::generate().unwrap();
        let credential = Credential {
            username: "root".into(),
            secret: CredentialSecret::PrivateKey {
                pem: Secret::new("PEM".into()),
                passphrase: None,
                certificate: Some("cert".into()),
            },
        };
        let sealed = credential.seal(&key.public(), &binding("10.0.0.5")).unwrap();
        let open = sealed.open(&key, &binding("10.0.0.5")).unwrap();
        assert_eq!(open.username, "root");
        assert!(
            matches!(&open.secret, CredentialSecret::PrivateKey { pem, passphrase: None, certificate: Some(c) }
            if pem.expose() == "PEM" && c == "cert")
        );
        let moved = sealed.open(&key, &binding("10.0.0.6")).unwrap_err();
        assert_eq!(moved.kind(), ErrorKind::TargetAuthentication);
    }

    #[test]
    fn the_longest_credential_is_plausible_when_sealed_and_a_longer_one_is_not() {
        let key = SealingKey::generate().unwrap();
        let password = |length| Credential {
            username: String::new(),
            secret: CredentialSecret::Password(Secret::new("p".repeat(length))),
        };
        let longest = LONGEST - 3 * 4 - "password".len();
        let sealed = password(longest).seal(&key.public(), &binding("h")).unwrap();
        assert!(sealed.is_plausible());
        assert!(password(longest + 1).seal(&key.public(), &binding("h")).is_err());
        let forged = Sealed::from_bytes(&vec![0; LONGEST + 32 + 16 + 1]).unwrap();
        assert!(!SealedCredential(forged).is_plausible());
    }

    #[test]
    fn damaged_fields_are_an_error_at_every_length() {
        let credential = Credential {
            username: "u".into(),
            secret: CredentialSecret::Password(Secret::new("p".into())),
        };
        let bytes = credential.encode().unwrap();
        for end in 0..bytes.expose().len() {
            assert!(Credential::decode(&bytes.expose()[..end]).is_err());
        }
    }
}
