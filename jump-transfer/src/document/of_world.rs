//! What a site looks like as a document.

use std::collections::HashMap;
use std::sync::Arc;

use jump_core::error::{Error, ErrorKind, Result};
use jump_core::id::{GroupId, ItemId, JumpointId, PolicyId, RoleId, SessionPolicyId, TeamId, UserId};
use jump_core::model::{self, ItemDetails, JumpItem, Name, Placement, Setting, UserName, World};

use super::{
    Approval, Details, Document, GivenMembership, Group, GroupPolicy, Item, ItemRef, JumpClient, JumpPolicy,
    Jumpoint, JumpointGrant, Membership, PushJump, Rdp, Role, SessionPolicy, ShellJump, Site, Slots, Team,
    TeamMember, User, VERSION, Vnc, Vpro,
};
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

/// The items that stand for originals that are gone: the first copy of each.
#[derive(Debug, Default)]
pub(crate) struct Originals(HashMap<ItemId, ItemId>);

impl Originals {
    /// Looks through all items.
    pub(crate) fn of(world: &World) -> Result<Self> {
        let mut first: HashMap<ItemId, (PlaceKey, ItemId)> = HashMap::new();
        for item in world.items() {
            let Some(gone) = item.copy_of.filter(|id| world.item(*id).is_none()) else {
                continue;
            };
            let key = key(world, item)?;
            match first.get(&gone) {
                Some((other, _)) if *other <= key => {}
                _ => {
                    first.insert(gone, (key, item.id));
                }
            }
        }
        Ok(Self(
            first.into_iter().map(|(gone, (_, id))| (gone, id)).collect(),
        ))
    }

    /// The item that a document names as the original of this one.
    pub(crate) fn named(&self, world: &World, item: &JumpItem) -> Option<ItemId> {
        let original = item.copy_of?;
        if world.item(original).is_some() {
            return Some(original);
        }
        self.0.get(&original).copied().filter(|first| *first != item.id)
    }
}

/// By what items are sorted: shared before personal, by place, by name.
type PlaceKey = (bool, String, String);

fn key(world: &World, item: &JumpItem) -> Result<PlaceKey> {
    let namer = Namer(world);
    let (personal, place) = match item.placement {
        Placement::Shared(group) => (false, fold(namer.group(group)?.as_str())),
        Placement::Personal { personal } => (true, fold(namer.user(personal)?.as_str())),
    };
    Ok((personal, place, fold(item.name.as_str())))
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

fn role(role: &model::Role) -> Role {
    let model::Role {
        id: _,
        name,
        description,
        permissions,
    } = role;
    Role {
        name: name.clone(),
        description: description.clone(),
        permissions: *permissions,
    }
}

fn session_policy_of(policy: &model::SessionPolicy) -> SessionPolicy {
    let model::SessionPolicy {
        id: _,
        name,
        code_name,
        description,
        permissions,
        commands,
        paths,
    } = policy;
    SessionPolicy {
        name: name.clone(),
        code_name: code_name.clone(),
        description: description.clone(),
        permissions: permissions.clone(),
        commands: commands.clone(),
        paths: paths.clone(),
    }
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

fn jump_policy(namer: Namer<'_>, policy: &model::JumpPolicy) -> Result<JumpPolicy> {
    let model::JumpPolicy {
        id: _,
        name,
        code_name,
        description,
        schedule,
        schedule_strict,
        approval: wanted,
        reason_required,
        ticket_id_required,
        two_factor_challenge_required,
        simultaneous_jumps,
        simultaneous_jump_behavior_applies_to_copies,
        simultaneous_jumps_rdp,
        notification,
        recordings_disabled,
        recording_mode,
        max_duration_seconds,
        idle_limit_seconds,
    } = policy;
    Ok(JumpPolicy {
        name: name.clone(),
        code_name: code_name.clone(),
        description: description.clone(),
        schedule: schedule.clone(),
        schedule_strict: *schedule_strict,
        approval: wanted.as_ref().map(|one| approval(namer, one)).transpose()?,
        reason_required: *reason_required,
        ticket_id_required: *ticket_id_required,
        two_factor_challenge_required: *two_factor_challenge_required,
        simultaneous_jumps: *simultaneous_jumps,
        simultaneous_jump_behavior_applies_to_copies: *simultaneous_jump_behavior_applies_to_copies,
        simultaneous_jumps_rdp: *simultaneous_jumps_rdp,
        notification: notification.clone(),
        recordings_disabled: *recordings_disabled,
        recording_mode: *recording_mode,
        max_duration_seconds: *max_duration_seconds,
        idle_limit_seconds: *idle_limit_seconds,
    })
}

fn approval(namer: Namer<'_>, approval: &model::Approval) -> Result<Approval> {
    let model::Approval {
        max_duration_minutes,
        scope,
        approvers,
        approver_teams,
        email_addresses,
        self_approval,
    } = approval;
    let mut users = all(approvers.iter(), |id| namer.user(*id))?;
    users.sort_by_cached_key(|name| fold(name.as_str()));
    let mut teams = all(approver_teams.iter(), |id| namer.team(*id))?;
    teams.sort_by_cached_key(|name| fold(name.as_str()));
    Ok(Approval {
        max_duration_minutes: *max_duration_minutes,
        scope: *scope,
        approvers: users,
        approver_teams: teams,
        email_addresses: email_addresses.clone(),
        self_approval: *self_approval,
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

fn memberships(namer: Namer<'_>) -> Result<Vec<Membership>> {
    let mut memberships = all(namer.0.memberships(), |membership| {
        let model::Membership {
            user,
            group,
            role,
            policy,
        } = membership;
        Ok(Membership {
            group: namer.group(*group)?,
            user: namer.user(*user)?,
            role: role.map(|id| namer.role(id)).transpose()?,
            policy: policy.map(|id| namer.policy(id)).transpose()?,
        })
    })?;
    memberships.sort_by_cached_key(|one| (fold(one.group.as_str()), fold(one.user.as_str())));
    Ok(memberships)
}

fn grants(namer: Namer<'_>) -> Result<Vec<JumpointGrant>> {
    let mut grants = all(namer.0.jumpoint_grants(), |(user, jumpoint)| {
        Ok(JumpointGrant {
            jumpoint: namer.jumpoint(jumpoint)?,
            user: namer.user(user)?,
        })
    })?;
    grants.sort_by_cached_key(|one| (fold(one.jumpoint.as_str()), fold(one.user.as_str())));
    Ok(grants)
}

fn group_policies(namer: Namer<'_>) -> Result<Vec<GroupPolicy>> {
    let mut policies: Vec<_> = namer.0.group_policies().collect();
    policies.sort_by_key(|policy| (policy.position, policy.id));
    all(policies.into_iter(), |policy| group_policy(namer, policy))
}

fn group_policy(namer: Namer<'_>, policy: &model::GroupPolicy) -> Result<GroupPolicy> {
    let model::GroupPolicy {
        id: _,
        name,
        position,
        members,
        allowed_methods,
        roles,
        memberships,
        jumpoints,
    } = policy;
    let mut users = all(members.iter(), |id| namer.user(*id))?;
    users.sort_by_cached_key(|name| fold(name.as_str()));
    let mut behind = all(jumpoints.iter(), |id| namer.jumpoint(*id))?;
    behind.sort_by_cached_key(|name| fold(name.as_str()));
    let role = |id: &Option<RoleId>| id.map(|id| namer.role(id)).transpose();
    Ok(GroupPolicy {
        name: name.clone(),
        position: *position,
        members: users,
        jumpoints: behind,
        allowed_methods: allowed_methods.clone(),
        roles: setting(roles, |slots| {
            let model::RoleSlots {
                default,
                personal,
                team,
                system,
            } = slots;
            Ok::<_, Error>(Slots {
                default: role(default)?,
                personal: role(personal)?,
                team: role(team)?,
                system: role(system)?,
            })
        })?,
        memberships: setting(memberships, |list| {
            all(list.iter(), |one| {
                let model::PolicyMembership {
                    group,
                    role: given,
                    policy,
                } = one;
                Ok(GivenMembership {
                    group: namer.group(*group)?,
                    role: role(given)?,
                    policy: policy.map(|id| namer.policy(id)).transpose()?,
                })
            })
        })?,
    })
}

/// The same setting of something else.
pub(crate) fn setting<T, U, E>(
    setting: &Setting<T>,
    convert: impl FnOnce(&T) -> std::result::Result<U, E>,
) -> std::result::Result<Setting<U>, E> {
    Ok(match setting {
        Setting::NotDefined => Setting::NotDefined,
        Setting::Defined(value) => Setting::Defined(convert(value)?),
        Setting::Final(value) => Setting::Final(convert(value)?),
    })
}

fn items(world: &World) -> Result<Vec<Item>> {
    let originals = Originals::of(world)?;
    let mut sorted = world
        .items()
        .map(|item| Ok((key(world, item)?, item)))
        .collect::<Result<Vec<_>>>()?;
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    all(sorted.into_iter(), |(_, one)| item(world, &originals, one))
}

/// One item.
pub(crate) fn item(world: &World, originals: &Originals, item: &JumpItem) -> Result<Item> {
    let namer = Namer(world);
    let JumpItem {
        id: _,
        name,
        placement,
        jumpoint,
        hostname,
        tag,
        comments,
        jump_policy,
        session_policy,
        copy_of: _,
        recording,
        max_duration_seconds,
        details: own,
    } = item;
    let (group, personal) = namer.place(*placement)?;
    let copy_of = originals
        .named(world, item)
        .and_then(|id| world.item(id))
        .map(|original| namer.item_ref(original))
        .transpose()?;
    Ok(Item {
        group,
        personal,
        name: name.clone(),
        jumpoint: jumpoint.map(|id| namer.jumpoint(id)).transpose()?,
        hostname: hostname.clone(),
        tag: tag.clone(),
        comments: comments.clone(),
        jump_policy: jump_policy.map(|id| namer.policy(id)).transpose()?,
        session_policy: session_policy.map(|id| namer.session_policy(id)).transpose()?,
        recording: *recording,
        max_duration_seconds: *max_duration_seconds,
        copy_of,
        details: details(namer, own)?,
    })
}

fn details(namer: Namer<'_>, details: &ItemDetails) -> Result<Details> {
    Ok(match details {
        ItemDetails::ShellJump(shell) => {
            let model::ShellJump {
                protocol,
                port,
                terminal,
                username,
                keep_alive_seconds,
                host_key,
                permissions,
                credential: _,
            } = shell;
            Details::ShellJump(ShellJump {
                protocol: *protocol,
                port: *port,
                terminal: *terminal,
                username: username.clone(),
                keep_alive_seconds: *keep_alive_seconds,
                host_key: host_key.clone(),
                permissions: *permissions,
            })
        }
        ItemDetails::ProtocolTunnel(tunnel) => Details::ProtocolTunnel(tunnel.clone()),
        ItemDetails::LocalRdp(one) => Details::LocalRdp(rdp(one)),
        ItemDetails::RemoteRdp(one) => Details::RemoteRdp(rdp(one)),
        ItemDetails::LocalVnc(one) => Details::LocalVnc(vnc(one)),
        ItemDetails::RemoteVnc(one) => Details::RemoteVnc(vnc(one)),
        ItemDetails::LocalJump(model::PushJump { credential: _ }) => Details::LocalJump(PushJump {}),
        ItemDetails::RemoteJump(model::PushJump { credential: _ }) => Details::RemoteJump(PushJump {}),
        ItemDetails::IntelVpro(vpro) => {
            let model::IntelVpro {
                port,
                kerberos,
                credential: _,
            } = vpro;
            Details::IntelVpro(Vpro {
                port: *port,
                kerberos: *kerberos,
            })
        }
        ItemDetails::JumpClient(client) => {
            let model::JumpClient {
                connection_type,
                max_offline_minutes,
                attended_session_policy,
                unattended_session_policy,
                is_quiet,
            } = client;
            let policy = |id: &Option<SessionPolicyId>| id.map(|id| namer.session_policy(id)).transpose();
            Details::JumpClient(JumpClient {
                connection_type: *connection_type,
                max_offline_minutes: *max_offline_minutes,
                attended_session_policy: policy(attended_session_policy)?,
                unattended_session_policy: policy(unattended_session_policy)?,
                is_quiet: *is_quiet,
            })
        }
        other => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "export an item",
                format!("this version has no form for a {other}"),
            ));
        }
    })
}

fn rdp(rdp: &model::Rdp) -> Rdp {
    let model::Rdp {
        port,
        quality,
        console,
        ignore_untrusted,
        require_nla,
        rdp_username,
        domain,
        secure_app,
        pinned_certificates,
        credential: _,
    } = rdp;
    Rdp {
        port: *port,
        quality: *quality,
        console: *console,
        ignore_untrusted: *ignore_untrusted,
        require_nla: *require_nla,
        rdp_username: rdp_username.clone(),
        domain: domain.clone(),
        secure_app: secure_app.clone(),
        pinned_certificates: pinned_certificates.clone(),
    }
}

fn vnc(vnc: &model::Vnc) -> Vnc {
    let model::Vnc {
        port,
        pinned_certificates,
        trust_first_certificate,
        minimum_security,
        credential: _,
    } = vnc;
    Vnc {
        port: *port,
        pinned_certificates: pinned_certificates.clone(),
        trust_first_certificate: *trust_first_certificate,
        minimum_security: *minimum_security,
    }
}
