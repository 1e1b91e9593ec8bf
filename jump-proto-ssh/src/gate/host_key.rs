//! Whether the target's host key is one that the item allows.

use jump_core::model::{HostKey, HostKeyPolicy};
use jump_core::{Error, ErrorKind, Result};
use russh::keys::{PublicKey, PublicKeyOrCertificate};

/// RSA keys above this cost more to check than any honest target asks for.
const LARGEST_RSA_BITS: u32 = 8192;

/// What a key means under a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is pinned.
    Pinned,
    /// It is the first one seen, and the policy accepts that.
    FirstSeen,
    /// It is not allowed; the text says what to do.
    Refused(String),
}

/// Checks a key against a policy.
pub(super) fn check(policy: &HostKeyPolicy, key: &HostKey) -> Verdict {
    let (algorithm, fingerprint) = (key.algorithm(), key.fingerprint());
    if policy.pinned.contains(key) {
        Verdict::Pinned
    } else if !policy.pinned.is_empty() {
        Verdict::Refused(format!(
            "the target shows the {algorithm} key {fingerprint}, which is not the pinned one: either its key was \
             changed or somebody answers in its place; ask its owner for the new fingerprint, then pin it on the item"
        ))
    } else if policy.trust_first_use {
        Verdict::FirstSeen
    } else {
        Verdict::Refused(format!(
            "no host key is pinned on the item; the target shows the {algorithm} key {fingerprint}: compare it with \
             the target's own, then pin it"
        ))
    }
}

/// The target's key in our form.
pub(super) fn from_russh(shown: &PublicKeyOrCertificate) -> Result<HostKey> {
    let PublicKeyOrCertificate::PublicKey { key, .. } = shown else {
        return Err(wrong(
            "the target shows a host certificate, which was not asked for",
        ));
    };
    if let Some(rsa) = key.key_data().rsa()
        && rsa.key_size() > LARGEST_RSA_BITS
    {
        return Err(wrong("the target's RSA key is larger than 8192 bits"));
    }
    text_of(key)
}

fn text_of(key: &PublicKey) -> Result<HostKey> {
    let text = key
        .to_openssh()
        .map_err(|error| wrong("the target's key is not readable").with_source(error))?;
    HostKey::new(&text)
}

fn wrong(message: &str) -> Error {
    Error::new(ErrorKind::HostKey, "check the target's host key", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZK";

    fn verdict(pinned: &[&str], trust_first_use: bool, shown: &str) -> Verdict {
        let pinned = pinned.iter().map(|key| HostKey::new(key).unwrap()).collect();
        check(
            &HostKeyPolicy {
                pinned,
                trust_first_use,
            },
            &HostKey::new(shown).unwrap(),
        )
    }

    #[test]
    fn a_pinned_key_passes_and_a_change_never_does() {
        assert_eq!(verdict(&[A, B], false, B), Verdict::Pinned);
        assert!(matches!(verdict(&[A], false, B), Verdict::Refused(_)));
        assert!(
            matches!(verdict(&[A], true, B), Verdict::Refused(_)),
            "trust on first use ends with the first key"
        );
    }

    #[test]
    fn the_first_key_passes_only_if_the_policy_says_so() {
        assert_eq!(verdict(&[], true, A), Verdict::FirstSeen);
        let Verdict::Refused(message) = verdict(&[], false, A) else {
            panic!()
        };
        assert!(message.contains("SHA256:"), "{message}");
    }
}
