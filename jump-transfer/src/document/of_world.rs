//! What a site looks like as a document.

mod items;
mod policies;

use std::sync::Arc;

use jump_core::error::{Error, ErrorKind, Result};
use jump_core::id::{GroupId, JumpointId, PolicyId, RoleId, SessionPolicyId, TeamId, UserId};
use jump_core::model;
use jump_core::model::{JumpItem, Name, Placement, UserName, World};

use self::items::items;
pub(crate) use self::items::{Originals, item};
pub(crate) use self::policies::setting;
use self::policies::{grants, group_policies, jump_policy, memberships, role, session_policy_of};
use super::{Document, Group, ItemRef, Jumpoint, Site, Team, TeamMember, User, VERSION};
use crate::names::fold;

fn dangling(what: &str) -> Error {
    Error::new(
        ErrorKind::Internal,
        "export the site",
        format!("a reference to a {what} leads nowhere"),
    )
}

/// Names of what ids refer to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Namer<'w>(pub(crate) &'w World);

impl Namer<'_> {
    fn role(self, id: RoleId) -> Result<Name> {
        Ok(self.0.role(id).ok_or_else(|| dangling("role"))?.name.clone())
    }

    fn user(self, id: UserId) -> Result<UserName> {
        Ok(self.0.user(id).ok_or_else(|| dangling("user"))?.name.clone())
    }

    fn team(self, id: TeamId) -> Result<Name> {
        Ok(self.0.team(id).ok_or_else(|| dangling("team"))?.name.clone())
    }

    fn group(self, id: GroupId) -> Result<Name> {
        Ok(self.0.group(id).ok_or_else(|| dangling("group"))?.name.clone())
    }

    fn jumpoint(self, id: JumpointId) -> Result<Name> {
        Ok(self
            .0
            .jumpoint(id)
            .ok_or_else(|| dangling("jumpoint"))?
            .name
            .clone())
    }

    fn policy(self, id: PolicyId) -> Result<Name> {
        Ok(self
            .0
            .policy(id)
            .ok_or_else(|| dangling("jump policy"))?
            .name
            .clone())
    }

    fn session_policy(self, id: SessionPolicyId) -> Result<Name> {
        let policy = self
            .0
            .session_policy(id)
            .ok_or_else(|| dangling("session policy"))?;
        Ok(policy.name.clone())
    }

    fn place(self, placement: Placement) -> Result<(Option<Name>, Option<UserName>)> {
        Ok(match placement {
            Placement::Shared(group) => (Some(self.group(group)?), None),
            Placement::Personal { personal } => (None, Some(self.user(personal)?)),
        })
    }

    fn item_ref(self, item: &JumpItem) -> Result<ItemRef> {
        let (group, personal) = self.place(item.placement)?;
        Ok(ItemRef {
            group,
            personal,
            name: item.name.clone(),
        })
    }
}

impl Document {
    /// The whole site, every section.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if the world is not consistent, [`ErrorKind::Unsupported`] for a type of item that this
    /// version has no form for.
    pub fn of(world: &World) -> Result<Self> {
        let namer = Namer(world);
        let model::SiteSettings {
            session_policy,
            simultaneous_jumps,
        } = *world.site();
        Ok(Self {
            version: VERSION,
            site: Some(Site {
                session_policy: session_policy.map(|id| namer.session_policy(id)).transpose()?,
                simultaneous_jumps,
            }),
            roles: Some(
                named(world.roles(), |role| role.name.as_str())
                    .filter(|role| !model::Role::is_built_in(role.id))
                    .map(role)
                    .collect(),
            ),
            session_policies: Some(
                named(world.session_policies(), |policy| policy.name.as_str())
                    .map(session_policy_of)
                    .collect(),
            ),
            users: Some(all(named(world.users(), |user| user.name.as_str()), |one| {
                user(namer, one)
            })?),
            teams: Some(all(named(world.teams(), |team| team.name.as_str()), |one| {
                team(namer, one)
            })?),
            jump_policies: Some(all(
                named(world.policies(), |policy| policy.name.as_str()),
                |one| jump_policy(namer, one),
            )?),
            groups: Some(
                named(world.groups(), |group| group.name.as_str())
                    .map(group)
                    .collect(),
            ),
            jumpoints: Some(
                named(world.jumpoints(), |jumpoint| jumpoint.name.as_str())
                    .map(jumpoint)
                    .collect(),
            ),
            memberships: Some(memberships(namer)?),
            jumpoint_grants: Some(grants(namer)?),
            group_policies: Some(group_policies(namer)?),
            items: Some(items(world)?),
        })
    }
}

/// Sorted by name.
fn named<'w, T: 'w>(
    objects: impl Iterator<Item = &'w Arc<T>>,
    name: impl Fn(&T) -> &str,
) -> impl Iterator<Item = &'w T> {
    let mut objects: Vec<&T> = objects.map(|object| &**object).collect();
    objects.sort_by_cached_key(|object| fold(name(object)));
    objects.into_iter()
}

fn all<T, U>(objects: impl Iterator<Item = T>, convert: impl Fn(T) -> Result<U>) -> Result<Vec<U>> {
    objects.map(convert).collect()
}

fn user(namer: Namer<'_>, user: &model::User) -> Result<User> {
    let model::User {
        id: _,
        name,
        enabled,
        administrator,
        allowed_methods,
        default_role,
        personal_role,
        team_role,
        system_role,
        session_policy,
    } = user;
    let role = |id: &Option<RoleId>| id.map(|id| namer.role(id)).transpose();
    Ok(User {
        name: name.clone(),
        enabled: *enabled,
        administrator: *administrator,
        allowed_methods: *allowed_methods,
        default_role: role(default_role)?,
        personal_role: role(personal_role)?,
        team_role: role(team_role)?,
        system_role: role(system_role)?,
        session_policy: session_policy.map(|id| namer.session_policy(id)).transpose()?,
    })
}

fn team(namer: Namer<'_>, team: &model::Team) -> Result<Team> {
    let model::Team { id: _, name, members } = team;
    let mut named = members
        .iter()
        .map(|(user, role)| {
            let user = namer.user(*user)?;
            Ok(TeamMember { user, role: *role })
        })
        .collect::<Result<Vec<_>>>()?;
    named.sort_by_cached_key(|member| fold(member.user.as_str()));
    Ok(Team {
        name: name.clone(),
        members: named,
    })
}

fn group(group: &model::JumpGroup) -> Group {
    let model::JumpGroup {
        id: _,
        name,
        code_name,
        comments,
    } = group;
    Group {
        name: name.clone(),
        code_name: code_name.clone(),
        comments: comments.clone(),
    }
}

fn jumpoint(jumpoint: &model::Jumpoint) -> Jumpoint {
    let model::Jumpoint {
        id: _,
        name,
        code_name,
        comments,
        enabled,
        shell_jump_enabled,
        protocol_tunnel_enabled,
        key: _,
        sealing_key: _,
    } = jumpoint;
    Jumpoint {
        name: name.clone(),
        code_name: code_name.clone(),
        comments: comments.clone(),
        enabled: *enabled,
        shell_jump_enabled: *shell_jump_enabled,
        protocol_tunnel_enabled: *protocol_tunnel_enabled,
    }
}
