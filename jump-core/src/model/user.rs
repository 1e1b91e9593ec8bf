//! Users, and by which methods each may jump.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{RoleSlots, UserName};
use crate::id::{RoleId, SessionPolicyId, UserId};

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
    /// By which methods it may jump at all; `None` leaves it to the user's group policies, and where they say nothing it
    /// is no method.
    #[serde(default)]
    pub allowed_methods: Option<JumpMethods>,
    /// The role that applies in a Jump Group where its membership says "user's default". As the other three slots:
    /// `None` leaves it to the user's group policies, and where they say nothing it is No Access.
    #[serde(default)]
    pub default_role: Option<RoleId>,
    /// The role on its own personal list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal_role: Option<RoleId>,
    /// The role on personal lists of team members with a lower team role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_role: Option<RoleId>,
    /// The role everywhere else; anything but No Access shows it groups it is not in, and others' personal lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_role: Option<RoleId>,
    /// What may happen in its sessions where the item has no session policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_policy: Option<SessionPolicyId>,
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
            allowed_methods: None,
            default_role: None,
            personal_role: None,
            team_role: None,
            system_role: None,
            session_policy: None,
        }
    }

    /// The four role slots of the account.
    #[must_use]
    pub const fn slots(&self) -> RoleSlots {
        RoleSlots {
            default: self.default_role,
            personal: self.personal_role,
            team: self.team_role,
            system: self.system_role,
        }
    }
}

macro_rules! jump_methods {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)+) => {
        /// A way to jump; each is allowed per user, apart from roles.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum JumpMethod {
            $($(#[doc = $doc])+ $name,)+
        }

        impl JumpMethod {
            /// Every method.
            pub const ALL: &'static [JumpMethod] = &[$(JumpMethod::$name,)+];

            const fn bit(self) -> u32 {
                1 << self as u32
            }
        }

        impl fmt::Display for JumpMethod {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $(JumpMethod::$name => $text,)+
                })
            }
        }
    };
}

jump_methods! {
    /// A shell on a target through a Jumpoint (`perm_shell_jump`).
    ShellJump = "Shell Jump";
    /// TCP to permitted ports of a target through a Jumpoint (`perm_protocol_tunnel`).
    ProtocolTunnel = "Protocol Tunnel Jump";
    /// An agent that is installed on the target (`perm_jump_client`).
    JumpClient = "Jump Client";
    /// An agent that is pushed to a host of the rep's own network (`perm_local_jump`).
    LocalJump = "Local Jump";
    /// An agent that is pushed to a host through a Jumpoint (`perm_remote_jump`).
    RemoteJump = "Remote Jump";
    /// VNC in the rep's own network (`perm_local_vnc`).
    LocalVnc = "Local VNC";
    /// VNC through a Jumpoint (`perm_remote_vnc`).
    RemoteVnc = "Remote VNC";
    /// RDP in the rep's own network (`perm_local_rdp`).
    LocalRdp = "Local RDP";
    /// RDP through a Jumpoint (`perm_remote_rdp`).
    RemoteRdp = "Remote RDP";
    /// Intel vPro through a Jumpoint (`perm_vpro`).
    IntelVpro = "Intel vPro";
}

impl JumpMethod {
    /// Whether it goes through a Jumpoint. The others start in the rep's own network, or at an agent that connects by
    /// itself.
    #[must_use]
    pub const fn needs_jumpoint(self) -> bool {
        !matches!(
            self,
            JumpMethod::JumpClient | JumpMethod::LocalJump | JumpMethod::LocalVnc | JumpMethod::LocalRdp
        )
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
