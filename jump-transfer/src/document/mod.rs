//! The site as one document, by names: what a person reads and edits, and what JSON and TOML are made of.
//!
//! What is not in it: logins and keys (who takes a site over invites its users and Jumpoints), credentials, approval
//! requests, sessions and their recordings, the audit log.

mod item;
mod of_world;
mod text;

use std::collections::BTreeMap;

use jump_core::model::{
    ApprovalScope, CodeName, CommandFilter, Comments, Description, Field, JumpMethods, Name, Notification,
    PathLimits, RolePermissions, Schedule, Setting, SimultaneousJumps, SimultaneousRdp, TeamRole, UserName,
};
use jump_core::session::{RecordingMode, SessionPermission};
use serde::{Deserialize, Serialize};

pub use item::{Details, Item, ItemRef, JumpClient, Place, PushJump, Rdp, ShellJump, Vnc, Vpro};
pub(crate) use of_world::{Originals, item as item_of, setting};
pub use text::{Format, MAX_DOCUMENT};

/// The version of the documents that this library writes and reads.
pub const VERSION: u32 = 1;

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

const fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_true(value: &bool) -> bool {
    *value
}

/// A whole site, by names. A section that is absent says nothing about its objects; one that is there, even empty, is
/// complete when an import prunes. Fields that are absent have their defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// [`VERSION`].
    pub version: u32,
    /// What holds for the whole site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
    /// Jump Item Roles besides the built-in ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<Role>>,
    /// Session policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_policies: Option<Vec<SessionPolicy>>,
    /// Users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<User>>,
    /// Teams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teams: Option<Vec<Team>>,
    /// Jump Policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jump_policies: Option<Vec<JumpPolicy>>,
    /// Jump Groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<Group>>,
    /// Jumpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jumpoints: Option<Vec<Jumpoint>>,
    /// Who belongs to which Jump Group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memberships: Option<Vec<Membership>>,
    /// Who may use which Jumpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jumpoint_grants: Option<Vec<JumpointGrant>>,
    /// Group policies, from the top of their order; of those at one position, the one named first comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_policies: Option<Vec<GroupPolicy>>,
    /// Jump Items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Item>>,
}

/// What holds for the whole site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The session policy that is asked last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_policy: Option<Name>,
    /// Whether several sessions may run on one item where its Jump Policy leaves it to the site.
    #[serde(default = "yes")]
    pub simultaneous_jumps: bool,
}

/// A custom role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its name.
    pub name: Name,
    /// What it is for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub description: Description,
    /// What it allows.
    #[serde(default)]
    pub permissions: RolePermissions,
}

/// A session policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionPolicy {
    /// Its name.
    pub name: Name,
    /// Its code name; made from the name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_name: Option<CodeName>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub description: Description,
    /// Allowed (`true`) or denied (`false`); what is absent is not defined.
    #[serde(default, deserialize_with = "text::once")]
    pub permissions: BTreeMap<SessionPermission, bool>,
    /// Which commands may run without a shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<CommandFilter>,
    /// Between which paths files may move.
    #[serde(default, skip_serializing_if = "is_default")]
    pub paths: PathLimits,
}

/// A user, without its logins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The name it logs in with.
    pub name: UserName,
    /// Whether it may log in and keep sessions.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub enabled: bool,
    /// Whether it may administer the site.
    #[serde(default)]
    pub administrator: bool,
    /// By which methods it may jump; absent leaves it to group policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_methods: Option<JumpMethods>,
    /// The role where a membership says "user's default".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_role: Option<Name>,
    /// The role on its own personal list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal_role: Option<Name>,
    /// The role on personal lists of team members with a lower team role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_role: Option<Name>,
    /// The role everywhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_role: Option<Name>,
    /// The session policy of its sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_policy: Option<Name>,
}

/// A team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// Its name.
    pub name: Name,
    /// Who belongs to it.
    #[serde(default)]
    pub members: Vec<TeamMember>,
}

/// A place in a team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeamMember {
    /// Who.
    pub user: UserName,
    /// As what.
    pub role: TeamRole,
}

/// A Jump Policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JumpPolicy {
    /// Its name.
    pub name: Name,
    /// Its code name; made from the name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_name: Option<CodeName>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub description: Description,
    /// Whether the schedule also ends sessions and cannot be overridden.
    #[serde(default = "yes")]
    pub schedule_strict: bool,
    /// Whether a reason must be given.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reason_required: bool,
    /// Whether a ticket id must be given and be approved.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ticket_id_required: bool,
    /// Whether a second factor must be shown for every Jump.
    #[serde(default, skip_serializing_if = "is_default")]
    pub two_factor_challenge_required: bool,
    /// Several sessions on one item at once.
    #[serde(default, skip_serializing_if = "is_default")]
    pub simultaneous_jumps: SimultaneousJumps,
    /// Whether copies of an item count as the item.
    #[serde(default, skip_serializing_if = "is_default")]
    pub simultaneous_jump_behavior_applies_to_copies: bool,
    /// Several sessions on one RDP item at once.
    #[serde(default, skip_serializing_if = "is_default")]
    pub simultaneous_jumps_rdp: SimultaneousRdp,
    /// Whether nothing is recorded.
    #[serde(default, skip_serializing_if = "is_default")]
    pub recordings_disabled: bool,
    /// What happens when a recording fails or cannot keep up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_mode: Option<RecordingMode>,
    /// The longest a session may last, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_seconds: Option<u32>,
    /// After how many seconds without a byte from the rep a session ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_limit_seconds: Option<u32>,
    /// When one may jump; absent is always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Whose approval is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Who hears of sessions.
    #[serde(default, skip_serializing_if = "is_default")]
    pub notification: Notification,
}

/// An approval before the Jump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The longest that may be approved, in minutes.
    #[serde(default = "longest_approval")]
    pub max_duration_minutes: u32,
    /// For whom an approval holds.
    #[serde(default)]
    pub scope: ApprovalScope,
    /// Users who may approve.
    #[serde(default)]
    pub approvers: Vec<UserName>,
    /// Teams whose members may approve.
    #[serde(default)]
    pub approver_teams: Vec<Name>,
    /// E-mail addresses that hear of requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub email_addresses: Vec<Field>,
    /// Whether one may approve one's own request.
    #[serde(default)]
    pub self_approval: bool,
}

const fn longest_approval() -> u32 {
    480
}

/// A Jump Group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name.
    pub name: Name,
    /// Its code name; made from the name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_name: Option<CodeName>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub comments: Comments,
}

/// A Jumpoint, without its keys: a new one has to be invited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jumpoint {
    /// Its name.
    pub name: Name,
    /// Its code name; made from the name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_name: Option<CodeName>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub comments: Comments,
    /// Whether it takes sessions.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub enabled: bool,
    /// Whether Shell Jump is allowed through it.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub shell_jump_enabled: bool,
    /// Whether Protocol Tunnel Jump is allowed through it.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub protocol_tunnel_enabled: bool,
}

/// A direct membership in a Jump Group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// Where.
    pub group: Name,
    /// Who.
    pub user: UserName,
    /// With which role; absent is the user's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Name>,
    /// Under which Jump Policy; absent is the one set on the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Name>,
}

/// The right to use a Jumpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JumpointGrant {
    /// Which.
    pub jumpoint: Name,
    /// Who.
    pub user: UserName,
}

/// A group policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupPolicy {
    /// Its name.
    pub name: Name,
    /// Its place in the order, from the top.
    pub position: u32,
    /// Whom it is about.
    #[serde(default)]
    pub members: Vec<UserName>,
    /// Jumpoints that its members may use.
    #[serde(default, skip_serializing_if = "is_default")]
    pub jumpoints: Vec<Name>,
    /// The allowed jump methods.
    #[serde(default, skip_serializing_if = "is_default")]
    pub allowed_methods: Setting<JumpMethods>,
    /// The role slots.
    #[serde(default, skip_serializing_if = "is_default")]
    pub roles: Setting<Slots>,
    /// Memberships in Jump Groups.
    #[serde(default, skip_serializing_if = "is_default")]
    pub memberships: Setting<Vec<GivenMembership>>,
}

/// The four role slots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Slots {
    /// Where a membership says "user's default".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Name>,
    /// On the user's own personal list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal: Option<Name>,
    /// On personal lists of team members with a lower team role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<Name>,
    /// Everywhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<Name>,
}

/// A membership that a group policy gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenMembership {
    /// In which Jump Group.
    pub group: Name,
    /// With which role; absent is the user's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Name>,
    /// Under which Jump Policy; absent is the one set on the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Name>,
}
