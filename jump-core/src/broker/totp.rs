//! Time-based one-time passwords (RFC 6238) as a second factor.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use data_encoding::BASE32_NOPAD;
use ring::hmac;
use subtle::ConstantTimeEq;

use super::SecondFactor;
use crate::error::{Error, ErrorKind, Result};
use crate::id::UserId;
use crate::keys::random_bytes;
use crate::secret::Secret;
use crate::time::Timestamp;

/// Seconds of a step (RFC 6238 §4.1, the default X).
const STEP: i64 = 30;
/// Wrong codes in a row before a user has to wait …
const TRIES: u32 = 5;
/// … for this long, in seconds, from the last of them.
const WAIT: i64 = 300;

/// Six digits, SHA-1, steps of 30 seconds, one step of clock difference either way: what authenticator applications use. A
/// code works once. After five wrong codes in a row a user waits five minutes; nobody waits for another's mistakes.
pub struct Totp(Mutex<HashMap<UserId, Enrolled>>);

struct Enrolled {
    secret: Secret<Vec<u8>>,
    /// The last step of which a code was used.
    used: i64,
    wrong: u32,
    last_wrong: Timestamp,
}

impl Default for Totp {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Totp")
    }
}

impl Totp {
    /// A new 160-bit secret, as RFC 4226 §4 R6 recommends.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if the system has no random bytes.
    pub fn new_secret() -> Result<Secret<Vec<u8>>> {
        Ok(Secret::new(random_bytes::<20>()?.to_vec()))
    }

    /// Lets a user prove itself by this secret, of 16 to 128 bytes, instead of an earlier one.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a secret of another length.
    pub fn enrol(&self, user: UserId, secret: Secret<Vec<u8>>) -> Result<()> {
        if !(16..=128).contains(&secret.expose().len()) {
            let rule = "a secret has 16 to 128 bytes";
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "enrol a second factor",
                rule,
            ));
        }
        let enrolled = Enrolled {
            secret,
            used: i64::MIN,
            wrong: 0,
            last_wrong: Timestamp::MIN,
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(user, enrolled);
        Ok(())
    }

    /// Forgets a user's secret: its codes are wrong from now on.
    pub fn remove(&self, user: UserId) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&user);
    }

    /// The `otpauth://` address that an authenticator application reads, with the secret in it. `site` and `user` are
    /// percent-encoded.
    #[must_use]
    pub fn address(site: &str, user: &str, secret: &Secret<Vec<u8>>) -> Secret<String> {
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
        let secret = BASE32_NOPAD.encode(secret.expose());
        Secret::new(format!(
            "otpauth://totp/{site}:{user}?secret={secret}&issuer={site}"
        ))
    }
}

/// The code of a step (RFC 4226 §5.3), six digits.
fn code(secret: &[u8], step: i64) -> String {
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

#[async_trait]
impl SecondFactor for Totp {
    async fn verify(&self, user: UserId, given: &str, now: Timestamp) -> Result<bool> {
        let mut enrolled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(enrolled) = enrolled.get_mut(&user) else {
            return Ok(false);
        };
        if enrolled.wrong >= TRIES && now.duration_since(enrolled.last_wrong).as_secs() < WAIT {
            return Ok(false);
        }
        let at = now.as_second().div_euclid(STEP);
        for step in [at - 1, at, at + 1] {
            let expected = code(enrolled.secret.expose(), step);
            let same: bool = expected.as_bytes().ct_eq(given.as_bytes()).into();
            if same && step > enrolled.used {
                enrolled.used = step;
                enrolled.wrong = 0;
                return Ok(true);
            }
        }
        enrolled.wrong = enrolled.wrong.saturating_add(1);
        enrolled.last_wrong = now;
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: u32) -> UserId {
        UserId::new(id).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn secret() -> Secret<Vec<u8>> {
        Secret::new(b"12345678901234567890".to_vec())
    }

    #[test]
    fn codes_are_those_of_rfc_6238_appendix_b() {
        for (second, eight) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(code(secret().expose(), second / STEP), eight[2..], "{second}");
        }
    }

    #[tokio::test]
    async fn a_code_works_once_and_one_step_around_its_time() {
        let totp = Totp::default();
        totp.enrol(user(1), secret()).unwrap();
        let now = 1_111_111_111;
        assert!(!totp.verify(user(1), "050471", at(now - 2 * STEP)).await.unwrap());
        assert!(totp.verify(user(1), "050471", at(now + STEP)).await.unwrap());
        assert!(!totp.verify(user(1), "050471", at(now + STEP)).await.unwrap());
        // An older code does not work after a newer one was used.
        assert!(!totp.verify(user(1), "081804", at(now)).await.unwrap());
        assert!(!totp.verify(user(2), "050471", at(now)).await.unwrap());
    }

    #[tokio::test]
    async fn s34_who_guesses_waits_and_nobody_else() {
        let totp = Totp::default();
        totp.enrol(user(1), secret()).unwrap();
        totp.enrol(user(2), secret()).unwrap();
        let now = 1_111_111_111;
        for _ in 0..TRIES {
            assert!(!totp.verify(user(1), "000000", at(now)).await.unwrap());
        }
        assert!(!totp.verify(user(1), "050471", at(now)).await.unwrap());
        assert!(totp.verify(user(2), "050471", at(now)).await.unwrap());
        let later = now + WAIT;
        let fresh = code(secret().expose(), later / STEP);
        assert!(totp.verify(user(1), &fresh, at(later)).await.unwrap());
    }

    #[test]
    fn the_address_is_readable_by_applications_and_the_secret_is_not_printed() {
        let address = Totp::address("Corp & Co", "alice", &secret());
        assert_eq!(
            address.expose(),
            "otpauth://totp/Corp%20%26%20Co:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Corp%20%26%20Co"
        );
        let totp = Totp::default();
        totp.enrol(user(1), secret()).unwrap();
        assert_eq!(format!("{totp:?}"), "Totp");
        assert!(totp.enrol(user(1), Secret::new(vec![0; 15])).is_err());
    }
}
