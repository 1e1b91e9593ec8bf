//! Between which paths files may move in a session: per direction the first of the item's session policy, the user's and
//! the site's that says something.

use serde::{Deserialize, Serialize};

use super::PermissionRule;
use crate::id::SessionPolicyId;
use crate::model::{JumpItem, Name, PathLimits, PathPattern, SessionPolicy, User, World};
use crate::protocol::TransferDirection;

/// The paths of one direction, explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedPaths {
    /// Which direction.
    pub direction: TransferDirection,
    /// Where files may move in it, and beneath.
    pub paths: Vec<PathPattern>,
    /// The rule that says so.
    pub rule: PermissionRule,
    /// The session policy that says so.
    pub policy: Name,
}

/// The rule that says something of a direction, its policy, and what that says.
fn defined(
    world: &World,
    user: Option<SessionPolicyId>,
    item: Option<SessionPolicyId>,
    direction: TransferDirection,
) -> Option<(PermissionRule, &SessionPolicy, &[PathPattern])> {
    let layers = [
        (PermissionRule::ItemPolicy, item),
        (PermissionRule::UserPolicy, user),
        (PermissionRule::SitePolicy, world.site().session_policy),
    ];
    layers.into_iter().find_map(|(rule, id)| {
        let policy = world.session_policy(id?)?;
        let paths = match direction {
            TransferDirection::Upload => &policy.paths.upload,
            TransferDirection::Download => &policy.paths.download,
        };
        (!paths.is_empty()).then_some((rule, &**policy, paths.as_slice()))
    })
}

/// The path limits of a session, from the session policies of the user and of the item.
pub(super) fn resolve(
    world: &World,
    user: Option<SessionPolicyId>,
    item: Option<SessionPolicyId>,
) -> PathLimits {
    let paths = |direction| {
        defined(world, user, item, direction)
            .map(|(_, _, paths)| paths.to_vec())
            .unwrap_or_default()
    };
    PathLimits {
        upload: paths(TransferDirection::Upload),
        download: paths(TransferDirection::Download),
    }
}

/// The limited directions of a session of this user on this item, with the rule that decided each.
#[must_use]
pub fn explain_paths(world: &World, user: &User, item: &JumpItem) -> Vec<ExplainedPaths> {
    [TransferDirection::Upload, TransferDirection::Download]
        .into_iter()
        .filter_map(|direction| {
            let (rule, policy, paths) = defined(world, user.session_policy, item.session_policy, direction)?;
            Some(ExplainedPaths {
                direction,
                paths: paths.to_vec(),
                rule,
                policy: policy.name.clone(),
            })
        })
        .collect()
}
