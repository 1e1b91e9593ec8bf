//! What may happen in a session: the item's session policy, then the user's, then the site's.

use serde::{Deserialize, Serialize};

use crate::model::{CommandFilter, JumpItem, Name, SessionPolicy, User, World};
use crate::session::{SessionPermission, SessionPermissions};

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

type Layer<'w> = (PermissionRule, &'w SessionPolicy);

fn layers<'w>(world: &'w World, user: &User, item: &JumpItem) -> [Option<Layer<'w>>; 3] {
    let layer = |rule, id| {
        let policy = world.session_policy(id?)?;
        Some((rule, &**policy))
    };
    [
        layer(PermissionRule::ItemPolicy, item.session_policy),
        layer(PermissionRule::UserPolicy, user.session_policy),
        layer(PermissionRule::SitePolicy, world.site().session_policy),
    ]
}

fn explain<'w>(
    layers: &[Option<Layer<'w>>; 3],
    possible: &SessionPermissions,
    permission: SessionPermission,
) -> (bool, PermissionRule, Option<&'w Name>) {
    if !possible.get(permission) {
        return (false, PermissionRule::Item, None);
    }
    let defined = layers.iter().flatten().find_map(|(rule, policy)| {
        let allowed = *policy.permissions.get(&permission)?;
        Some((allowed, *rule, Some(&policy.name)))
    });
    // Others are let in only where somebody said so.
    defined.unwrap_or((
        permission != SessionPermission::Sharing,
        PermissionRule::Default,
        None,
    ))
}

/// The permissions of a session and its command filter.
pub(super) fn resolve(
    world: &World,
    user: &User,
    item: &JumpItem,
) -> (SessionPermissions, Option<CommandFilter>) {
    let layers = layers(world, user, item);
    let possible = item.details.possible();
    if layers.iter().all(Option::is_none) {
        let sharing = SessionPermissions {
            sharing: false,
            ..possible
        };
        return (sharing, None);
    }
    let mut permissions = SessionPermissions::NONE;
    for permission in SessionPermission::ALL {
        permissions.set(*permission, explain(&layers, &possible, *permission).0);
    }
    let commands = layers
        .iter()
        .flatten()
        .find_map(|(_, policy)| policy.commands.clone());
    (permissions, commands)
}

/// Every permission of a session of this user on this item, with the rule that decided it.
#[must_use]
pub fn explain_permissions(world: &World, user: &User, item: &JumpItem) -> Vec<ExplainedPermission> {
    let layers = layers(world, user, item);
    let possible = item.details.possible();
    SessionPermission::ALL
        .iter()
        .map(|permission| {
            let (allowed, rule, policy) = explain(&layers, &possible, *permission);
            ExplainedPermission {
                permission: *permission,
                allowed,
                rule,
                policy: policy.cloned(),
            }
        })
        .collect()
}
