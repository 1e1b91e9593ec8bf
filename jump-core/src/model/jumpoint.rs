//! Jumpoints: the agents in remote networks.

use serde::{Deserialize, Serialize};

use super::{CodeName, Comments, Name};
use crate::id::JumpointId;
use crate::keys::{PublicKey, SealingPublicKey};

/// A Jumpoint as the site knows it. Deleting one deletes the Jump Items behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jumpoint {
    /// Its id.
    pub id: JumpointId,
    /// Its name, unique in the site.
    pub name: Name,
    /// What imports and scripts call it, unique among Jumpoints; `None` is [`CodeName::of`] its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_name: Option<CodeName>,
    /// What it is for.
    #[serde(default)]
    pub comments: Comments,
    /// A disabled Jumpoint takes no session and keeps none.
    pub enabled: bool,
    /// Whether Shell Jump is allowed through it.
    pub shell_jump_enabled: bool,
    /// Whether Protocol Tunnel Jump is allowed through it.
    pub protocol_tunnel_enabled: bool,
    /// The key it proved when it enrolled; `None` until then.
    pub key: Option<PublicKey>,
    /// The key to which credentials for its targets are sealed; `None` until it enrolled.
    pub sealing_key: Option<SealingPublicKey>,
}

impl Jumpoint {
    /// An enabled Jumpoint that has not enrolled yet and allows both methods.
    #[must_use]
    pub fn new(id: JumpointId, name: Name) -> Self {
        Self {
            id,
            name,
            code_name: None,
            comments: Comments::default(),
            enabled: true,
            shell_jump_enabled: true,
            protocol_tunnel_enabled: true,
            key: None,
            sealing_key: None,
        }
    }

    /// Its code name, given or made from the name.
    #[must_use]
    pub fn code_name(&self) -> CodeName {
        self.code_name.clone().unwrap_or_else(|| CodeName::of(&self.name))
    }
}
