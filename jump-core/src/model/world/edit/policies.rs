//! Roles, policies of every kind and approvals.

use std::sync::Arc;

use super::{existing, taken, wrong};
use crate::error::{ErrorKind, Result};
use crate::id::{ApprovalId, PolicyId, RoleId, SessionPolicyId};
use crate::model::name::same_name;
use crate::model::world::World;
use crate::model::world::entry::{GroupPolicyEntry, SessionPolicyEntry};
use crate::model::{ApprovalRequest, GroupPolicy, ItemDetails, JumpPolicy, Role, SessionPolicy};

impl World {
    pub(super) fn put_role(&mut self, role: &Role) -> Result<()> {
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

    pub(super) fn remove_role(&mut self, id: RoleId) -> Result<()> {
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

    pub(super) fn unused(&self, what: &str, used: bool) -> Result<()> {
        if used {
            let message = format!("the {what} is still in use: put another in its place first");
            return Err(wrong(ErrorKind::Conflict, message));
        }
        Ok(())
    }

    pub(super) fn put_policy(&mut self, policy: &JumpPolicy) -> Result<()> {
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

    pub(super) fn remove_policy(&mut self, id: PolicyId) -> Result<()> {
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

    pub(super) fn put_session_policy(&mut self, policy: &SessionPolicy) -> Result<()> {
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

    pub(super) fn remove_session_policy(&mut self, id: SessionPolicyId) -> Result<()> {
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

    pub(super) fn put_group_policy(&mut self, policy: &GroupPolicy) -> Result<()> {
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

    pub(super) fn put_approval(&mut self, request: &ApprovalRequest) -> Result<()> {
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

    pub(super) fn remove_approval(&mut self, id: ApprovalId) -> Result<()> {
        let old = taken(&mut self.approvals, id, "approval request")?;
        self.approvals_of.remove(&(old.item, id));
        Ok(())
    }
}
