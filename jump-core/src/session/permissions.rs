//! What may happen in a session.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! session_permissions {
    ($($(#[doc = $doc:literal])+ $variant:ident, $field:ident = $default:literal;)+) => {
        /// One thing that may happen in a session, or not.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum SessionPermission {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl SessionPermission {
            /// Every permission.
            pub const ALL: &'static [SessionPermission] = &[$(SessionPermission::$variant,)+];

            const fn bit(self) -> u16 {
                1 << self as u16
            }

            /// Its name, such as `file_upload`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(SessionPermission::$variant => stringify!($field),)+
                }
            }
        }

        /// What the rep may do inside a session. Each gate enforces what its protocol has a message for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(from = "Written")]
        pub struct SessionPermissions {
            $($(#[doc = $doc])+ pub $field: bool,)+
        }

        impl SessionPermissions {
            /// Nothing may happen.
            pub const NONE: Self = Self { $($field: false,)+ };
            /// Everything may happen.
            pub const ALL: Self = Self { $($field: true,)+ };

            /// Whether it may happen.
            #[must_use]
            pub const fn get(&self, permission: SessionPermission) -> bool {
                match permission {
                    $(SessionPermission::$variant => self.$field,)+
                }
            }

            /// Says whether it may happen.
            pub const fn set(&mut self, permission: SessionPermission, allowed: bool) {
                match permission {
                    $(SessionPermission::$variant => self.$field = allowed,)+
                }
            }
        }

        impl SessionPermissions {
            /// The same as bits.
            pub(crate) const fn bits(self) -> PermissionBits {
                let mut bits = 0;
                $(if self.$field {
                    bits |= SessionPermission::$variant.bit();
                })+
                PermissionBits(bits)
            }
        }

        impl From<PermissionBits> for SessionPermissions {
            fn from(bits: PermissionBits) -> Self {
                Self { $($field: bits.contains(SessionPermission::$variant),)+ }
            }
        }

        impl Default for SessionPermissions {
            /// All but forwarding connections and sharing the session.
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        /// As it is written: what is missing is at its default, and `file_transfer` stands for both directions.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            #[serde(default)]
            file_transfer: Option<bool>,
            $(#[serde(default)] $field: Option<bool>,)+
        }

        impl From<Written> for SessionPermissions {
            fn from(written: Written) -> Self {
                let mut permissions = Self::default();
                if let Some(both) = written.file_transfer {
                    permissions.file_upload = both;
                    permissions.file_download = both;
                }
                $(if let Some(allowed) = written.$field {
                    permissions.$field = allowed;
                })+
                permissions
            }
        }
    };
}

session_permissions! {
    /// An interactive shell.
    Shell, shell = true;
    /// Running a command without a shell.
    Exec, exec = true;
    /// Files from the rep to the target. A shell or command can move files as well: without it honest users and tools are
    /// kept from doing so by accident, others are not.
    FileUpload, file_upload = true;
    /// Files from the target to the rep, with the same limit.
    FileDownload, file_download = true;
    /// Connections from the target to other hosts through the session (`direct-tcpip`). Off by default.
    PortForwarding, port_forwarding = false;
    /// Keys and pointer reach the target; without it the screen can only be viewed.
    KeyboardMouse, keyboard_mouse = true;
    /// The rep's clipboard reaches the target.
    ClipboardToTarget, clipboard_to_target = true;
    /// The target's clipboard reaches the rep.
    ClipboardFromTarget, clipboard_from_target = true;
    /// Pictures of the screen may be taken through the library.
    Screenshot, screenshot = true;
    /// Others may be let into the session. Off by default.
    Sharing, sharing = false;
}

/// A set of [`SessionPermission`]s, a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PermissionBits(u16);

impl PermissionBits {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) const fn contains(self, permission: SessionPermission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// What is in both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in one of them or both.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this one and not in the other.
    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl From<SessionPermission> for PermissionBits {
    fn from(permission: SessionPermission) -> Self {
        Self(permission.bit())
    }
}

impl FromIterator<SessionPermission> for PermissionBits {
    fn from_iter<I: IntoIterator<Item = SessionPermission>>(permissions: I) -> Self {
        Self(
            permissions
                .into_iter()
                .fold(0, |set, permission| set | permission.bit()),
        )
    }
}

impl SessionPermissions {
    /// Whether files may move in at least one direction.
    #[must_use]
    pub const fn moves_files(&self) -> bool {
        self.file_upload || self.file_download
    }

    /// What both allow.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for permission in SessionPermission::ALL {
            if !other.get(*permission) {
                self.set(*permission, false);
            }
        }
        self
    }
}

impl fmt::Display for SessionPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What happens when a session's recording fails or cannot keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingMode {
    /// Nothing is recorded.
    Off,
    /// The session goes on; what was lost is counted in the recording and in the audit log.
    BestEffort,
    /// The session waits until the recording has caught up, and ends if it fails.
    #[default]
    Backpressure,
    /// The session ends as soon as the recording cannot keep up or fails.
    FailClosed,
}

impl fmt::Display for RecordingMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RecordingMode::Off => "off",
            RecordingMode::BestEffort => "best_effort",
            RecordingMode::Backpressure => "backpressure",
            RecordingMode::FailClosed => "fail_closed",
        })
    }
}
