//! Keys of RSA-AES, and what follows from them (rfbproto "RSA-AES Security Type").

use std::fmt;

use jump_core::secret::Secret;
use rand::rngs::StdRng;
use rand::{CryptoRng, SeedableRng};
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, Pkcs1v15Encrypt, RsaPrivateKey, RsaPublicKey};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::eax::{EaxKey, EaxOpener, EaxSealer, EaxStream};
use super::types::RsaAesKind;
use crate::wire::Input;
use crate::{RfbError, RfbResult};

/// Smaller keys are broken; larger ones are refused by other implementations, too.
const KEY_BITS: std::ops::RangeInclusive<u32> = 1024..=8192;
/// The length of the client's own key.
const CLIENT_KEY_BITS: usize = 2048;

/// A server's RSA key. Nothing secret is sent before [`ClientHandshake::accept_key`](super::ClientHandshake::accept_key)
/// says that it is the right one.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerKey {
    bytes: Vec<u8>,
    bits: u32,
}

impl ServerKey {
    /// Reads the key, if all of it is there.
    pub(crate) fn read(input: &mut Input<'_>) -> RfbResult<Option<Self>> {
        let mut ahead = *input;
        let Some(bits) = ahead.u32() else {
            return Ok(None);
        };
        if !KEY_BITS.contains(&bits) {
            return Err(RfbError::Unsupported(
                "an RSA key that is not of 1024 to 8192 bits",
            ));
        }
        let length = usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX);
        if ahead.take(2 * length).is_none() {
            return Ok(None);
        }
        let bytes = input.take(4 + 2 * length).unwrap_or_default().to_vec();
        Ok(Some(Self { bytes, bits }))
    }

    /// Its length in bits, 1024 to 8192.
    #[must_use]
    pub const fn bits(&self) -> u32 {
        self.bits
    }

    /// SHA-256 of the key as it is on the wire: length, modulus, exponent. What to pin.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }

    /// The start of SHA-1 of the same, which is what viewers show as the fingerprint: to compare by eye only.
    #[must_use]
    pub fn shown_fingerprint(&self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 20]>::from(Sha1::digest(&self.bytes));
        [a, b, c, d, e, f, g, h]
    }

    pub(crate) fn wire(&self) -> &[u8] {
        &self.bytes
    }

    /// A length and the encrypted bytes.
    pub(crate) fn encrypt(&self, secret: &[u8], random: &mut impl CryptoRng) -> RfbResult<Vec<u8>> {
        let bad = RfbError::Protocol("the server's RSA key is none");
        let numbers = self.bytes.get(4..).unwrap_or_default();
        let (modulus, exponent) = numbers.split_at_checked(numbers.len() / 2).ok_or(bad.clone())?;
        let size = modulus.len();
        let number = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(bytes);
        let key = RsaPublicKey::new(number(modulus), number(exponent)).map_err(|_| bad.clone())?;
        // The announced length says how much is sent: a shorter modulus behind it is somebody's trick.
        if key.size() != size {
            return Err(bad);
        }
        let sealed = key
            .encrypt(random, Pkcs1v15Encrypt, secret)
            .map_err(|_| bad.clone())?;
        let mut bytes = u16::try_from(sealed.len())
            .map_err(|_| bad)?
            .to_be_bytes()
            .to_vec();
        bytes.extend(sealed);
        Ok(bytes)
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerKey")
            .field("bits", &self.bits)
            .field("shown_fingerprint", &self.shown_fingerprint())
            .finish_non_exhaustive()
    }
}

/// A client's RSA key, which has no meaning beyond one connection: it only carries the server's random number.
pub struct ClientKey(RsaPrivateKey);

impl ClientKey {
    /// Makes one of 2048 bits out of a random seed. Takes some 100 ms.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] never in practice.
    pub fn generate(seed: Secret<[u8; 32]>) -> RfbResult<Self> {
        Self::with_random(&mut StdRng::from_seed(*seed.expose()))
    }

    pub(crate) fn with_random(random: &mut impl CryptoRng) -> RfbResult<Self> {
        RsaPrivateKey::new(random, CLIENT_KEY_BITS)
            .map(Self)
            .map_err(|_| RfbError::Protocol("no RSA key could be made"))
    }

    /// Length, modulus and exponent.
    pub(crate) fn wire(&self) -> Vec<u8> {
        let size = self.0.size();
        let mut bytes = u32::try_from(size * 8).unwrap_or(u32::MAX).to_be_bytes().to_vec();
        for number in [self.0.n_bytes(), self.0.e_bytes()] {
            bytes.resize(bytes.len() + size.saturating_sub(number.len()), 0);
            bytes.extend(&*number);
        }
        bytes
    }

    /// Reads the server's random number, if all of it is there.
    pub(crate) fn read_random(
        &self,
        kind: RsaAesKind,
        input: &mut Input<'_>,
    ) -> RfbResult<Option<Zeroizing<Vec<u8>>>> {
        let mut ahead = *input;
        let Some(length) = ahead.u16() else {
            return Ok(None);
        };
        if usize::from(length) != self.0.size() {
            return Err(RfbError::Protocol(
                "the server used another key than the client's",
            ));
        }
        let Some(sealed) = ahead.take(self.0.size()) else {
            return Ok(None);
        };
        *input = ahead;
        // One try with a key of one connection: its timing tells nothing.
        let random = self.0.decrypt(Pkcs1v15Encrypt, sealed).map(Zeroizing::new);
        match random {
            Ok(random) if random.len() == kind.random_length() => Ok(Some(random)),
            _ => Err(RfbError::Protocol("the server's random number does not open")),
        }
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientKey([secret])")
    }
}

impl RsaAesKind {
    /// How many bytes each side's random number has.
    pub(crate) const fn random_length(self) -> usize {
        if self.long { 32 } else { 16 }
    }

    /// SHA-1 or SHA-256 of two things one after the other.
    pub(crate) fn hash(self, first: &[u8], second: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(if self.long {
            Sha256::new()
                .chain_update(first)
                .chain_update(second)
                .finalize()
                .to_vec()
        } else {
            Sha1::new()
                .chain_update(first)
                .chain_update(second)
                .finalize()
                .to_vec()
        })
    }

    fn key(self, first: &[u8], second: &[u8]) -> Option<EaxKey> {
        let hash = self.hash(first, second);
        Some(if self.long {
            EaxKey::Long(Zeroizing::new(*hash.first_chunk()?))
        } else {
            EaxKey::Short(Zeroizing::new(*hash.first_chunk()?))
        })
    }

    /// The client's end of the encrypted stream.
    pub(crate) fn client_stream(self, server_random: &[u8], client_random: &[u8]) -> Option<EaxStream> {
        Some(EaxStream {
            opener: EaxOpener::new(self.key(client_random, server_random)?),
            sealer: EaxSealer::new(self.key(server_random, client_random)?),
        })
    }
}
