//! Users, and by which methods each may jump.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Role, UserName};
use crate::id::{RoleId, UserId};

/// A person or program that may be let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The name it logs in with, unique in the site.
    pub name: UserName,
    /// A disabled user can neither log in nor keep a session.
    pub enabled: bool,
    /// Whether it may administer the site: users, groups, Jumpoints, live sessions. It gives no access to any Jump
    /// Item by itself.
    pub administrator: bool,
    /// By which methods it may jump at all; none by default.
    pub allowed_methods: JumpMethods,
    /// The role that applies in a Jump Group where its membership says "user's default". No Access by default.
    pub default_role: RoleId,
}

impl User {
    /// An enabled user who may do nothing yet.
    #[must_use]
    pub const fn new(id: UserId, name: UserName) -> Self {
        Self {
            id,
            name,
            enabled: true,
            administrator: false,
            allowed_methods: JumpMethods::NONE,
            default_role: Role::NO_ACCESS,
        }
    }
}

/// A way to jump; each is allowed per user, apart from roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JumpMethod {
    /// A shell on a target through a Jumpoint (`perm_shell_jump`).
    ShellJump,
    /// TCP to permitted ports of a target through a Jumpoint (`perm_protocol_tunnel`).
    ProtocolTunnel,
}

impl JumpMethod {
    /// Every method.
    pub const ALL: &'static [JumpMethod] = &[JumpMethod::ShellJump, JumpMethod::ProtocolTunnel];

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl fmt::Display for JumpMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JumpMethod::ShellJump => "Shell Jump",
            JumpMethod::ProtocolTunnel => "Protocol Tunnel Jump",
        })
    }
}

/// A set of [`JumpMethod`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<JumpMethod>", into = "Vec<JumpMethod>")]
pub struct JumpMethods(u32);

impl JumpMethods {
    /// No method at all.
    pub const NONE: Self = Self(0);

    /// Every method this version knows.
    #[must_use]
    pub fn all() -> Self {
        JumpMethod::ALL.iter().copied().collect()
    }

    /// Whether the method is in the set.
    #[must_use]
    pub const fn contains(self, method: JumpMethod) -> bool {
        self.0 & method.bit() != 0
    }

    /// The methods in the set.
    pub fn iter(self) -> impl Iterator<Item = JumpMethod> {
        JumpMethod::ALL
            .iter()
            .copied()
            .filter(move |method| self.contains(*method))
    }
}

impl FromIterator<JumpMethod> for JumpMethods {
    fn from_iter<I: IntoIterator<Item = JumpMethod>>(methods: I) -> Self {
        Self(methods.into_iter().fold(0, |set, method| set | method.bit()))
    }
}

impl From<Vec<JumpMethod>> for JumpMethods {
    fn from(methods: Vec<JumpMethod>) -> Self {
        methods.into_iter().collect()
    }
}

impl From<JumpMethods> for Vec<JumpMethod> {
    fn from(methods: JumpMethods) -> Self {
        methods.iter().collect()
    }
}
