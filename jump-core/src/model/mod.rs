//! The Jump model: users, Jump Groups, Jump Items, Jumpoints, Jump Item Roles, and the world that holds them.
//!
//! Every value is checked when it is made, so code that holds one need not check again. Field names, limits and
//! defaults follow the documented reference behaviour of the product category.

mod change;
mod group;
mod host_key;
mod item;
mod jumpoint;
mod login;
mod name;
mod role;
mod target;
mod user;
mod world;

pub use change::Change;
pub use group::{JumpGroup, Membership};
pub use host_key::{HostKey, HostKeyPolicy};
pub use item::{ItemDetails, JumpItem, PortForward, ProtocolTunnel, ShellJump, ShellProtocol};
pub use jumpoint::Jumpoint;
pub use login::{Login, LoginScope};
pub(crate) use name::same_name;
pub use name::{Comments, Hostname, Name, Tag, UserName};
pub use role::{Role, RolePermission, RolePermissions};
pub use target::TargetAddress;
pub use user::{JumpMethod, JumpMethods, User};
pub use world::{Revision, World};
