//! How a target proves that it is the target.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// A target's SSH host key in the form of a `known_hosts` line without the host: `ssh-ed25519 AAAA…`.
///
/// Two keys are the same if algorithm and key are; a comment is dropped.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostKey(String);

impl HostKey {
    /// Reads `algorithm base64 [comment]`.
    ///
    /// The base64 must decode and its blob must start with the same algorithm name (RFC 4253 §6.6).
    pub fn new(text: &str) -> Result<Self> {
        let wrong = |rule| Error::new(ErrorKind::InvalidArgument, "read a host key", rule);
        let mut words = text.split_ascii_whitespace();
        let (Some(algorithm), Some(base64)) = (words.next(), words.next()) else {
            return Err(wrong("a host key is `algorithm base64`, as in known_hosts"));
        };
        if base64.len() > 16 * 1024 {
            return Err(wrong("the key is too long"));
        }
        let blob = data_encoding::BASE64
            .decode(base64.as_bytes())
            .map_err(|_| wrong("the key is not base64"))?;
        let (length, rest) = blob
            .split_first_chunk::<4>()
            .ok_or_else(|| wrong("the key is too short"))?;
        let named = usize::try_from(u32::from_be_bytes(*length))
            .ok()
            .and_then(|length| rest.get(..length));
        if named != Some(algorithm.as_bytes()) {
            return Err(wrong("the key is of another algorithm than its first word says"));
        }
        Ok(Self(format!("{algorithm} {base64}")))
    }

    /// `algorithm base64`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The algorithm's name, such as `ssh-ed25519` (RFC 8709).
    #[must_use]
    pub fn algorithm(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }

    /// `SHA256:…` as OpenSSH prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let base64 = self.0.split(' ').nth(1).unwrap_or_default();
        let blob = data_encoding::BASE64
            .decode(base64.as_bytes())
            .unwrap_or_default();
        let hash = ring::digest::digest(&ring::digest::SHA256, &blob);
        format!("SHA256:{}", data_encoding::BASE64_NOPAD.encode(hash.as_ref()))
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostKey({} {})", self.algorithm(), self.fingerprint())
    }
}

impl FromStr for HostKey {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

impl TryFrom<String> for HostKey {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::new(&text)
    }
}

impl From<HostKey> for String {
    fn from(key: HostKey) -> String {
        key.0
    }
}

/// Which host keys a target may show. A key that is not allowed ends the session before anything is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostKeyPolicy {
    /// The keys the target may show. Empty means that none is known yet.
    #[serde(default)]
    pub pinned: Vec<HostKey>,
    /// With no pinned key: whether the first key seen is accepted and pinned. Off by default. Once a key is pinned
    /// this has no effect: a change is always a hard error.
    #[serde(default)]
    pub trust_first_use: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    #[test]
    fn reads_a_key_and_drops_its_comment() {
        let key = HostKey::new(&format!("{KEY} root@box")).unwrap();
        assert_eq!(key.as_str(), KEY);
        assert_eq!(key.algorithm(), "ssh-ed25519");
        assert!(key.fingerprint().starts_with("SHA256:"));
    }

    #[test]
    fn refuses_what_is_not_a_key() {
        for bad in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 !!!!",
            &KEY.replace("ssh-ed25519 ", "ssh-rsa "),
        ] {
            assert!(HostKey::new(bad).is_err(), "{bad}");
        }
    }
}
