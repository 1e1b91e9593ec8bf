//! Order and numbers mean nothing, where they are not said to.
//!
//! Two orders have a meaning: group policies are read by position, and at one position by id; requests that end at the
//! same moment are told apart by id, which shows only in the reason. So group policies and requests keep their order here.

use std::collections::BTreeSet;

use jump_core::access::{Decision, Reason, decide};
use jump_core::id::{
    ApprovalId, GroupId, GroupPolicyId, ItemId, JumpointId, PolicyId, RoleId, SessionPolicyId, TeamId, UserId,
};
use jump_core::model::{Change, ItemDetails, Placement, Role, Setting, World};

use crate::{actions, on_random_sites, pairs};

/// Another number for each, in another order.
fn other(number: u32) -> u32 {
    5000 - 37 * number
}

fn user(id: UserId) -> UserId {
    UserId::new(other(id.get())).unwrap()
}

fn group(id: GroupId) -> GroupId {
    GroupId::new(other(id.get())).unwrap()
}

fn jumpoint(id: JumpointId) -> JumpointId {
    JumpointId::new(other(id.get())).unwrap()
}

fn item(id: ItemId) -> ItemId {
    ItemId::new(other(id.get())).unwrap()
}

fn policy(id: PolicyId) -> PolicyId {
    PolicyId::new(other(id.get())).unwrap()
}

fn session_policy(id: SessionPolicyId) -> SessionPolicyId {
    SessionPolicyId::new(other(id.get())).unwrap()
}

fn role(id: RoleId) -> RoleId {
    if Role::is_built_in(id) {
        id
    } else {
        RoleId::new(other(id.get())).unwrap()
    }
}

fn placement(place: Placement) -> Placement {
    match place {
        Placement::Shared(id) => Placement::Shared(group(id)),
        Placement::Personal { personal } => Placement::personal(user(personal)),
    }
}

/// The same change about objects with other numbers.
fn renumbered(change: &Change) -> Change {
    let mut change = change.clone();
    match &mut change {
        Change::PutUser(one) => {
            one.id = user(one.id);
            for slot in [
                &mut one.default_role,
                &mut one.personal_role,
                &mut one.team_role,
                &mut one.system_role,
            ] {
                *slot = slot.map(role);
            }
            one.session_policy = one.session_policy.map(session_policy);
        }
        Change::PutGroup(one) => one.id = group(one.id),
        Change::PutJumpoint(one) => one.id = jumpoint(one.id),
        Change::PutItem(one) => {
            one.id = item(one.id);
            one.placement = placement(one.placement);
            one.jumpoint = one.jumpoint.map(jumpoint);
            one.jump_policy = one.jump_policy.map(policy);
            one.session_policy = one.session_policy.map(session_policy);
            one.copy_of = one.copy_of.map(item);
            if let ItemDetails::JumpClient(client) = &mut one.details {
                client.attended_session_policy = client.attended_session_policy.map(session_policy);
                client.unattended_session_policy = client.unattended_session_policy.map(session_policy);
            }
        }
        Change::PutMembership(one) => {
            (one.user, one.group) = (user(one.user), group(one.group));
            (one.role, one.policy) = (one.role.map(role), one.policy.map(policy));
        }
        Change::GrantJumpoint {
            user: who,
            jumpoint: which,
        } => {
            (*who, *which) = (user(*who), jumpoint(*which));
        }
        Change::PutRole(one) => one.id = role(one.id),
        Change::PutPolicy(one) => {
            one.id = policy(one.id);
            if let Some(approval) = &mut one.approval {
                approval.approvers = approval.approvers.iter().copied().map(user).collect();
            }
        }
        Change::PutSessionPolicy(one) => one.id = session_policy(one.id),
        Change::PutGroupPolicy(one) => {
            one.id = GroupPolicyId::new(100 + 7 * one.id.get()).unwrap();
            one.members = one.members.iter().copied().map(user).collect();
            one.jumpoints = one.jumpoints.iter().copied().map(jumpoint).collect();
            if let Setting::Defined(slots) | Setting::Final(slots) = &mut one.roles {
                for slot in [
                    &mut slots.default,
                    &mut slots.personal,
                    &mut slots.team,
                    &mut slots.system,
                ] {
                    *slot = slot.map(role);
                }
            }
            if let Setting::Defined(list) | Setting::Final(list) = &mut one.memberships {
                for given in list.iter_mut() {
                    given.group = group(given.group);
                    (given.role, given.policy) = (given.role.map(role), given.policy.map(policy));
                }
                // In a section, too, the order means nothing.
                list.reverse();
            }
        }
        Change::PutTeam(one) => {
            one.id = TeamId::new(other(one.id.get())).unwrap();
            one.members = one
                .members
                .iter()
                .map(|(who, as_what)| (user(*who), *as_what))
                .collect();
        }
        Change::PutApproval(one) => {
            one.id = ApprovalId::new(100 + 7 * one.id.get()).unwrap();
            (one.policy, one.item) = (policy(one.policy), item(one.item));
            one.requester = user(one.requester);
        }
        Change::PutSite(site) => site.session_policy = site.session_policy.map(session_policy),
        other => panic!("{other:?} is not part of a random site"),
    }
    change
}

/// The decision, in the words of the original numbers.
fn back(mut decision: Decision, world: &World) -> Decision {
    for reason in &mut decision.reasons {
        if let Reason::Approved { request, .. } = reason {
            *request = ApprovalId::new((request.get() - 100) / 7).unwrap();
        }
    }
    if let Some(obligations) = &mut decision.obligations {
        let original = |id: PolicyId| {
            world
                .policies()
                .map(|one| one.id)
                .find(|one| policy(*one) == id)
                .unwrap()
        };
        obligations.policy = obligations.policy.map(original);
    }
    decision
}

#[test]
fn s09_neither_the_order_of_changes_nor_numbers_matter() {
    let mut allowed = 0;
    on_random_sites(250, |scene| {
        // Within a phase the order is free.
        let mut shuffled = Vec::new();
        for phase in scene.phases.clone() {
            let mut phase = phase;
            for at in (1..phase.len()).rev() {
                phase.swap(at, scene.random.below(at as u64 + 1) as usize);
            }
            shuffled.extend(phase);
        }
        let other_order = World::restore(shuffled.iter().cloned(), 0).unwrap();
        // Twice the same is the same as once.
        let twice = World::restore(
            scene
                .phases
                .iter()
                .flatten()
                .chain(&shuffled)
                .filter(|change| !matches!(change, Change::PutApproval(_)))
                .cloned()
                .chain(
                    scene
                        .phases
                        .iter()
                        .flatten()
                        .filter(|change| matches!(change, Change::PutApproval(_)))
                        .cloned(),
                ),
            0,
        )
        .unwrap();
        let renumbered = World::restore(shuffled.iter().map(renumbered), 0).unwrap();
        let used: BTreeSet<u32> = renumbered.users().map(|user| user.id.get()).collect();
        assert!(used.iter().all(|number| *number > 1000));
        for (who, what) in pairs() {
            for action in actions() {
                for context in [scene.context, scene.contexts()[2]] {
                    let ask =
                        |world: &World, who, what| decide(world, who, what, action, &context, scene.at).0;
                    let decision = ask(&scene.world, who, what);
                    let place = format!("seed {}: user {who}, item {what}, {action}", scene.seed);
                    assert_eq!(ask(&other_order, who, what), decision, "{place}");
                    assert_eq!(ask(&twice, who, what), decision, "{place}");
                    let numbered = ask(&renumbered, user(who), item(what));
                    assert_eq!(back(numbered, &scene.world), decision, "{place}");
                    allowed += u32::from(decision.obligations.is_some());
                }
            }
        }
    });
    assert!(allowed > 500, "only {allowed} sessions might start");
}
