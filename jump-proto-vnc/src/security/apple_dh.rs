//! Diffie-Hellman authentication, as Apple's servers have it (rfbproto "Diffie-Hellman Authentication").

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use jump_core::secret::Secret;
use md5::{Digest, Md5};
use rand::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

use crate::wire::Input;
use crate::{RfbError, RfbResult};

/// Keys shorter than 1024 bits are broken. Older macOS has 1024 bits, macOS 26 has 4096; with each doubling the two powers
/// take eight times as long, with 4096 bits some 80 ms, and the server chooses how long.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 128..=512;
/// A user name or a password with its NUL.
const FIELD: usize = 64;

/// What the server sends.
#[derive(Debug)]
pub(crate) struct Parameters<'a> {
    generator: u16,
    prime: &'a [u8],
    public: &'a [u8],
}

impl<'a> Parameters<'a> {
    /// Reads them, if all are there.
    pub(crate) fn read(input: &mut Input<'a>) -> RfbResult<Option<Self>> {
        let mut ahead = *input;
        let Some((generator, length)) = ahead.u16().zip(ahead.u16()) else {
            return Ok(None);
        };
        let length = usize::from(length);
        if !KEY_BYTES.contains(&length) {
            return Err(RfbError::Unsupported("a Diffie-Hellman key of this length"));
        }
        let Some((prime, public)) = ahead.take(length).zip(ahead.take(length)) else {
            return Ok(None);
        };
        *input = ahead;
        Ok(Some(Self {
            generator,
            prime,
            public,
        }))
    }

    /// The client's answer: the encrypted user name and password, and the client's public value.
    pub(crate) fn answer(
        &self,
        user: &str,
        password: &Secret<String>,
        random: &mut impl CryptoRng,
    ) -> RfbResult<Vec<u8>> {
        let bad = |_| RfbError::Protocol("the Diffie-Hellman numbers are of another length");
        let bits = u32::try_from(self.prime.len() * 8).unwrap_or(u32::MAX);
        let number = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, bits).map_err(bad);
        let prime = number(self.prime)?;
        let public = number(self.public)?;
        let one = BoxedUint::one_with_precision(bits);
        let modulus = Option::<Odd<BoxedUint>>::from(Odd::new(prime.clone()))
            .filter(|_| prime.bit_width_vartime() + 8 >= bits)
            .ok_or(RfbError::Protocol(
                "the Diffie-Hellman modulus is no prime of its length",
            ))?;
        // 1 and p - 1 have only one or two powers, and what is beyond p is no value.
        if public <= one || public >= prime.wrapping_sub(&one) {
            return Err(RfbError::Protocol(
                "the server's Diffie-Hellman value is no secret",
            ));
        }

        let modulus = BoxedMontyParams::new(modulus);
        let mut exponent = Zeroizing::new(vec![0; self.prime.len()]);
        random.fill_bytes(&mut exponent);
        let exponent = Zeroizing::new(number(&exponent)?);
        let generator = number(&self.generator.to_be_bytes())?;
        let mine = BoxedMontyForm::new(generator, &modulus).pow(&exponent).retrieve();
        let shared = Zeroizing::new(BoxedMontyForm::new(public, &modulus).pow(&exponent).retrieve());

        let mut plain = Zeroizing::new([0; 2 * FIELD]);
        random.fill_bytes(&mut *plain);
        let (user_field, password_field) = plain.split_at_mut(FIELD);
        fill(user_field, user.as_bytes())?;
        fill(password_field, password.expose().as_bytes())?;
        let secret = Zeroizing::new(shared.to_be_bytes());
        let mut key = Md5::digest(last(&secret, self.prime.len()));
        let cipher = Aes128::new(&key);
        key.zeroize();
        let (blocks, _) = plain.as_chunks_mut::<16>();
        for block in blocks {
            cipher.encrypt_block(block.into());
        }
        let mut answer = plain.to_vec();
        answer.extend(last(&mine.to_be_bytes(), self.prime.len()));
        Ok(answer)
    }
}

/// The last `length` bytes of a number, whose limbs may be more.
fn last(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(bytes.len().saturating_sub(length)..).unwrap_or(bytes)
}

/// Text and a NUL; what follows stays random.
fn fill(field: &mut [u8], text: &[u8]) -> RfbResult<()> {
    if text.contains(&0) {
        return Err(RfbError::Unsupported("a user name or password with a NUL"));
    }
    let too_long = RfbError::Unsupported("a user name or password of more than 63 bytes for this server");
    let (start, rest) = field.split_at_mut_checked(text.len()).ok_or(too_long.clone())?;
    start.copy_from_slice(text);
    *rest.first_mut().ok_or(too_long)? = 0;
    Ok(())
}
