//! VNC authentication: a challenge is encrypted with the password as a DES key (RFC 6143 §7.2.2).

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use zeroize::Zeroizing;

/// The length of challenge and response in bytes.
pub(crate) const LENGTH: usize = 16;

/// The response to a challenge. The key is the first 8 bytes of the password, padded with zeros, each with its bits in
/// reverse order, as RFC 6143's erratum and every implementation has it.
pub(crate) fn response(password: &[u8], challenge: [u8; LENGTH]) -> [u8; LENGTH] {
    let mut key = Zeroizing::new([0u8; 8]);
    for (byte, character) in key.iter_mut().zip(password) {
        *byte = character.reverse_bits();
    }
    let cipher = Des::new((&*key).into());
    let mut response = challenge;
    let (blocks, _) = response.as_chunks_mut::<8>();
    for block in blocks {
        cipher.encrypt_block(block.into());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_those_of_another_implementation() {
        let challenge: [u8; 16] = std::array::from_fn(|index| index as u8);
        // Made with Python's `cryptography`, with bits reversed by hand.
        for (password, expected) in VECTORS {
            let response = response(password.as_bytes(), challenge);
            assert_eq!(u128::from_be_bytes(response), *expected, "{password}");
        }
        let long = response(b"secret12 and more", challenge);
        assert_eq!(long, response(b"secret12", challenge), "8 characters count");
    }

    const VECTORS: &[(&str, u128)] = &[
        ("", 0x491e890de9ace932838a49792f2213f3),
        ("a", 0x449407fb6f71bd517aca76866568a4e2),
        ("secret12", 0xadcd997f8e16fee575e973f93c2b62b4),
        ("Pass wd!", 0x1d0ad8f786067cf737dfbc25f1b1244d),
        ("geheimes Wort", 0x6e20a4d8f8807311526085a45b6fa6f5),
    ];
}
