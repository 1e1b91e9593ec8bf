//! Keys: Ed25519 for identity and signatures (RFC 8032), HPKE for sealing a secret to one holder (RFC 9180).
//!
//! A part proves its identity with its key inside TLS; private keys never leave the part that made them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use ring::rand::SecureRandom;
use ring::signature::{self, Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// `N` bytes from the operating system's random source.
pub fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0u8; N];
    ring::rand::SystemRandom::new().fill(&mut bytes).map_err(|_| {
        Error::new(
            ErrorKind::Internal,
            "make random bytes",
            "the system's random source failed",
        )
    })?;
    Ok(bytes)
}

/// SHA-256 of some bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0u8; 32];
    hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    hash
}

/// SHA-256 of the parts, each preceded by its length as 8 bytes big-endian, so that no two lists of parts collide.
#[must_use]
pub fn sha256_parts(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut hash = [0u8; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

macro_rules! public_bytes {
    ($(#[doc = $doc:literal])+ $name:ident, $length:literal, $what:literal) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; $length]);

        impl $name {
            /// The value with these bytes; they are checked when they are used.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&BASE64URL_NOPAD.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                BASE64URL_NOPAD
                    .decode(text.as_bytes())
                    .ok()
                    .and_then(|bytes| bytes.try_into().ok())
                    .map(Self)
                    .ok_or_else(|| Error::new(ErrorKind::InvalidArgument, concat!("read ", $what),
                        concat!($what, " is ", stringify!($length), " bytes in base64url without padding")))
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;
            fn try_from(text: String) -> Result<Self> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    };
}

public_bytes! {
    /// An Ed25519 public key: who somebody is.
    PublicKey, 32, "a public key"
}
public_bytes! {
    /// An Ed25519 signature.
    Signature, 64, "a signature"
}
public_bytes! {
    /// An X25519 public key to which a secret can be sealed (RFC 9180).
    SealingPublicKey, 32, "a sealing key"
}

impl PublicKey {
    /// Checks a signature that [`SigningKey::sign`] made over `message` in the same `domain`.
    ///
    /// # Errors
    /// [`ErrorKind::Grant`] if the signature is not this key's.
    pub fn verify(&self, domain: &str, message: &[u8], signature: &Signature) -> Result<()> {
        signature::UnparsedPublicKey::new(&signature::ED25519, &self.0)
            .verify(&sha256_parts(&[domain.as_bytes(), message]), &signature.0)
            .map_err(|_| {
                Error::new(
                    ErrorKind::Grant,
                    "check a signature",
                    "the signature does not verify",
                )
            })
    }
}

/// An Ed25519 private key. Cloning shares the same key in memory; the seed is wiped with the last clone.
#[derive(Clone)]
pub struct SigningKey(Arc<SigningKeyInner>);

struct SigningKeyInner {
    seed: Secret<[u8; 32]>,
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// A fresh random key.
    pub fn generate() -> Result<Self> {
        Self::from_seed(Secret::new(random_bytes()?))
    }

    /// The key with this seed (RFC 8032 §5.1.5).
    pub fn from_seed(seed: Secret<[u8; 32]>) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose())
            .map_err(|_| Error::new(ErrorKind::InvalidArgument, "load a key", "the seed is not valid"))?;
        let mut public = [0u8; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        Ok(Self(Arc::new(SigningKeyInner {
            seed,
            pair,
            public: PublicKey(public),
        })))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.0.public
    }

    /// Signs `message` for one purpose; a signature made in one `domain` never verifies in another.
    #[must_use]
    pub fn sign(&self, domain: &str, message: &[u8]) -> Signature {
        let mut bytes = [0u8; 64];
        bytes.copy_from_slice(
            self.0
                .pair
                .sign(&sha256_parts(&[domain.as_bytes(), message]))
                .as_ref(),
        );
        Signature(bytes)
    }

    /// The seed, for storing the key (mode 0600) or handing it to TLS.
    #[must_use]
    pub fn seed(&self) -> &Secret<[u8; 32]> {
        &self.0.seed
    }

    /// 32 bytes that only the holder of this key can compute, the same each time for the same label and context
    /// (HKDF-SHA256, RFC 5869).
    pub fn derive(&self, label: &str, context: &[u8]) -> Result<Secret<[u8; 32]>> {
        let failed = |_| Error::new(ErrorKind::Internal, "derive a key", "hkdf refused the length");
        let salt = ring::hkdf::Salt::new(ring::hkdf::HKDF_SHA256, b"jump key derivation v1");
        let info = sha256_parts(&[label.as_bytes(), context]);
        let mut derived = [0u8; 32];
        salt.extract(self.0.seed.expose())
            .expand(&[&info], ring::hkdf::HKDF_SHA256)
            .map_err(failed)?
            .fill(&mut derived)
            .map_err(failed)?;
        let secret = Secret::new(derived);
        derived.zeroize();
        Ok(secret)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.0.public)
    }
}

type SealKem = hpke::kem::X25519HkdfSha256;
type SealKdf = hpke::kdf::HkdfSha256;
type SealAead = hpke::aead::ChaCha20Poly1305;

/// A secret sealed to one [`SealingPublicKey`]: whoever stores or carries it cannot open it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    #[serde(with = "base64_bytes")]
    encapsulated_key: Vec<u8>,
    #[serde(with = "base64_bytes")]
    ciphertext: Vec<u8>,
}

impl Sealed {
    /// The bytes for a binary container: the 32-byte encapsulated key, then the ciphertext.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.encapsulated_key.as_slice(), &self.ciphertext].concat()
    }

    /// Reads what [`Sealed::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        match bytes.split_at_checked(32) {
            Some((key, ciphertext)) if ciphertext.len() >= 16 => Ok(Self {
                encapsulated_key: key.to_vec(),
                ciphertext: ciphertext.to_vec(),
            }),
            _ => Err(Error::new(
                ErrorKind::Integrity,
                "read a sealed secret",
                "it is too short",
            )),
        }
    }
}

impl SealingPublicKey {
    /// Seals `plaintext` so that only the holder of the private key opens it, and only for the same `purpose` and
    /// the same `bound_to` (what the secret is for; it is authenticated, not hidden).
    pub fn seal(&self, purpose: &str, bound_to: &[u8], plaintext: &[u8]) -> Result<Sealed> {
        let failed = |_| {
            Error::new(
                ErrorKind::InvalidArgument,
                "seal a secret",
                "the sealing key is not valid",
            )
        };
        let key = <SealKem as Kem>::PublicKey::from_bytes(&self.0).map_err(failed)?;
        let (encapsulated, ciphertext) = hpke::single_shot_seal::<SealAead, SealKdf, SealKem>(
            &OpModeS::Base,
            &key,
            purpose.as_bytes(),
            plaintext,
            bound_to,
        )
        .map_err(failed)?;
        Ok(Sealed {
            encapsulated_key: encapsulated.to_bytes().to_vec(),
            ciphertext,
        })
    }
}

/// The private key that opens what was sealed to its [`SealingPublicKey`].
pub struct SealingKey {
    seed: Secret<[u8; 32]>,
    private: <SealKem as Kem>::PrivateKey,
    public: SealingPublicKey,
}

impl SealingKey {
    /// A fresh random key.
    pub fn generate() -> Result<Self> {
        Ok(Self::from_seed(Secret::new(random_bytes()?)))
    }

    /// The key derived from this seed (RFC 9180 §7.1.3, `DeriveKeyPair`).
    #[must_use]
    pub fn from_seed(seed: Secret<[u8; 32]>) -> Self {
        let (private, public) = SealKem::derive_keypair(seed.expose());
        let mut bytes = [0u8; 32];
        bytes.copy_from_slice(&public.to_bytes());
        Self {
            seed,
            private,
            public: SealingPublicKey(bytes),
        }
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> SealingPublicKey {
        self.public
    }

    /// The seed, for storing the key (mode 0600).
    #[must_use]
    pub const fn seed(&self) -> &Secret<[u8; 32]> {
        &self.seed
    }

    /// Opens what [`SealingPublicKey::seal`] sealed for the same purpose and binding.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] if it was sealed to another key, for another purpose, or was changed.
    pub fn open(&self, purpose: &str, bound_to: &[u8], sealed: &Sealed) -> Result<Secret<Vec<u8>>> {
        let failed = |_| {
            Error::new(
                ErrorKind::Integrity,
                "open a sealed secret",
                "it was sealed to another key or for another use",
            )
        };
        let key = <SealKem as Kem>::EncappedKey::from_bytes(&sealed.encapsulated_key).map_err(failed)?;
        hpke::single_shot_open::<SealAead, SealKdf, SealKem>(
            &OpModeR::Base,
            &self.private,
            &key,
            purpose.as_bytes(),
            &sealed.ciphertext,
            bound_to,
        )
        .map(Secret::new)
        .map_err(failed)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.public)
    }
}

/// Bytes as base64url text in JSON.
pub(crate) mod base64_bytes {
    use data_encoding::BASE64URL_NOPAD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64URL_NOPAD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| D::Error::custom("not base64url without padding"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_message_and_domain_only() {
        let key = SigningKey::generate().unwrap();
        let signature = key.sign("a", b"message");
        assert!(key.public().verify("a", b"message", &signature).is_ok());
        assert!(key.public().verify("b", b"message", &signature).is_err());
        assert!(key.public().verify("a", b"massage", &signature).is_err());
        assert!(
            SigningKey::generate()
                .unwrap()
                .public()
                .verify("a", b"message", &signature)
                .is_err()
        );
    }

    #[test]
    fn the_first_rfc_8032_vector_gives_its_public_key() {
        let seed = data_encoding::HEXLOWER
            .decode(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
            .unwrap();
        let key = SigningKey::from_seed(Secret::new(seed.try_into().unwrap())).unwrap();
        assert_eq!(
            data_encoding::HEXLOWER.encode(key.public().as_bytes()),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
    }

    #[test]
    fn a_sealed_secret_opens_only_with_its_key_purpose_and_binding() {
        let key = SealingKey::generate().unwrap();
        let sealed = key.public().seal("credential", b"item 7", b"pw").unwrap();
        assert_eq!(
            key.open("credential", b"item 7", &sealed).unwrap().expose(),
            b"pw"
        );
        assert!(key.open("credential", b"item 8", &sealed).is_err());
        assert!(key.open("recording", b"item 7", &sealed).is_err());
        assert!(
            SealingKey::generate()
                .unwrap()
                .open("credential", b"item 7", &sealed)
                .is_err()
        );
        let again = Sealed::from_bytes(&sealed.to_bytes()).unwrap();
        assert_eq!(again, sealed);
    }

    #[test]
    fn derived_keys_differ_by_label_and_context_and_stay_the_same() {
        let key = SigningKey::generate().unwrap();
        let a = key.derive("host key", b"1").unwrap();
        assert_eq!(a.expose(), key.derive("host key", b"1").unwrap().expose());
        assert_ne!(a.expose(), key.derive("host key", b"2").unwrap().expose());
        assert_ne!(a.expose(), key.derive("other", b"1").unwrap().expose());
    }
}
