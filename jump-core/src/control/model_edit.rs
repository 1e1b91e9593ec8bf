//! Edits of what a site consists of besides items, by names: what is given changes, the rest stays.
//!
//! The same types say what there is: a [`Described`] object holds the patch that would make it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::item_patch::present;
use super::{Page, PageQuery};
use crate::model::{
    ApprovalScope, CodeName, CommandFilter, Comments, Description, Field, JumpMethods, Name, PathPattern,
    RolePermission, Schedule, Setting, SimultaneousJumps, SimultaneousRdp, TeamRole, UserName,
};
use crate::session::{RecordingMode, SessionPermission};

/// An edit of an object that has a name (administrators).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "object", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ModelEdit {
    /// A custom role; built-in ones cannot be changed.
    Role(NamedEdit<RolePatch>),
    /// A Jump Policy. Removing one takes that nothing refers to it.
    JumpPolicy(Box<NamedEdit<JumpPolicyPatch>>),
    /// A session policy. Removing one takes that nothing refers to it.
    SessionPolicy(NamedEdit<SessionPolicyPatch>),
    /// A group policy; a new one is at the bottom of the order.
    GroupPolicy(Box<NamedEdit<GroupPolicyPatch>>),
    /// A team.
    Team(NamedEdit<TeamPatch>),
    /// A user. Users are added and removed with edits of their own.
    User(UserEdit),
    /// A Jump Group. Groups are added and removed with edits of their own.
    Group(ExistingEdit<GroupPatch>),
    /// A Jumpoint. Jumpoints are added and removed with edits of their own.
    Jumpoint(ExistingEdit<JumpointPatch>),
    /// What holds for the whole site.
    Site(SitePatch),
}

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EditVerb {
    /// It is added: its fields are at their defaults where the patch says nothing.
    Add,
    /// It is changed.
    Edit,
    /// It is removed; the patch is empty.
    Remove,
}

/// An edit of an object by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedEdit<P> {
    /// What happens to it.
    pub verb: EditVerb,
    /// Its name, or for policies its code name.
    pub name: Name,
    /// What changes.
    #[serde(default)]
    pub patch: P,
}

/// A change of an object by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExistingEdit<P> {
    /// Its name or code name.
    pub name: Name,
    /// What changes.
    pub patch: P,
}

/// A change of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserEdit {
    /// Its name.
    pub name: UserName,
    /// What changes.
    pub patch: UserPatch,
}

/// What changes of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RolePatch {
    /// Its new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// What it allows (`true`) or not; what is not named stays.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub permissions: BTreeMap<RolePermission, bool>,
}

/// What changes of a Jump Policy; meanings and ranges are those of [`JumpPolicy`](crate::model::JumpPolicy).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JumpPolicyPatch {
    /// Its new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Its code name.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub code_name: Option<Option<CodeName>>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// When one may jump.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub schedule: Option<Option<Schedule>>,
    /// Whether the schedule also ends sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_strict: Option<bool>,
    /// Whose approval is needed.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub approval: Option<Option<ApprovalPatch>>,
    /// Whether a reason must be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_required: Option<bool>,
    /// Whether a ticket id must be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket_id_required: Option<bool>,
    /// Whether a second factor must be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub two_factor_challenge_required: Option<bool>,
    /// Several sessions on one item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simultaneous_jumps: Option<SimultaneousJumps>,
    /// Whether copies of an item count as the item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simultaneous_jump_behavior_applies_to_copies: Option<bool>,
    /// Several sessions on one RDP item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simultaneous_jumps_rdp: Option<SimultaneousRdp>,
    /// Who hears of sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification: Option<NotificationPatch>,
    /// Whether nothing is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recordings_disabled: Option<bool>,
    /// What happens when a recording fails or cannot keep up.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub recording_mode: Option<Option<RecordingMode>>,
    /// The longest a session may last.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub max_duration_seconds: Option<Option<u32>>,
    /// After how long without input a session ends.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub idle_limit_seconds: Option<Option<u32>>,
}

/// What changes of a Jump Policy's approval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApprovalPatch {
    /// The longest that may be approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_duration_minutes: Option<u32>,
    /// For whom an approval holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<ApprovalScope>,
    /// Who may approve (`true`) or not any more; who is not named stays.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub approvers: BTreeMap<UserName, bool>,
    /// Whose members may approve (`true`) or not any more; what is not named stays.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub approver_teams: BTreeMap<Name, bool>,
    /// All e-mail addresses that hear of requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_addresses: Option<Vec<Field>>,
    /// Whether one may approve one's own request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_approval: Option<bool>,
}

/// What changes of a Jump Policy's notification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotificationPatch {
    /// When a session starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_start: Option<bool>,
    /// When a session ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_end: Option<bool>,
    /// All e-mail addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_addresses: Option<Vec<Field>>,
    /// The name to show instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Field>,
}

/// What changes of a session policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionPolicyPatch {
    /// Its new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Its code name.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub code_name: Option<Option<CodeName>>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// Allowed (`true`), denied (`false`) or not defined (`null`); what is not named stays.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub permissions: BTreeMap<SessionPermission, Option<bool>>,
    /// Which commands may run without a shell.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub commands: Option<Option<CommandFilter>>,
    /// Where files may be written; an empty list is `null`, not defined.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub upload_paths: Option<Option<Vec<PathPattern>>>,
    /// Where files may be read.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub download_paths: Option<Option<Vec<PathPattern>>>,
}

/// What changes of a group policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupPolicyPatch {
    /// Its new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Where it moves in the order; of what there is, its number from the top.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<PolicyPlace>,
    /// Whom it is about (`true`) or not any more; who is not named stays.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<UserName, bool>,
    /// The allowed jump methods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_methods: Option<Setting<JumpMethods>>,
    /// Whether it says anything about role slots; not to say anything forgets them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles_status: Option<SettingStatus>,
    /// The role slots; what is not named stays. The first one defines them.
    #[serde(skip_serializing_if = "SlotsPatch::is_empty")]
    pub roles: SlotsPatch,
    /// Whether it says anything about memberships; not to say anything forgets them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memberships_status: Option<SettingStatus>,
    /// Memberships by group, `null` for none any more; what is not named stays. The first one defines them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub memberships: BTreeMap<Name, Option<MembershipNames>>,
    /// Jumpoints that its members may use (`true`) or not any more; what is not named stays.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub jumpoints: BTreeMap<Name, bool>,
}

/// What changes of the four role slots, by names; `null` empties one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlotsPatch {
    /// Where a membership says "user's default".
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub default: Option<Option<Name>>,
    /// The user's own personal list.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub personal: Option<Option<Name>>,
    /// Personal lists of team members with a lower team role.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub team: Option<Option<Name>>,
    /// Everything else.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub system: Option<Option<Name>>,
}

impl SlotsPatch {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A membership that a group policy gives, by names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MembershipNames {
    /// With which role; absent is the user's default role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Name>,
    /// Under which Jump Policy; absent is the one set on the item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Name>,
}

/// What changes of a team.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TeamPatch {
    /// Its new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Who belongs to it as what, `null` for not any more; who is not named stays.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<UserName, Option<TeamRole>>,
}

/// What changes of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserPatch {
    /// Its new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<UserName>,
    /// Whether it may log in and have sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether it may administer the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub administrator: Option<bool>,
    /// By which methods it may jump; `null` leaves it to its group policies.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub allowed_methods: Option<Option<JumpMethods>>,
    /// The role where a membership says "user's default". As the other three slots: `null` leaves it to its group policies.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub default_role: Option<Option<Name>>,
    /// The role on its own personal list.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub personal_role: Option<Option<Name>>,
    /// The role on personal lists of team members with a lower team role.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub team_role: Option<Option<Name>>,
    /// The role everywhere else.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub system_role: Option<Option<Name>>,
    /// What may happen in its sessions where the item has no session policy.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub session_policy: Option<Option<Name>>,
}

/// What changes of a Jump Group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupPatch {
    /// Its new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Its code name.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub code_name: Option<Option<CodeName>>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comments: Option<Comments>,
}

/// What changes of a Jumpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JumpointPatch {
    /// Its new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Its code name.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub code_name: Option<Option<CodeName>>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comments: Option<Comments>,
    /// Whether it may have sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether Shell Jump is allowed through it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell_jump_enabled: Option<bool>,
    /// Whether Protocol Tunnel Jump is allowed through it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol_tunnel_enabled: Option<bool>,
}

/// What changes of what holds for the whole site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SitePatch {
    /// What may happen in sessions where neither the item nor the user has a policy that says so.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub session_policy: Option<Option<Name>>,
    /// Whether several sessions may run on one item where its Jump Policy leaves it to the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simultaneous_jumps: Option<bool>,
}

/// Where a group policy stands in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyPlace {
    /// Before the one that is before it now.
    Up,
    /// After the one that is after it now.
    Down,
    /// Before all others.
    Top,
    /// After all others.
    Bottom,
    /// At this number from the top, from 1; the last if there are fewer.
    Number(u32),
}

/// How a section of a group policy counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingStatus {
    /// It says nothing.
    NotDefined,
    /// Something later may say otherwise.
    Defined,
    /// Nothing later may say otherwise.
    Final,
}

/// An object with its name, and the patch that would make it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described<P> {
    /// Its id; 0 for the site.
    pub id: u32,
    /// Its name; empty for the site.
    pub name: String,
    /// Whether it is built in and cannot be changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub built_in: bool,
    /// All of it.
    pub value: P,
}

/// What to describe (administrators).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelQuery {
    /// Objects of which kind.
    pub kind: ModelKind,
    /// The one of this name; `None` is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Which page.
    #[serde(default)]
    pub page: PageQuery,
}

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ModelKind {
    /// Jump Item Roles, by name.
    Role,
    /// Jump Policies, by name.
    JumpPolicy,
    /// Session policies, by name.
    SessionPolicy,
    /// Group policies, in their order.
    GroupPolicy,
    /// Teams, by name.
    Team,
    /// Users, by name.
    User,
    /// Jump Groups, by name.
    Group,
    /// Jumpoints, by name.
    Jumpoint,
    /// What holds for the whole site.
    Site,
}

/// Objects of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "page", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ModelPage {
    /// Jump Item Roles.
    Role(Page<Described<RolePatch>>),
    /// Jump Policies.
    JumpPolicy(Page<Described<JumpPolicyPatch>>),
    /// Session policies.
    SessionPolicy(Page<Described<SessionPolicyPatch>>),
    /// Group policies.
    GroupPolicy(Page<Described<GroupPolicyPatch>>),
    /// Teams.
    Team(Page<Described<TeamPatch>>),
    /// Users.
    User(Page<Described<UserPatch>>),
    /// Jump Groups.
    Group(Page<Described<GroupPatch>>),
    /// Jumpoints.
    Jumpoint(Page<Described<JumpointPatch>>),
    /// What holds for the whole site.
    Site(Page<Described<SitePatch>>),
}

/// A patch that describes objects of one kind.
pub trait Describes: Sized {
    /// Which kind.
    const KIND: ModelKind;

    /// The objects, if the page holds that kind.
    fn of(page: ModelPage) -> Option<Page<Described<Self>>>;
}

macro_rules! describes {
    ($($kind:ident: $patch:ty;)+) => {$(
        impl Describes for $patch {
            const KIND: ModelKind = ModelKind::$kind;

            fn of(page: ModelPage) -> Option<Page<Described<Self>>> {
                match page {
                    ModelPage::$kind(page) => Some(page),
                    _ => None,
                }
            }
        }
    )+};
}

describes! {
    Role: RolePatch;
    JumpPolicy: JumpPolicyPatch;
    SessionPolicy: SessionPolicyPatch;
    GroupPolicy: GroupPolicyPatch;
    Team: TeamPatch;
    User: UserPatch;
    Group: GroupPatch;
    Jumpoint: JumpointPatch;
    Site: SitePatch;
}
