//! The Jump model: users, Jump Groups, Jump Items, Jumpoints, Jump Item Roles, and the world that holds them.
//!
//! Every value is checked when it is made, so code that holds one need not check again. Field names, limits and
//! defaults follow the documented reference behaviour of the product category.

mod approval;
mod change;
mod group;
mod group_policy;
mod host_key;
mod item;
mod item_types;
mod jump_policy;
mod jumpoint;
mod login;
mod name;
mod path_limit;
mod role;
mod schedule;
mod schedule_text;
mod session_policy;
mod site;
mod sources;
mod target;
mod team;
mod user;
mod world;
mod zone;

pub use approval::{ApprovalRequest, ApprovalState};
pub use change::Change;
pub use group::{JumpGroup, Membership, Placement};
pub use group_policy::{GroupPolicy, PolicyMembership, RoleSlots, Setting};
pub use host_key::{HostKey, HostKeyPolicy};
pub use item::{ItemDetails, JumpItem, PortForward, ProtocolTunnel, ShellJump, ShellProtocol};
pub use item_types::{
    CertificatePolicy, ConnectionType, IntelVpro, JumpClient, PushJump, Rdp, RdpQuality, SecureApp, Terminal,
    Vnc, VncSecurity, fingerprint,
};
pub use jump_policy::{
    Approval, ApprovalScope, JumpPolicy, Notification, SimultaneousJumps, SimultaneousRdp,
};
pub use jumpoint::Jumpoint;
pub use login::{Login, LoginLimits, LoginScope};
pub use name::{CodeName, Comments, Description, Field, Hostname, Name, Remark, Tag, UserName, folded};
pub use path_limit::{PathLimits, PathPattern};
pub use role::{Role, RolePermission, RolePermissions};
pub use schedule::{Schedule, ScheduleEntry, TimeOfDay};
pub use session_policy::{CommandFilter, SessionPolicy};
pub use site::SiteSettings;
pub use sources::Sources;
pub use target::TargetAddress;
pub use team::{Team, TeamRole};
pub use user::{JumpMethod, JumpMethods, User};
pub(crate) use world::{Account, ItemRules, SessionPolicyEntry};
pub use world::{Revision, World};
