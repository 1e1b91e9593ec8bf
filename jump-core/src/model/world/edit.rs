//! Edits: each is checked against the rest of the world, and the indexes follow.

use std::fmt::Display;
use std::sync::Arc;

use imbl::HashMap;

use super::World;
use super::entry::{Account, GroupPolicyEntry, ItemEntry, SessionPolicyEntry};
use super::table::{Key, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{
    ApprovalId, GroupId, GroupPolicyId, ItemId, JumpointId, LoginId, PolicyId, RoleId, SessionPolicyId,
    TeamId, UserId,
};
use crate::model::name::{folded, same_name};
use crate::model::{
    ApprovalRequest, Change, Field, GroupPolicy, HostKey, ItemDetails, JumpGroup, JumpItem, JumpPolicy,
    Jumpoint, Login, Membership, Placement, Role, SessionPolicy, Setting, SiteSettings, Team, User,
};

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

    /// A user's account, to be changed: the only way to one.
    fn account_mut(&mut self, user: UserId) -> Result<&mut Account> {
        let account = self.accounts.get_mut(user);
        account.map(Arc::make_mut).ok_or_else(|| missing("user", user))
    }

    fn put_user(&mut self, user: &User) -> Result<()> {
        for role in user.slots().iter() {
            existing(&self.roles, role, "role")?;
        }
        if let Some(policy) = user.session_policy {
            existing(&self.session_policies, policy, "session policy")?;
        }
        let name = folded(user.name.as_str());
        free(&self.user_names, &name, user.id, "the user name")?;
        let put = Arc::new(user.clone());
        if self.accounts.contains(user.id) {
            let old = self.account_mut(user.id)?.replace(put);
            self.user_names.remove(&folded(old.name.as_str()));
        } else {
            self.accounts.insert(user.id, Arc::new(Account::new(put)));
        }
        self.user_names.insert(name, user.id);
        Ok(())
    }

    fn remove_user(&mut self, id: UserId) -> Result<()> {
        let account = taken(&mut self.accounts, id, "user")?;
        self.user_names.remove(&folded(account.user.name.as_str()));
        for membership in account.memberships() {
            self.members.remove(&(membership.group, id));
        }
        let logins: Vec<LoginId> = self.logins_of(id).map(|login| login.id).collect();
        for login in logins {
            self.apply_one(&Change::RemoveLogin(login))?;
        }
        self.remove_placed(Placement::personal(id))?;
        for (_, policy) in account.group_policies() {
            self.edit_group_policy(*policy, |policy| {
                policy.members.remove(&id);
            });
        }
        for team in account.teams() {
            if let Some(team) = self.teams.get_mut(*team) {
                Arc::make_mut(team).members.remove(&id);
            }
        }
        // Who asked or may answer is named in requests and policies: neither may be left to a later user.
        let requests: Vec<ApprovalId> = self
            .approvals
            .values()
            .filter(|request| request.requester == id)
            .map(|request| request.id)
            .collect();
        for request in requests {
            self.remove_approval(request)?;
        }
        let policies: Vec<Arc<JumpPolicy>> = self
            .policies
            .values()
            .filter(|policy| {
                policy
                    .approval
                    .as_ref()
                    .is_some_and(|one| one.approvers.contains(&id))
            })
            .cloned()
            .collect();
        for policy in policies {
            let mut policy = JumpPolicy::clone(&policy);
            if let Some(approval) = &mut policy.approval {
                approval.approvers.remove(&id);
            }
            self.policies.insert(policy.id, Arc::new(policy));
        }
        Ok(())
    }

    fn put_login(&mut self, login: &Login) -> Result<()> {
        existing(&self.accounts, login.user, "user")?;
        if self.login_keys.get(&login.key).is_some_and(|id| *id != login.id) {
            let message = "the key is another login's already".to_owned();
            return Err(wrong(ErrorKind::Conflict, message));
        }
        if let Some(old) = self.logins.insert(login.id, login.clone()) {
            self.login_keys.remove(&old.key);
            self.logins_of.remove(&(old.user, old.id));
        }
        self.login_keys.insert(login.key, login.id);
        self.logins_of.insert((login.user, login.id));
        Ok(())
    }

    fn put_group(&mut self, group: &JumpGroup) -> Result<()> {
        let name = folded(group.name.as_str());
        let code = folded(group.code_name().as_str());
        free(&self.group_names, &name, group.id, "the group name")?;
        free(&self.group_codes, &code, group.id, "the group code name")?;
        if let Some(old) = self.groups.insert(group.id, Arc::new(group.clone())) {
            self.group_names.remove(&folded(old.name.as_str()));
            self.group_codes.remove(&folded(old.code_name().as_str()));
        }
        self.group_names.insert(name, group.id);
        self.group_codes.insert(code, group.id);
        Ok(())
    }

    fn remove_group(&mut self, id: GroupId) -> Result<()> {
        let group = taken(&mut self.groups, id, "group")?;
        self.group_names.remove(&folded(group.name.as_str()));
        self.group_codes.remove(&folded(group.code_name().as_str()));
        self.remove_placed(Placement::Shared(id))?;
        let members: Vec<UserId> = self.members_of(id).map(|membership| membership.user).collect();
        for member in members {
            self.remove_membership(member, id)?;
        }
        let policies: Vec<GroupPolicyId> = self
            .group_policies
            .values()
            .filter(|entry| entry.membership(id).is_some())
            .map(|entry| entry.policy.id)
            .collect();
        for policy in policies {
            self.edit_group_policy(policy, |policy| {
                if let Setting::Defined(list) | Setting::Final(list) = &mut policy.memberships {
                    list.retain(|membership| membership.group != id);
                }
            });
        }
        Ok(())
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

    fn put_jumpoint(&mut self, jumpoint: &Jumpoint) -> Result<()> {
        let name = folded(jumpoint.name.as_str());
        let code = folded(jumpoint.code_name().as_str());
        free(&self.jumpoint_names, &name, jumpoint.id, "the jumpoint name")?;
        free(&self.jumpoint_codes, &code, jumpoint.id, "the jumpoint code name")?;
        if let Some(key) = &jumpoint.key
            && self.jumpoint_keys.get(key).is_some_and(|id| *id != jumpoint.id)
        {
            let message = format!("the key of jumpoint `{}` is taken", jumpoint.name);
            return Err(wrong(ErrorKind::Conflict, message));
        }
        if let Some(old) = self.jumpoints.insert(jumpoint.id, Arc::new(jumpoint.clone())) {
            self.unlist_jumpoint(&old);
        }
        self.jumpoint_names.insert(name, jumpoint.id);
        self.jumpoint_codes.insert(code, jumpoint.id);
        if let Some(key) = jumpoint.key {
            self.jumpoint_keys.insert(key, jumpoint.id);
        }
        Ok(())
    }

    fn unlist_jumpoint(&mut self, old: &Jumpoint) {
        self.jumpoint_names.remove(&folded(old.name.as_str()));
        self.jumpoint_codes.remove(&folded(old.code_name().as_str()));
        if let Some(key) = &old.key {
            self.jumpoint_keys.remove(key);
        }
    }

    fn remove_jumpoint(&mut self, id: JumpointId) -> Result<()> {
        let old = taken(&mut self.jumpoints, id, "jumpoint")?;
        self.unlist_jumpoint(&old);
        let items: Vec<ItemId> = self.items_behind(id).map(|item| item.id).collect();
        for item in items {
            self.remove_item(item)?;
        }
        let granted: Vec<UserId> = self
            .accounts
            .values()
            .filter(|account| account.is_granted(id))
            .map(|account| account.rules.id)
            .collect();
        for user in granted {
            self.account_mut(user)?.revoke(id);
        }
        let policies: Vec<GroupPolicyId> = self
            .group_policies()
            .filter(|policy| policy.jumpoints.contains(&id))
            .map(|policy| policy.id)
            .collect();
        for policy in policies {
            self.edit_group_policy(policy, |policy| {
                policy.jumpoints.remove(&id);
            });
        }
        Ok(())
    }

    fn put_item(&mut self, item: &JumpItem) -> Result<()> {
        item.validate()?;
        match item.placement {
            Placement::Shared(group) => existing(&self.groups, group, "group")?,
            Placement::Personal { personal } => existing(&self.accounts, personal, "user")?,
        }
        if let Some(jumpoint) = item.jumpoint {
            existing(&self.jumpoints, jumpoint, "jumpoint")?;
        }
        if let Some(policy) = item.jump_policy {
            existing(&self.policies, policy, "jump policy")?;
        }
        if let Some(policy) = item.session_policy {
            existing(&self.session_policies, policy, "session policy")?;
        }
        if let ItemDetails::JumpClient(client) = &item.details {
            for policy in [client.attended_session_policy, client.unattended_session_policy]
                .into_iter()
                .flatten()
            {
                existing(&self.session_policies, policy, "session policy")?;
            }
        }
        let name = folded(item.name.as_str());
        let key = (item.placement, name.clone());
        if self.item_names.get(&key).is_some_and(|id| *id != item.id) {
            return Err(wrong(
                ErrorKind::Conflict,
                format!("the group has an item named `{}` already", item.name),
            ));
        }
        let entry = ItemEntry::new(Arc::new(item.clone()));
        if let Some(old) = self.items.insert(item.id, entry) {
            self.unlist_item(&old.item);
        }
        self.item_names.insert(key, item.id);
        self.items_named.insert((name, item.id));
        if let Some(jumpoint) = item.jumpoint {
            self.items_behind.insert((jumpoint, item.id));
        }
        Ok(())
    }

    fn unlist_item(&mut self, old: &JumpItem) {
        let name = folded(old.name.as_str());
        self.items_named.remove(&(name.clone(), old.id));
        self.item_names.remove(&(old.placement, name));
        if let Some(jumpoint) = old.jumpoint {
            self.items_behind.remove(&(jumpoint, old.id));
        }
    }

    fn remove_item(&mut self, id: ItemId) -> Result<()> {
        let old = taken(&mut self.items, id, "item")?.item;
        self.unlist_item(&old);
        let requests: Vec<ApprovalId> = self.approvals_for(id).map(|request| request.id).collect();
        for request in requests {
            self.remove_approval(request)?;
        }
        Ok(())
    }

    fn remove_placed(&mut self, placement: Placement) -> Result<()> {
        let doomed: Vec<ItemId> = self.items_in(placement).map(|item| item.id).collect();
        doomed.into_iter().try_for_each(|item| self.remove_item(item))
    }

    fn put_membership(&mut self, membership: Membership) -> Result<()> {
        existing(&self.accounts, membership.user, "user")?;
        existing(&self.groups, membership.group, "group")?;
        if let Some(role) = membership.role {
            existing(&self.roles, role, "role")?;
        }
        if let Some(policy) = membership.policy {
            existing(&self.policies, policy, "jump policy")?;
        }
        self.account_mut(membership.user)?.put_membership(membership);
        self.members.insert((membership.group, membership.user));
        Ok(())
    }

    fn remove_membership(&mut self, user: UserId, group: GroupId) -> Result<()> {
        let member = self.membership(user, group).is_some();
        if !member || !self.account_mut(user)?.remove_membership(group) {
            let message = format!("user {user} is not in group {group}");
            return Err(wrong(ErrorKind::NotFound, message));
        }
        self.members.remove(&(group, user));
        Ok(())
    }

    fn put_role(&mut self, role: &Role) -> Result<()> {
        if Role::is_built_in(role.id) {
            let message = "a built-in role cannot be changed: add one of your own".to_owned();
            return Err(wrong(ErrorKind::InvalidArgument, message));
        }
        let same =
            |other: &&Arc<Role>| other.id != role.id && same_name(other.name.as_str(), role.name.as_str());
        if self.roles.values().any(|other| same(&other)) {
            let message = format!("the role name `{}` is taken", role.name);
            return Err(wrong(ErrorKind::Conflict, message));
        }
        self.roles.insert(role.id, Arc::new(role.clone()));
        Ok(())
    }

    fn remove_role(&mut self, id: RoleId) -> Result<()> {
        existing(&self.roles, id, "role")?;
        if Role::is_built_in(id) {
            let message = "a built-in role cannot be removed".to_owned();
            return Err(wrong(ErrorKind::InvalidArgument, message));
        }
        let by_user = self
            .users()
            .any(|user| user.slots().iter().any(|role| role == id));
        let by_membership = self.memberships().any(|one| one.role == Some(id));
        let by_policy = self.group_policies.values().any(|entry| entry.gives(id));
        self.unused("role", by_user || by_membership || by_policy)?;
        self.roles.remove(id);
        Ok(())
    }

    fn unused(&self, what: &str, used: bool) -> Result<()> {
        if used {
            let message = format!("the {what} is still in use: put another in its place first");
            return Err(wrong(ErrorKind::Conflict, message));
        }
        Ok(())
    }

    fn put_policy(&mut self, policy: &JumpPolicy) -> Result<()> {
        policy.validate()?;
        if let Some(approval) = &policy.approval {
            for user in &approval.approvers {
                existing(&self.accounts, *user, "user")?;
            }
            for team in &approval.approver_teams {
                existing(&self.teams, *team, "team")?;
            }
        }
        let clash = |other: &JumpPolicy| {
            other.id != policy.id
                && (same_name(other.name.as_str(), policy.name.as_str())
                    || same_name(other.code_name().as_str(), policy.code_name().as_str()))
        };
        if self.policies.values().any(|other| clash(other)) {
            let message = format!("the name or code name of jump policy `{}` is taken", policy.name);
            return Err(wrong(ErrorKind::Conflict, message));
        }
        self.policies.insert(policy.id, Arc::new(policy.clone()));
        Ok(())
    }

    fn remove_policy(&mut self, id: PolicyId) -> Result<()> {
        existing(&self.policies, id, "jump policy")?;
        let by_item = self.items().any(|item| item.jump_policy == Some(id));
        let by_membership = self.memberships().any(|one| one.policy == Some(id));
        let by_policy = self.group_policies.values().any(|entry| entry.asks(id));
        self.unused("jump policy", by_item || by_membership || by_policy)?;
        self.policies.remove(id);
        let requests: Vec<ApprovalId> = self
            .approvals
            .values()
            .filter(|request| request.policy == id)
            .map(|request| request.id)
            .collect();
        requests
            .into_iter()
            .try_for_each(|request| self.remove_approval(request))
    }

    fn put_session_policy(&mut self, policy: &SessionPolicy) -> Result<()> {
        policy.validate()?;
        let clash = |other: &SessionPolicy| {
            other.id != policy.id
                && (same_name(other.name.as_str(), policy.name.as_str())
                    || same_name(other.code_name().as_str(), policy.code_name().as_str()))
        };
        if self.session_policies().any(|other| clash(other)) {
            let message = format!(
                "the name or code name of session policy `{}` is taken",
                policy.name
            );
            return Err(wrong(ErrorKind::Conflict, message));
        }
        let entry = SessionPolicyEntry::new(Arc::new(policy.clone()));
        self.session_policies.insert(policy.id, entry);
        Ok(())
    }

    fn remove_session_policy(&mut self, id: SessionPolicyId) -> Result<()> {
        existing(&self.session_policies, id, "session policy")?;
        let by_item = self.items().any(|item| {
            let client = matches!(&item.details, ItemDetails::JumpClient(client)
                if client.attended_session_policy == Some(id) || client.unattended_session_policy == Some(id));
            client || item.session_policy == Some(id)
        });
        let by_user = self.users().any(|user| user.session_policy == Some(id));
        self.unused(
            "session policy",
            by_item || by_user || self.site.session_policy == Some(id),
        )?;
        self.session_policies.remove(id);
        Ok(())
    }

    fn put_group_policy(&mut self, policy: &GroupPolicy) -> Result<()> {
        policy.validate()?;
        for user in &policy.members {
            existing(&self.accounts, *user, "user")?;
        }
        for jumpoint in &policy.jumpoints {
            existing(&self.jumpoints, *jumpoint, "jumpoint")?;
        }
        for role in policy.roles.get().iter().flat_map(|(slots, _)| slots.iter()) {
            existing(&self.roles, role, "role")?;
        }
        for membership in policy.memberships.get().into_iter().flat_map(|(list, _)| list) {
            existing(&self.groups, membership.group, "group")?;
            if let Some(role) = membership.role {
                existing(&self.roles, role, "role")?;
            }
            if let Some(policy) = membership.policy {
                existing(&self.policies, policy, "jump policy")?;
            }
        }
        let clash = |other: &GroupPolicy| {
            other.id != policy.id && same_name(other.name.as_str(), policy.name.as_str())
        };
        if self.group_policies().any(|other| clash(other)) {
            let message = format!("the group policy name `{}` is taken", policy.name);
            return Err(wrong(ErrorKind::Conflict, message));
        }
        let entry = GroupPolicyEntry::new(Arc::new(policy.clone()));
        let old = self.group_policies.insert(policy.id, entry);
        // An account that is listed in the same place already stays as it is.
        let old = old.map(|entry| entry.policy);
        let stays = old.as_ref().is_some_and(|old| old.position == policy.position);
        if let Some(old) = &old {
            for user in &old.members {
                if !(stays && policy.members.contains(user)) {
                    self.account_mut(*user)?.unlist_group_policy(old.position, old.id);
                }
            }
        }
        for user in &policy.members {
            if !(stays && old.as_ref().is_some_and(|old| old.members.contains(user))) {
                self.account_mut(*user)?
                    .list_group_policy(policy.position, policy.id);
            }
        }
        Ok(())
    }

    fn put_team(&mut self, team: &Team) -> Result<()> {
        for user in team.members.keys() {
            existing(&self.accounts, *user, "user")?;
        }
        let clash = |other: &Team| other.id != team.id && same_name(other.name.as_str(), team.name.as_str());
        if self.teams.values().any(|other| clash(other)) {
            let message = format!("the team name `{}` is taken", team.name);
            return Err(wrong(ErrorKind::Conflict, message));
        }
        let old = self.teams.insert(team.id, Arc::new(team.clone()));
        if let Some(old) = &old {
            for user in old.members.keys().filter(|user| !team.members.contains_key(user)) {
                self.account_mut(*user)?.unlist_team(old.id);
            }
        }
        for user in team.members.keys() {
            if !old.as_ref().is_some_and(|old| old.members.contains_key(user)) {
                self.account_mut(*user)?.list_team(team.id);
            }
        }
        Ok(())
    }

    fn remove_team(&mut self, id: TeamId) -> Result<()> {
        let approves = |policy: &JumpPolicy| {
            let approval = policy.approval.as_ref();
            approval.is_some_and(|approval| approval.approver_teams.contains(&id))
        };
        self.unused("team", self.policies.values().any(|policy| approves(policy)))?;
        let old = taken(&mut self.teams, id, "team")?;
        for user in old.members.keys() {
            self.account_mut(*user)?.unlist_team(id);
        }
        Ok(())
    }

    fn put_approval(&mut self, request: &ApprovalRequest) -> Result<()> {
        request.validate()?;
        existing(&self.accounts, request.requester, "user")?;
        existing(&self.items, request.item, "item")?;
        existing(&self.policies, request.policy, "jump policy")?;
        if let Some(old) = self.approvals.get(request.id) {
            let same = old.item == request.item
                && old.requester == request.requester
                && old.policy == request.policy;
            if !same || !(old.state == request.state || old.state.may_become(request.state)) {
                let message = format!("approval request {} is {} already", request.id, old.state);
                return Err(wrong(ErrorKind::Conflict, message));
            }
        }
        self.approvals.insert(request.id, Arc::new(request.clone()));
        self.approvals_of.insert((request.item, request.id));
        Ok(())
    }

    fn remove_approval(&mut self, id: ApprovalId) -> Result<()> {
        let old = taken(&mut self.approvals, id, "approval request")?;
        self.approvals_of.remove(&(old.item, id));
        Ok(())
    }

    fn put_site(&mut self, site: SiteSettings) -> Result<()> {
        if let Some(policy) = site.session_policy {
            existing(&self.session_policies, policy, "session policy")?;
        }
        self.site = site;
        Ok(())
    }

    fn pin_certificate(&mut self, id: ItemId, sha256: &Field) -> Result<()> {
        let entry = self.items.get_mut(id).ok_or_else(|| missing("item", id))?;
        let mut item = JumpItem::clone(&entry.item);
        match &mut item.details {
            ItemDetails::LocalVnc(vnc) | ItemDetails::RemoteVnc(vnc) => vnc.pin(sha256)?,
            ItemDetails::LocalRdp(rdp) | ItemDetails::RemoteRdp(rdp) => rdp.pin(sha256)?,
            _ => {
                return Err(wrong(
                    ErrorKind::InvalidArgument,
                    format!("item {id} pins no certificate by itself"),
                ));
            }
        }
        *entry = ItemEntry::new(Arc::new(item));
        Ok(())
    }

    fn pin_host_key(&mut self, id: ItemId, key: &HostKey) -> Result<()> {
        let entry = self.items.get_mut(id).ok_or_else(|| missing("item", id))?;
        let mut item = JumpItem::clone(&entry.item);
        let ItemDetails::ShellJump(shell) = &mut item.details else {
            return Err(wrong(
                ErrorKind::InvalidArgument,
                format!("item {id} has no host key"),
            ));
        };
        if shell.host_key.pinned.contains(key) {
            return Ok(());
        }
        if !shell.host_key.pinned.is_empty() || !shell.host_key.trust_first_use {
            return Err(wrong(
                ErrorKind::HostKey,
                format!("item {id} does not accept a new host key"),
            ));
        }
        shell.host_key.pinned.push(key.clone());
        *entry = ItemEntry::new(Arc::new(item));
        Ok(())
    }
}
