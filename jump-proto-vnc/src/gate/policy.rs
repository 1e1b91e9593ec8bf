//! Which logins an item allows.

use jump_core::model::{CertificatePolicy, VncSecurity};
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret};
use jump_core::{Error, ErrorKind, Result};

use crate::security::{SecurityPolicy, SecurityType, VncCredential};

/// Logins in which the target shows a certificate or key.
const SHOWS_ITSELF: [SecurityType; 7] = [
    SecurityType::X509_PLAIN,
    SecurityType::X509_VNC,
    SecurityType::X509_NONE,
    SecurityType::RA2_256,
    SecurityType::RA2,
    SecurityType::RA2NE_256,
    SecurityType::RA2NE,
];

/// The logins that the item allows.
///
/// What a target offers is not protected: who is on the path can take the strong logins out. So where a certificate or key
/// is pinned only those are left in which the target shows it, and a target that offers none of them is not logged in to.
pub(super) fn security(certificates: &CertificatePolicy) -> SecurityPolicy {
    let allowed = match certificates.minimum_security {
        VncSecurity::Encrypted => SecurityPolicy::encrypted(),
        VncSecurity::Password => SecurityPolicy::default(),
        VncSecurity::None => SecurityPolicy::default()
            .and(SecurityType::NONE)
            .and(SecurityType::PLAIN),
    };
    if certificates.pinned.is_empty() {
        return allowed;
    }
    let shown: Vec<SecurityType> = SHOWS_ITSELF
        .into_iter()
        .filter(|kind| allowed.allows(*kind))
        .collect();
    SecurityPolicy::only(&shown)
}

/// The same without what is chosen from VeNCrypt's list: for a target whose list has nothing that can be used, and which
/// offers something beside it. `None` if nothing would be left.
pub(super) fn beside_vencrypt(policy: SecurityPolicy) -> Option<SecurityPolicy> {
    let rest = [
        SecurityType::X509_PLAIN,
        SecurityType::X509_VNC,
        SecurityType::X509_NONE,
        SecurityType::PLAIN,
    ]
    .into_iter()
    .fold(policy, SecurityPolicy::without);
    SecurityType::BY_STRENGTH
        .iter()
        .any(|kind| rest.allows(*kind))
        .then_some(rest)
}

/// The credential as VNC's logins take it.
///
/// # Errors
/// [`ErrorKind::TargetAuthentication`] for one that is no password.
pub(super) fn credential(credential: Option<&Credential>) -> Result<VncCredential> {
    let Some(Credential { username, secret }) = credential else {
        return Ok(VncCredential::None);
    };
    let CredentialSecret::Password(password) = secret else {
        return Err(Error::new(
            ErrorKind::TargetAuthentication,
            "log in to the target",
            "a VNC target takes a password, and the item has another kind of credential",
        ));
    };
    let password = Secret::new(password.expose().clone());
    Ok(if username.is_empty() {
        VncCredential::Password(password)
    } else {
        VncCredential::Login {
            user: username.clone(),
            password,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jump_core::model::Field;

    #[test]
    fn a_pin_leaves_only_logins_that_show_it() {
        let mut certificates = CertificatePolicy::default();
        assert!(security(&certificates).allows(SecurityType::VNC_AUTH));
        assert!(!security(&certificates).allows(SecurityType::NONE));
        certificates.pinned = vec![Field::new("00".repeat(32)).unwrap()];
        for minimum in [VncSecurity::Encrypted, VncSecurity::Password, VncSecurity::None] {
            certificates.minimum_security = minimum;
            let policy = security(&certificates);
            assert!(policy.allows(SecurityType::X509_PLAIN));
            for weak in [
                SecurityType::NONE,
                SecurityType::PLAIN,
                SecurityType::VNC_AUTH,
                SecurityType::APPLE_DH,
            ] {
                assert!(!policy.allows(weak), "{weak:?}");
            }
            assert_eq!(
                policy.allows(SecurityType::RA2NE),
                minimum != VncSecurity::Encrypted
            );
        }
    }

    #[test]
    fn beside_vencrypt_nothing_is_allowed_that_was_not() {
        assert!(beside_vencrypt(SecurityPolicy::only(&[SecurityType::X509_VNC])).is_none());
        let rest = beside_vencrypt(SecurityPolicy::default()).unwrap();
        assert!(rest.allows(SecurityType::VNC_AUTH) && !rest.allows(SecurityType::NONE));
    }
}
