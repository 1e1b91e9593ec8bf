//! Finding what an edit names.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    GroupPolicy, JumpGroup, JumpPolicy, Jumpoint, Name, Placement, Role, SessionPolicy, Team, User, UserName,
    World,
};

pub(super) fn missing(what: &str, name: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "change the site",
        format!("there is no {what} named `{name}`"),
    )
}

macro_rules! named {
    ($($function:ident, $find:ident, $what:literal: $name:ty => $object:ty;)+) => {
        $(
            #[doc = concat!("The ", $what, " with this name.")]
            pub(super) fn $function<'w>(world: &'w World, name: &$name) -> Result<&'w Arc<$object>> {
                world.$find(name.as_str()).ok_or_else(|| missing($what, name.as_str()))
            }
        )+
    };
}

named! {
    user, user_named, "user": UserName => User;
    group, group_named, "group": Name => JumpGroup;
    jumpoint, jumpoint_named, "jumpoint": Name => Jumpoint;
    role, role_named, "role": Name => Role;
    jump_policy, policy_named, "jump policy": Name => JumpPolicy;
    session_policy, session_policy_named, "session policy": Name => SessionPolicy;
    group_policy, group_policy_named, "group policy": Name => GroupPolicy;
    team, team_named, "team": Name => Team;
}

/// A group, or `@` and a user's name for that personal list. A group whose name starts with `@` is reached by its code name.
pub(super) fn place(world: &World, name: &Name) -> Result<Placement> {
    match name.as_str().strip_prefix('@') {
        Some(owner) => world
            .user_named(owner)
            .map(|user| Placement::personal(user.id))
            .ok_or_else(|| missing("personal list", name.as_str())),
        None => group(world, name).map(|group| Placement::Shared(group.id)),
    }
}
