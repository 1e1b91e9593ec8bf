//! Which logins are allowed, and with what.

use jump_core::secret::Secret;

use super::SecurityType;
use super::types::Method;
use crate::{RfbError, RfbResult};

/// What the target is logged in to with. Never printed.
#[derive(Debug)]
pub enum VncCredential {
    /// Nothing.
    None,
    /// A password alone. Of [`SecurityType::VNC_AUTH`] only its first 8 bytes count, by the protocol.
    Password(Secret<String>),
    /// A user name and a password.
    Login {
        /// The user's name on the target.
        user: String,
        /// That user's password, and also the password alone where the server wants no name.
        password: Secret<String>,
    },
}

impl VncCredential {
    pub(crate) fn password(&self) -> Option<&Secret<String>> {
        match self {
            VncCredential::None => None,
            VncCredential::Password(password) | VncCredential::Login { password, .. } => Some(password),
        }
    }

    pub(crate) fn login(&self) -> Option<(&str, &Secret<String>)> {
        match self {
            VncCredential::Login { user, password } => Some((user, password)),
            _ => None,
        }
    }

    /// Whether the method can be done with it. Which of its parts RSA-AES wants the server says later.
    fn is_enough_for(&self, method: Method) -> bool {
        match method {
            Method::None => true,
            Method::VncAuth | Method::RsaAes(_) => self.password().is_some(),
            Method::Plain | Method::AppleDh => self.login().is_some(),
        }
    }
}

/// Which logins a target may be logged in to with. The strongest one that the server offers is taken; one that is not
/// allowed is never taken, whatever the server says, and there is no second try.
///
/// What the server offers is not protected: someone on the path can take the strong ones out. Only a policy without the
/// weak ones prevents that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityPolicy {
    allowed: Vec<SecurityType>,
    tight_first: bool,
}

impl Default for SecurityPolicy {
    /// Everything but [`SecurityType::NONE`] and [`SecurityType::PLAIN`], which an item has to allow by itself.
    fn default() -> Self {
        Self::of(|kind| kind != SecurityType::NONE && kind != SecurityType::PLAIN)
    }
}

impl SecurityPolicy {
    /// Only what encrypts everything to a server whose identity is checked.
    #[must_use]
    pub fn encrypted() -> Self {
        Self::of(SecurityType::encrypts_everything)
    }

    /// Only these. Those that cannot be done here are left out; their order does not matter.
    #[must_use]
    pub fn only(kinds: &[SecurityType]) -> Self {
        Self::of(|kind| kinds.contains(&kind))
    }

    fn of(allowed: impl Fn(SecurityType) -> bool) -> Self {
        let all = SecurityType::BY_STRENGTH.iter().copied();
        Self {
            allowed: all.filter(|kind| allowed(*kind)).collect(),
            tight_first: false,
        }
    }

    /// These and one more.
    #[must_use]
    pub fn and(self, kind: SecurityType) -> Self {
        Self {
            tight_first: self.tight_first,
            ..Self::of(|other| other == kind || self.allows(other))
        }
    }

    /// These without one.
    #[must_use]
    pub fn without(self, kind: SecurityType) -> Self {
        Self {
            tight_first: self.tight_first,
            ..Self::of(|other| other != kind && self.allows(other))
        }
    }

    /// Takes a login by way of TightVNC's extensions even if it is offered directly, too: the server then lists what else
    /// it can do.
    #[must_use]
    pub fn tight_first(self) -> Self {
        Self {
            tight_first: true,
            ..self
        }
    }

    /// Whether this one may be taken.
    #[must_use]
    pub fn allows(&self, kind: SecurityType) -> bool {
        self.allowed.contains(&kind)
    }

    /// What to take of a server's own list: a login, or the list that has one.
    pub(crate) fn choose(
        &self,
        offered: &[SecurityType],
        credential: &VncCredential,
    ) -> RfbResult<SecurityType> {
        let vencrypt = offered.contains(&SecurityType::VENCRYPT);
        let tight = offered.contains(&SecurityType::TIGHT);
        for kind in self.possible(credential) {
            let by_tight = tight && matches!(kind, SecurityType::NONE | SecurityType::VNC_AUTH);
            if by_tight && self.tight_first {
                return Ok(SecurityType::TIGHT);
            }
            if offered.contains(&kind) && !kind.is_subtype() {
                return Ok(kind);
            }
            if vencrypt && kind.is_subtype() {
                return Ok(SecurityType::VENCRYPT);
            }
            if by_tight {
                return Ok(SecurityType::TIGHT);
            }
        }
        Err(self.why_not(offered, credential))
    }

    /// What to take of a list within TightVNC's extensions or VeNCrypt, or of one login alone.
    pub(crate) fn choose_login(
        &self,
        offered: &[SecurityType],
        credential: &VncCredential,
    ) -> RfbResult<SecurityType> {
        self.possible(credential)
            .find(|kind| offered.contains(kind))
            .ok_or_else(|| self.why_not(offered, credential))
    }

    fn possible<'a>(&'a self, credential: &'a VncCredential) -> impl Iterator<Item = SecurityType> + 'a {
        self.allowed.iter().copied().filter(|kind| {
            kind.method()
                .is_some_and(|method| credential.is_enough_for(method))
        })
    }

    fn why_not(&self, offered: &[SecurityType], credential: &VncCredential) -> RfbError {
        let lacks = |kind: SecurityType| {
            kind.method()
                .is_some_and(|method| !credential.is_enough_for(method))
        };
        let list = |kind| matches!(kind, SecurityType::VENCRYPT | SecurityType::TIGHT);
        if offered.iter().any(|kind| self.allows(*kind) && lacks(*kind)) {
            return RfbError::MissingCredential(
                "the server wants a password or a user name that the item does not have",
            );
        }
        if offered.iter().any(|kind| kind.method().is_some() || list(*kind)) {
            return RfbError::NotAllowed("the server offers only logins that the item does not allow");
        }
        if offered.iter().any(|kind| kind.is_anonymous_tls()) {
            return RfbError::Unsupported(
                "the server's TLS is anonymous: it has no certificate, so anyone on the path could be the server; let it \
                 offer X509None, X509Vnc or X509Plain",
            );
        }
        RfbError::Unsupported("none of the server's security types")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login() -> VncCredential {
        VncCredential::Login {
            user: "u".to_owned(),
            password: Secret::new("p".to_owned()),
        }
    }

    #[test]
    fn the_strongest_allowed_one_is_taken() {
        use SecurityType as Kind;
        let all = SecurityPolicy::only(Kind::BY_STRENGTH);
        let usual = SecurityPolicy::default();
        for (policy, offered, taken) in [
            (&all, &[Kind::NONE, Kind::VNC_AUTH][..], Kind::VNC_AUTH),
            (
                &all,
                &[Kind::NONE, Kind::VNC_AUTH, Kind::VENCRYPT],
                Kind::VENCRYPT,
            ),
            (&all, &[Kind::RA2, Kind::RA2_256], Kind::RA2_256),
            (&all, &[Kind::VNC_AUTH, Kind::APPLE_DH], Kind::APPLE_DH),
            (&all, &[Kind::TIGHT, Kind::VNC_AUTH], Kind::VNC_AUTH),
            (&usual, &[Kind::TIGHT, Kind::NONE], Kind::TIGHT),
        ] {
            assert_eq!(policy.choose(offered, &login()), Ok(taken), "{offered:?}");
        }
        let tight = usual.tight_first();
        assert_eq!(
            tight.choose(&[Kind::VNC_AUTH, Kind::TIGHT], &login()),
            Ok(Kind::TIGHT)
        );
    }

    #[test]
    fn nothing_weaker_is_taken_and_the_reason_is_said() {
        use SecurityType as Kind;
        let not_allowed = |policy: SecurityPolicy, offered: &[Kind]| {
            assert!(matches!(
                policy.choose(offered, &login()),
                Err(RfbError::NotAllowed(_))
            ));
        };
        not_allowed(SecurityPolicy::default(), &[Kind::NONE]);
        not_allowed(
            SecurityPolicy::encrypted(),
            &[Kind::NONE, Kind::VNC_AUTH, Kind::RA2NE],
        );
        not_allowed(SecurityPolicy::only(&[Kind::NONE]), &[Kind::VNC_AUTH]);
        let usual = SecurityPolicy::default();
        assert!(matches!(
            usual.choose(&[Kind::VNC_AUTH], &VncCredential::None),
            Err(RfbError::MissingCredential(_))
        ));
        assert!(matches!(
            usual.choose_login(&[Kind::TLS_VNC, Kind::TLS_NONE], &login()),
            Err(RfbError::Unsupported(why)) if why.contains("anonymous")
        ));
        assert!(matches!(
            usual.choose(&[Kind(113)], &login()),
            Err(RfbError::Unsupported(_))
        ));
    }
}
