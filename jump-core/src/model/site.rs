//! What holds for the whole site where nothing more specific says otherwise.

use serde::{Deserialize, Serialize};

use crate::id::SessionPolicyId;

/// What holds for the whole site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SiteSettings {
    /// What may happen in sessions where neither the item nor the user has a session policy that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_policy: Option<SessionPolicyId>,
    /// Whether several sessions may run on one item where its Jump Policy leaves it to the site.
    pub simultaneous_jumps: bool,
}

impl Default for SiteSettings {
    /// No session policy; sessions may run beside each other.
    fn default() -> Self {
        Self {
            session_policy: None,
            simultaneous_jumps: true,
        }
    }
}
