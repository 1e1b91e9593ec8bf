//! Which objects rows are.

use jump_core::Result;
use jump_core::id::{GroupId, JumpointId, PolicyId, RoleId, UserId};
use jump_core::model::{Change, Membership};

use super::unreadable;

/// A table of objects with a `body`.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    /// What an object in it is called.
    pub(crate) what: &'static str,
    /// The bodies of all.
    pub(crate) all: &'static str,
    /// Numbers and bodies of those behind number `$1`, at most `$2`, in the order of their numbers.
    #[cfg(feature = "postgres")]
    pub(crate) page: &'static str,
    /// The change that puts the object into a world.
    pub(crate) read: fn(&str) -> serde_json::Result<Change>,
}

impl Table {
    /// The change that puts the object with this body into a world.
    pub(crate) fn change(&self, body: &str) -> Result<Change> {
        (self.read)(body).map_err(|error| unreadable(self.what, error))
    }
}

macro_rules! tables {
    ($($what:literal, $table:literal, $id:literal, $change:path;)+) => {
        &[$(Table {
            what: $what,
            all: concat!("SELECT body FROM ", $table),
            #[cfg(feature = "postgres")]
            page: concat!(
                "SELECT ", $id, ", body FROM ", $table, " WHERE ", $id, " > $1 ORDER BY ", $id, " LIMIT $2"
            ),
            read: |body| serde_json::from_str(body).map($change),
        },)+]
    };
}

/// In an order in which references lead backwards. A session policy refers to nothing; a Jump Policy to users and
/// teams; users to roles and session policies; items to all of them. Memberships and grants come last.
pub(crate) const TABLES: &[Table] = tables! {
    "role", "roles", "id", Change::PutRole;
    "session policy", "session_policies", "id", Change::PutSessionPolicy;
    "site", "site", "one", Change::PutSite;
    "user", "users", "id", Change::PutUser;
    "team", "teams", "id", Change::PutTeam;
    "jump policy", "policies", "id", Change::PutPolicy;
    "group", "groups", "id", Change::PutGroup;
    "jumpoint", "jumpoints", "id", Change::PutJumpoint;
    "group policy", "group_policies", "id", Change::PutGroupPolicy;
    "item", "items", "id", Change::PutItem;
    "approval request", "approvals", "id", Change::PutApproval;
    "login", "logins", "id", Change::PutLogin;
};

/// A row of `memberships`.
pub(crate) fn membership(user: u32, group: u32, role: Option<u32>, policy: Option<u32>) -> Result<Change> {
    Ok(Change::PutMembership(Membership {
        user: UserId::new(user)?,
        group: GroupId::new(group)?,
        role: role.map(RoleId::new).transpose()?,
        policy: policy.map(PolicyId::new).transpose()?,
    }))
}

/// A row of `jumpoint_grants`.
pub(crate) fn grant(user: u32, jumpoint: u32) -> Result<Change> {
    Ok(Change::GrantJumpoint {
        user: UserId::new(user)?,
        jumpoint: JumpointId::new(jumpoint)?,
    })
}
