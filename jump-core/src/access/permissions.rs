//! What may happen in a session: the item's session policy, then the user's, then the site's.

use serde::{Deserialize, Serialize};

use crate::id::SessionPolicyId;
use crate::model::{CommandFilter, ItemRules, JumpItem, Name, SessionPolicyEntry, User, World};
use crate::session::{PermissionBits, SessionPermission, SessionPermissions};

/// Whose session policy says whether something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PermissionRule {
    /// The type of the item, or its own switches, leave it out: no policy can allow it.
    Item,
    /// The item's session policy.
    ItemPolicy,
    /// The user's session policy.
    UserPolicy,
    /// The site's session policy.
    SitePolicy,
    /// Nobody says anything.
    Default,
}

/// One permission of a session, explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedPermission {
    /// Which.
    pub permission: SessionPermission,
    /// Whether it may happen.
    pub allowed: bool,
    /// The rule that says so.
    pub rule: PermissionRule,
    /// The session policy, if one says so.
    pub policy: Option<Name>,
}

type Layer<'w> = (PermissionRule, &'w SessionPolicyEntry);

fn layers(
    world: &World,
    user: Option<SessionPolicyId>,
    item: Option<SessionPolicyId>,
) -> [Option<Layer<'_>>; 3] {
    let layer = |rule, id: Option<_>| Some((rule, world.session_policy_entry(id?)?));
    [
        layer(PermissionRule::ItemPolicy, item),
        layer(PermissionRule::UserPolicy, user),
        layer(PermissionRule::SitePolicy, world.site().session_policy),
    ]
}

fn explain<'w>(
    layers: &[Option<Layer<'w>>; 3],
    possible: PermissionBits,
    permission: SessionPermission,
) -> (PermissionRule, Option<&'w Name>) {
    if !possible.contains(permission) {
        return (PermissionRule::Item, None);
    }
    layers
        .iter()
        .flatten()
        .find(|(_, policy)| policy.defined.contains(permission))
        .map_or((PermissionRule::Default, None), |(rule, entry)| {
            (*rule, Some(&entry.policy.name))
        })
}

/// Each policy says what it says of what those before it say nothing of.
fn allowed(layers: &[Option<Layer<'_>>; 3], possible: PermissionBits) -> PermissionBits {
    let (mut allowed, mut open) = (PermissionBits::NONE, possible);
    for (_, policy) in layers.iter().flatten() {
        allowed = allowed.or(open.and(policy.allowed));
        open = open.without(policy.defined);
    }
    // Others are let in only where somebody said so.
    allowed.or(open.without(SessionPermission::Sharing.into()))
}

/// The permissions of a session and its command filter.
pub(super) fn resolve(
    world: &World,
    user: Option<SessionPolicyId>,
    item: &ItemRules,
) -> (SessionPermissions, Option<CommandFilter>) {
    let layers = layers(world, user, item.session_policy);
    let commands = layers
        .iter()
        .flatten()
        .find_map(|(_, entry)| entry.policy.commands.clone());
    (allowed(&layers, item.possible).into(), commands)
}

/// Every permission of a session of this user on this item, with the rule that decided it.
#[must_use]
pub fn explain_permissions(world: &World, user: &User, item: &JumpItem) -> Vec<ExplainedPermission> {
    let layers = layers(world, user.session_policy, item.session_policy);
    let possible = item.details.possible().bits();
    let allowed = allowed(&layers, possible);
    SessionPermission::ALL
        .iter()
        .map(|permission| {
            let (rule, policy) = explain(&layers, possible, *permission);
            ExplainedPermission {
                permission: *permission,
                allowed: allowed.contains(*permission),
                rule,
                policy: policy.cloned(),
            }
        })
        .collect()
}
