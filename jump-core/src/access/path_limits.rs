//! Between which paths files may move in a session: per direction the first of the item's session policy, the user's and
//! the site's that says something.

use serde::{Deserialize, Serialize};

use super::PermissionRule;
use crate::model::{JumpItem, Name, PathLimits, PathPattern, User, World};
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

fn explain(
    world: &World,
    user: &User,
    item: &JumpItem,
    direction: TransferDirection,
) -> Option<ExplainedPaths> {
    let layers = [
        (PermissionRule::ItemPolicy, item.session_policy),
        (PermissionRule::UserPolicy, user.session_policy),
        (PermissionRule::SitePolicy, world.site().session_policy),
    ];
    layers.into_iter().find_map(|(rule, id)| {
        let policy = world.session_policy(id?)?;
        let paths = match direction {
            TransferDirection::Upload => &policy.paths.upload,
            TransferDirection::Download => &policy.paths.download,
        };
        (!paths.is_empty()).then(|| ExplainedPaths {
            direction,
            paths: paths.clone(),
            rule,
            policy: policy.name.clone(),
        })
    })
}

/// The path limits of a session.
pub(super) fn resolve(world: &World, user: &User, item: &JumpItem) -> PathLimits {
    let paths = |direction| {
        explain(world, user, item, direction)
            .map(|one| one.paths)
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
        .filter_map(|direction| explain(world, user, item, direction))
        .collect()
}
