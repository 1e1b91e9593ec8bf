//! What tells a receiver that a request came from the site that shares its secret.

use data_encoding::HEXLOWER;
use jump_core::time::Timestamp;
use ring::hmac;

/// The header that holds the signature: `t=SECONDS,v1=HEX`. SECONDS is the Unix time of sending; HEX is HMAC-SHA256 (RFC 2104)
/// under the shared secret of SECONDS, a full stop, and the body.
pub const SIGNATURE_HEADER: &str = "Jump-Signature";

fn parts(time: i64, body: &[u8]) -> Vec<u8> {
    let mut signed = format!("{time}.").into_bytes();
    signed.extend_from_slice(body);
    signed
}

/// The header's value.
pub(crate) fn sign(secret: &[u8], time: Timestamp, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let time = time.as_second();
    let tag = hmac::sign(&key, &parts(time, body));
    format!("t={time},v1={}", HEXLOWER.encode(tag.as_ref()))
}

/// Whether `header` is the signature of `body` under `secret`, made at most `tolerance_seconds` before or after `now`: for
/// receivers, which also remember the ids of what they have seen in that time.
#[must_use]
pub fn verify_signature(
    secret: &[u8],
    header: &str,
    body: &[u8],
    now: Timestamp,
    tolerance_seconds: u32,
) -> bool {
    let read = || {
        let (time, tag) = header.strip_prefix("t=")?.split_once(",v1=")?;
        let time: i64 = time.parse().ok()?;
        let tag = HEXLOWER.decode(tag.as_bytes()).ok()?;
        let age = i128::from(now.as_second()) - i128::from(time);
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let recent = age.abs() <= i128::from(tolerance_seconds);
        Some(recent && hmac::verify(&key, &parts(time, body), &tag).is_ok())
    };
    read().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_secret_its_body_and_its_time() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let later = Timestamp::from_second(1_800_000_061).unwrap();
        let header = sign(b"secret", now, b"{}");
        // From Python: hmac.new(b"secret", b"1800000000.{}", hashlib.sha256).hexdigest().
        assert_eq!(
            header,
            "t=1800000000,v1=bb7079132825ac793cea8c013c1dd24d926b9b02132245b10588d9e5c0df70d7"
        );
        assert!(verify_signature(b"secret", &header, b"{}", now, 60));
        for refused in [
            verify_signature(b"other", &header, b"{}", now, 60),
            verify_signature(b"secret", &header, b"{ }", now, 60),
            verify_signature(b"secret", &header, b"{}", later, 60),
            verify_signature(b"secret", &header.replace("t=18", "t=17"), b"{}", now, u32::MAX),
            verify_signature(b"secret", "", b"{}", now, 60),
            verify_signature(b"secret", "t=1800000000,v1=", b"{}", now, 60),
        ] {
            assert!(!refused);
        }
    }
}
