//! The encrypted messages of RSA-AES: AES-EAX, a layer between TCP and RFB as TLS would be (rfbproto "RSA-AES Security
//! Type").

use std::fmt;

use aes::{Aes128, Aes256};
use eax::aead::{AeadInOut, KeyInit};
use eax::{Eax, Nonce, Tag};
use zeroize::{Zeroize, Zeroizing};

use crate::wire::Input;
use crate::{RfbError, RfbResult};

/// The length of a MAC in bytes.
const MAC: usize = 16;
/// The most bytes that one message of ours holds; a length has 16 bits, and TigerVNC's messages hold no more.
const MAX_MESSAGE: usize = 8192;

/// A key for one direction.
pub(crate) enum EaxKey {
    /// AES with 128 bits.
    Short(Zeroizing<[u8; 16]>),
    /// AES with 256 bits.
    Long(Zeroizing<[u8; 32]>),
}

impl EaxKey {
    /// Encrypts in place; the MAC.
    fn encrypt(&self, nonce: u128, length: [u8; 2], data: &mut [u8]) -> Option<[u8; MAC]> {
        let nonce = Nonce::from(nonce.to_le_bytes());
        let data = data.into();
        let tag = match self {
            EaxKey::Short(key) => {
                Eax::<Aes128>::new((&**key).into()).encrypt_inout_detached(&nonce, &length, data)
            }
            EaxKey::Long(key) => {
                Eax::<Aes256>::new((&**key).into()).encrypt_inout_detached(&nonce, &length, data)
            }
        };
        tag.ok().map(Into::into)
    }

    /// Decrypts in place if the MAC is right.
    fn decrypt(&self, nonce: u128, length: [u8; 2], data: &mut [u8], mac: [u8; MAC]) -> Option<()> {
        let nonce = Nonce::from(nonce.to_le_bytes());
        let tag = Tag::from(mac);
        let data = data.into();
        let opened = match self {
            EaxKey::Short(key) => {
                Eax::<Aes128>::new((&**key).into()).decrypt_inout_detached(&nonce, &length, data, &tag)
            }
            EaxKey::Long(key) => {
                Eax::<Aes256>::new((&**key).into()).decrypt_inout_detached(&nonce, &length, data, &tag)
            }
        };
        opened.ok()
    }
}

/// Decrypts what a peer sent.
pub struct EaxOpener {
    key: EaxKey,
    index: u128,
}

impl EaxOpener {
    pub(crate) const fn new(key: EaxKey) -> Self {
        Self { key, index: 0 }
    }

    /// Decrypts the next message and appends what it held, at most 65535 bytes; `false`, and nothing moves, if not all of
    /// it is there.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] if it was not written by the peer, or not now: nothing is appended, and the connection is
    /// of no use any more.
    pub fn open(&mut self, input: &mut Input<'_>, output: &mut Vec<u8>) -> RfbResult<bool> {
        let mut ahead = *input;
        let Some(length) = ahead.array::<2>() else {
            return Ok(false);
        };
        let Some((sealed, mac)) = ahead
            .take(usize::from(u16::from_be_bytes(length)))
            .zip(ahead.array::<MAC>())
        else {
            return Ok(false);
        };
        let start = output.len();
        output.extend(sealed);
        let data = output.get_mut(start..).unwrap_or_default();
        if self.key.decrypt(self.index, length, data, mac).is_none() {
            output.truncate(start);
            return Err(RfbError::Protocol("an encrypted message was changed on the way"));
        }
        self.index += 1;
        *input = ahead;
        Ok(true)
    }
}

/// Encrypts what is sent to a peer.
pub struct EaxSealer {
    key: EaxKey,
    index: u128,
}

impl EaxSealer {
    pub(crate) const fn new(key: EaxKey) -> Self {
        Self { key, index: 0 }
    }

    /// Appends messages that hold `data`; none if it is empty.
    ///
    /// # Errors
    /// [`RfbError::Limit`] never in practice: the cipher's own limits are beyond a message's length.
    pub fn seal(&mut self, data: &[u8], output: &mut Vec<u8>) -> RfbResult<()> {
        for piece in data.chunks(MAX_MESSAGE) {
            let too_long = RfbError::Limit("an encrypted message is too long");
            let length = u16::try_from(piece.len())
                .map_err(|_| too_long.clone())?
                .to_be_bytes();
            // Encrypted before it is appended: the plain text is never in the caller's buffer.
            let mut sealed = piece.to_vec();
            let Some(mac) = self.key.encrypt(self.index, length, &mut sealed) else {
                sealed.zeroize();
                return Err(too_long);
            };
            self.index += 1;
            output.extend(length);
            output.extend(sealed);
            output.extend(mac);
        }
        Ok(())
    }
}

/// Both directions of an encrypted stream.
#[derive(Debug)]
pub struct EaxStream {
    /// For what comes in.
    pub opener: EaxOpener,
    /// For what goes out.
    pub sealer: EaxSealer,
}

impl fmt::Debug for EaxOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EaxOpener").finish_non_exhaustive()
    }
}

impl fmt::Debug for EaxSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EaxSealer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    /// Bellare, Rogaway and Wagner, "The EAX Mode of Operation", appendix: message, key, nonce, header, result.
    const PUBLISHED: &[[&str; 5]] = &[
        [
            "",
            "233952DEE4D5ED5F9B9C6D6FF80FF478",
            "62EC67F9C3A4A407FCB2A8C49031A8B3",
            "6BFB914FD07EAE6B",
            "E037830E8389F27B025A2D6527E79D01",
        ],
        [
            "F7FB",
            "91945D3F4DCBEE0BF45EF52255F095A4",
            "BECAF043B0A23D843194BA972C66DEBD",
            "FA3BFD4806EB53FA",
            "19DD5C4C9331049D0BDAB0277408F67967E5",
        ],
        [
            "1A47CB4933",
            "01F74AD64077F2E704C0F60ADA3DD523",
            "70C3DB4F0D26368400A10ED05D2BFF5E",
            "234A3463C1264AC6",
            "D851D5BAE03A59F238A23E39199DC9266626C40F80",
        ],
    ];

    #[test]
    fn the_cipher_is_that_of_its_authors() {
        for vector in PUBLISHED {
            let [message, key, nonce, header, sealed] = vector.map(bytes);
            let nonce = Nonce::from(<[u8; 16]>::try_from(nonce).unwrap());
            let mut data = message;
            let tag = Eax::<Aes128>::new_from_slice(&key)
                .unwrap()
                .encrypt_inout_detached(&nonce, &header, data.as_mut_slice().into())
                .unwrap();
            data.extend(tag);
            assert_eq!(data, sealed);
        }
    }

    fn pair() -> (EaxSealer, EaxOpener) {
        let key = || EaxKey::Long(Zeroizing::new([7; 32]));
        (EaxSealer::new(key()), EaxOpener::new(key()))
    }

    #[test]
    fn what_is_sealed_opens_in_order_only_and_unchanged_only() {
        let (mut sealer, mut opener) = pair();
        let data: Vec<u8> = (0..20_000u32).map(|at| at as u8).collect();
        let mut wire = Vec::new();
        sealer.seal(&data, &mut wire).unwrap();
        sealer.seal(&[], &mut wire).unwrap();
        assert_eq!(wire.len(), data.len() + 3 * (2 + MAC));

        let mut opened = Vec::new();
        let mut input = Input::new(&wire[..wire.len() - 1]);
        while opener.open(&mut input, &mut opened).unwrap() {}
        assert_eq!(opened, data[..2 * MAX_MESSAGE], "the last one is not all there");
        let (_, rest) = wire.split_at(input.consumed());
        assert!(opener.open(&mut Input::new(rest), &mut opened).unwrap());
        assert_eq!(opened, data);
        // The same message again, and a changed one.
        assert!(opener.open(&mut Input::new(rest), &mut opened).is_err());
        for at in [0, 1, 2, MAX_MESSAGE + 17] {
            let mut changed = wire.clone();
            changed[at] ^= 1;
            let mut nothing = Vec::new();
            let opened = pair().1.open(&mut Input::new(&changed), &mut nothing);
            assert!(!matches!(opened, Ok(true)), "{at}");
            assert!(nothing.is_empty());
        }
    }
}
