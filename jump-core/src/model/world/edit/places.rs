//! Jump Groups, Jumpoints, items, and what is pinned on them.

use std::sync::Arc;

use super::{existing, free, missing, taken, wrong};
use crate::error::{ErrorKind, Result};
use crate::id::{ApprovalId, GroupId, GroupPolicyId, ItemId, JumpointId, UserId};
use crate::model::name::folded;
use crate::model::world::World;
use crate::model::world::entry::ItemEntry;
use crate::model::{Field, HostKey, ItemDetails, JumpGroup, JumpItem, Jumpoint, Placement, Setting};

impl World {
    pub(super) fn put_group(&mut self, group: &JumpGroup) -> Result<()> {
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

    pub(super) fn remove_group(&mut self, id: GroupId) -> Result<()> {
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

    pub(super) fn put_jumpoint(&mut self, jumpoint: &Jumpoint) -> Result<()> {
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

    pub(super) fn remove_jumpoint(&mut self, id: JumpointId) -> Result<()> {
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

    pub(super) fn put_item(&mut self, item: &JumpItem) -> Result<()> {
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

    pub(super) fn remove_item(&mut self, id: ItemId) -> Result<()> {
        let old = taken(&mut self.items, id, "item")?.item;
        self.unlist_item(&old);
        let requests: Vec<ApprovalId> = self.approvals_for(id).map(|request| request.id).collect();
        for request in requests {
            self.remove_approval(request)?;
        }
        Ok(())
    }

    pub(super) fn remove_placed(&mut self, placement: Placement) -> Result<()> {
        let doomed: Vec<ItemId> = self.items_in(placement).map(|item| item.id).collect();
        doomed.into_iter().try_for_each(|item| self.remove_item(item))
    }

    pub(super) fn pin_certificate(&mut self, id: ItemId, sha256: &Field) -> Result<()> {
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

    pub(super) fn pin_host_key(&mut self, id: ItemId, key: &HostKey) -> Result<()> {
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
