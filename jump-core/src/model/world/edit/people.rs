//! Users, teams, memberships and logins.

use std::sync::Arc;

use super::{existing, free, missing, taken, wrong};
use crate::error::{ErrorKind, Result};
use crate::id::{ApprovalId, GroupId, LoginId, TeamId, UserId};
use crate::model::name::{folded, same_name};
use crate::model::world::World;
use crate::model::world::entry::Account;
use crate::model::{Change, JumpPolicy, Login, Membership, Placement, Team, User};

impl World {
    /// A user's account, to be changed: the only way to one.
    pub(super) fn account_mut(&mut self, user: UserId) -> Result<&mut Account> {
        let account = self.accounts.get_mut(user);
        account.map(Arc::make_mut).ok_or_else(|| missing("user", user))
    }

    pub(super) fn put_user(&mut self, user: &User) -> Result<()> {
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

    pub(super) fn remove_user(&mut self, id: UserId) -> Result<()> {
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

    pub(super) fn put_login(&mut self, login: &Login) -> Result<()> {
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

    pub(super) fn put_membership(&mut self, membership: Membership) -> Result<()> {
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

    pub(super) fn remove_membership(&mut self, user: UserId, group: GroupId) -> Result<()> {
        let member = self.membership(user, group).is_some();
        if !member || !self.account_mut(user)?.remove_membership(group) {
            let message = format!("user {user} is not in group {group}");
            return Err(wrong(ErrorKind::NotFound, message));
        }
        self.members.remove(&(group, user));
        Ok(())
    }

    pub(super) fn put_team(&mut self, team: &Team) -> Result<()> {
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

    pub(super) fn remove_team(&mut self, id: TeamId) -> Result<()> {
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
}
