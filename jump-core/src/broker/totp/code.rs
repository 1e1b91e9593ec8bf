//! Codes, and the address by which an application learns the secret.

use data_encoding::BASE32_NOPAD;
use ring::hmac;
use subtle::ConstantTimeEq;

use crate::secret::Secret;
use crate::time::Timestamp;

/// Seconds of a step (RFC 6238 §4.1, the default X).
pub(super) const STEP: i64 = 30;

/// The step of a moment.
pub(super) fn step(now: Timestamp) -> i64 {
    now.as_second().div_euclid(STEP)
}

/// The step of which this is the code, from one before to one after this one.
pub(super) fn matching(secret: &Secret<Vec<u8>>, given: &str, at: i64) -> Option<i64> {
    let mut found = None;
    // All are looked at, so that the time it takes says nothing.
    for step in [at.saturating_sub(1), at, at.saturating_add(1)] {
        let same: bool = code(secret.expose(), step)
            .as_bytes()
            .ct_eq(given.as_bytes())
            .into();
        if same {
            found = Some(step);
        }
    }
    found
}

/// The code of a step (RFC 4226 §5.3), six digits.
pub(super) fn code(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or(0) & 0x0f);
    let word = tag
        .get(offset..)
        .and_then(|rest| rest.first_chunk::<4>())
        .map_or(0, |bytes| u32::from_be_bytes(*bytes) & 0x7fff_ffff);
    format!("{:06}", word % 1_000_000)
}

/// As [`Totp::address`](super::Totp::address).
pub(super) fn address(site: &str, user: &str, secret: &Secret<Vec<u8>>) -> Secret<String> {
    let encoded = |text: &str| -> String {
        text.bytes()
            .map(|b| match b {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    char::from(b).to_string()
                }
                _ => format!("%{b:02X}"),
            })
            .collect()
    };
    let (site, user) = (encoded(site), encoded(user));
    let secret = Secret::new(BASE32_NOPAD.encode(secret.expose()));
    Secret::new(format!(
        "otpauth://totp/{site}:{user}?secret={}&issuer={site}",
        secret.expose()
    ))
}
