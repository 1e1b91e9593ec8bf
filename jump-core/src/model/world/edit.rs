//! Edits: each is checked against the rest of the world, and the indexes follow.

mod people;
mod places;
mod policies;

use std::fmt::Display;
use std::sync::Arc;

use imbl::HashMap;

use super::World;
use super::entry::GroupPolicyEntry;
use super::table::{Key, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::id::GroupPolicyId;
use crate::model::{Change, GroupPolicy, SiteSettings};

fn wrong(kind: ErrorKind, message: String) -> Error {
    Error::new(kind, "change the site", message)
}

fn missing(what: &str, id: impl Display) -> Error {
    wrong(ErrorKind::NotFound, format!("there is no {what} {id}"))
}

fn existing<K: Key + Display, V>(table: &Table<K, V>, id: K, what: &str) -> Result<()> {
    if table.contains(id) {
        Ok(())
    } else {
        Err(missing(what, id))
    }
}

/// Removes and gives the object.
fn taken<K: Key + Display, V: Clone>(table: &mut Table<K, V>, id: K, what: &str) -> Result<V> {
    table.remove(id).ok_or_else(|| missing(what, id))
}

/// Refuses a name that is another object's.
fn free<K: PartialEq + Copy>(index: &HashMap<String, K>, name: &str, id: K, what: &str) -> Result<()> {
    match index.get(name) {
        Some(other) if *other != id => Err(wrong(ErrorKind::Conflict, format!("{what} `{name}` is taken"))),
        _ => Ok(()),
    }
}

impl World {
    pub(super) fn apply_one(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::PutUser(user) => self.put_user(user),
            Change::RemoveUser(id) => self.remove_user(*id),
            Change::PutGroup(group) => self.put_group(group),
            Change::RemoveGroup(id) => self.remove_group(*id),
            Change::PutJumpoint(jumpoint) => self.put_jumpoint(jumpoint),
            Change::RemoveJumpoint(id) => self.remove_jumpoint(*id),
            Change::PutItem(item) => self.put_item(item),
            Change::RemoveItem(id) => self.remove_item(*id),
            Change::PutMembership(membership) => self.put_membership(*membership),
            Change::RemoveMembership { user, group } => self.remove_membership(*user, *group),
            Change::GrantJumpoint { user, jumpoint } => {
                existing(&self.accounts, *user, "user")?;
                existing(&self.jumpoints, *jumpoint, "jumpoint")?;
                self.account_mut(*user)?.grant(*jumpoint);
                Ok(())
            }
            Change::RevokeJumpoint { user, jumpoint } => {
                let granted = self.is_granted(*user, *jumpoint);
                if !granted || !self.account_mut(*user)?.revoke(*jumpoint) {
                    let message = format!("user {user} is not granted jumpoint {jumpoint}");
                    return Err(wrong(ErrorKind::NotFound, message));
                }
                Ok(())
            }
            Change::PutLogin(login) => self.put_login(login),
            Change::RemoveLogin(id) => {
                let login = self.logins.remove(id).ok_or_else(|| missing("login", id))?;
                self.login_keys.remove(&login.key);
                self.logins_of.remove(&(login.user, *id));
                Ok(())
            }
            Change::PutRole(role) => self.put_role(role),
            Change::RemoveRole(id) => self.remove_role(*id),
            Change::PutPolicy(policy) => self.put_policy(policy),
            Change::RemovePolicy(id) => self.remove_policy(*id),
            Change::PutSessionPolicy(policy) => self.put_session_policy(policy),
            Change::RemoveSessionPolicy(id) => self.remove_session_policy(*id),
            Change::PutGroupPolicy(policy) => self.put_group_policy(policy),
            Change::RemoveGroupPolicy(id) => {
                let old = taken(&mut self.group_policies, *id, "group policy")?.policy;
                for user in &old.members {
                    self.account_mut(*user)?.unlist_group_policy(old.position, *id);
                }
                Ok(())
            }
            Change::PutTeam(team) => self.put_team(team),
            Change::RemoveTeam(id) => self.remove_team(*id),
            Change::PutApproval(request) => self.put_approval(request),
            Change::RemoveApproval(id) => self.remove_approval(*id),
            Change::PutSite(site) => self.put_site(*site),
            Change::PinHostKey { item, key } => self.pin_host_key(*item, key),
            Change::PinCertificate { item, sha256 } => self.pin_certificate(*item, sha256),
        }
    }

    /// Changes a group policy in what accounts do not list: neither its position nor, of the users that there are, its
    /// members.
    fn edit_group_policy(&mut self, id: GroupPolicyId, edit: impl FnOnce(&mut GroupPolicy)) {
        if let Some(entry) = self.group_policies.get_mut(id) {
            let mut policy = GroupPolicy::clone(&entry.policy);
            edit(&mut policy);
            *entry = GroupPolicyEntry::new(Arc::new(policy));
        }
    }

    fn put_site(&mut self, site: SiteSettings) -> Result<()> {
        if let Some(policy) = site.session_policy {
            existing(&self.session_policies, policy, "session policy")?;
        }
        self.site = site;
        Ok(())
    }
}
