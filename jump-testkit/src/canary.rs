//! Searches bytes for a secret in every spelling in which it could leak.

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};
use memchr::memmem;

/// A spelling of the secret that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which spelling.
    pub form: &'static str,
    /// Where it starts.
    pub offset: usize,
}

/// The spellings of one secret.
#[derive(Clone)]
pub struct Canary(Vec<(&'static str, Vec<u8>)>);

impl std::fmt::Debug for Canary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Canary({} forms)", self.0.len())
    }
}

impl Canary {
    /// The spellings of `secret`, which should be at least 12 bytes of ASCII, so that no spelling turns up by chance.
    ///
    /// They are: the bytes, UTF-16 in both orders, hex in both cases, base64 in the standard and the URL alphabet at
    /// each of the three places it can have inside a longer text, the percent form (every byte, and reserved bytes
    /// only), and a list of decimal numbers, as `{:?}` prints bytes.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        let mut forms = vec![("raw", secret.to_vec())];
        forms.push(("utf-16le", secret.iter().flat_map(|byte| [*byte, 0]).collect()));
        forms.push(("utf-16be", secret.iter().flat_map(|byte| [0, *byte]).collect()));
        forms.push(("hex", HEXLOWER.encode(secret).into_bytes()));
        forms.push(("HEX", HEXUPPER.encode(secret).into_bytes()));
        for (form, encoding) in [("base64", &BASE64), ("base64url", &BASE64URL)] {
            // `before` bytes stand in front of the secret: skip the characters that they share with it, and the
            // last one if it holds bits of what follows.
            for (before, skip) in [(0usize, 0usize), (1, 2), (2, 3)] {
                let padded = [vec![0u8; before], secret.to_vec()].concat();
                let whole = padded.len() * 8 / 6;
                let text = encoding.encode(&padded).into_bytes();
                forms.push((form, text.into_iter().take(whole).skip(skip).collect()));
            }
        }
        let percent = |byte: &u8| format!("%{byte:02X}").into_bytes();
        forms.push(("percent", secret.iter().flat_map(percent).collect()));
        let reserved = |byte: &u8| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
                vec![*byte]
            } else {
                percent(byte)
            }
        };
        let some: Vec<u8> = secret.iter().flat_map(reserved).collect();
        let lower = |text: &[u8]| text.to_ascii_lowercase();
        if some != secret {
            // Lower-case digits in the escapes only: the letters of the secret keep their case.
            let low = secret.iter().flat_map(|byte| match reserved(byte).as_slice() {
                [_] => vec![*byte],
                escape => lower(escape),
            });
            forms.push(("percent", low.collect()));
            forms.push(("percent", some));
        }
        let all: Vec<u8> = secret.iter().flat_map(percent).collect();
        forms.push(("percent", lower(&all)));
        for separator in [", ", ","] {
            let numbers: Vec<String> = secret.iter().map(u8::to_string).collect();
            forms.push(("numbers", numbers.join(separator).into_bytes()));
        }
        Self(forms)
    }

    /// Every spelling that occurs in `haystack`, with its first place. Empty means that the secret is not there.
    #[must_use]
    pub fn find(&self, haystack: &[u8]) -> Vec<Found> {
        self.0
            .iter()
            .filter_map(|(form, needle)| memmem::find(haystack, needle).map(|offset| Found { form, offset }))
            .collect()
    }
}

/// Every spelling of `secret` in `haystack`; see [`Canary`].
#[must_use]
pub fn find(haystack: &[u8], secret: &[u8]) -> Vec<Found> {
    Canary::new(secret).find(haystack)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"canary+9f/31~c7 q";

    fn forms(haystack: &[u8]) -> Vec<&'static str> {
        find(haystack, SECRET)
            .into_iter()
            .map(|found| found.form)
            .collect()
    }

    #[test]
    fn finds_each_spelling_and_nothing_in_other_text() {
        let text = std::str::from_utf8(SECRET).unwrap();
        assert_eq!(
            find(b"abccanary+9f/31~c7 q!", SECRET),
            [Found {
                form: "raw",
                offset: 3
            }]
        );
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(forms(&utf16), ["utf-16le"]);
        assert_eq!(forms(HEXLOWER.encode(SECRET).as_bytes()), ["hex"]);
        assert_eq!(forms(HEXUPPER.encode(SECRET).as_bytes()), ["HEX"]);
        assert_eq!(forms(b"canary%2B9f%2F31~c7%20q"), ["percent"]);
        assert_eq!(forms(b"canary%2b9f%2f31~c7%20q"), ["percent"]);
        assert_eq!(forms(format!("{SECRET:?}").as_bytes()), ["numbers"]);
        assert!(forms(&[0x5a; 4096]).is_empty());
        assert!(forms(b"canary+9f/31~c7").is_empty(), "a part is not the secret");
    }

    #[test]
    fn finds_base64_wherever_the_secret_stands_in_the_text() {
        for before in 0..6 {
            for after in 0..4 {
                let text = [vec![b'x'; before], SECRET.to_vec(), vec![0xff; after]].concat();
                assert!(
                    forms(BASE64.encode(&text).as_bytes()).contains(&"base64"),
                    "{before} {after}"
                );
                assert!(forms(BASE64URL.encode(&text).as_bytes()).contains(&"base64url"));
            }
        }
    }
}
