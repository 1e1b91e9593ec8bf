//! Delegated permissions lead nowhere else: whatever a user who is no administrator asks for, in whichever order, gives it
//! nothing that the reference does not give.
//!
//! `JUMP_PRIVILEGE_WORLDS` says how many random sites, `JUMP_PRIVILEGE_SEED` from which seed on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jump_core::ErrorKind;
use jump_core::access::{Action, Context, Given};
use jump_core::broker::Caller;
use jump_core::control::{
    ApprovalAnswer, Edit, EditVerb, ItemDraft, ItemPatch, ModelEdit, NamedEdit, RepRequest, RolePatch,
    UserEdit, UserPatch,
};
use jump_core::id::{ApprovalId, GroupId, ItemId, JumpointId, LoginId, UserId};
use jump_core::model::{
    Change, Comments, Hostname, ItemDetails, JumpItem, JumpMethods, LoginScope, Membership, Name, Placement,
    Remark, Role, RolePermission, ShellJump, User, UserName, World,
};
use jump_core::time::Timestamp;
use jump_testkit::callers::QuietBroker;
use jump_testkit::naive::Facts;
use jump_testkit::random_world::{Parts, RandomSite};
use jump_testkit::seeded::Seeded;

const CALLS: usize = 4;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A call, and whether the reference lets the caller make it.
struct Call {
    request: RepRequest,
    legal: bool,
    /// The item that it is about, if it is about one.
    item: Option<ItemId>,
    /// Whether it may add an item.
    adds: bool,
}

struct Asker<'a> {
    user: UserId,
    scope: LoginScope,
    world: &'a World,
    facts: &'a Facts,
    now: Timestamp,
}

impl Asker<'_> {
    fn edits(&self) -> bool {
        self.scope == LoginScope::Everything
    }

    fn manages(&self, item: ItemId, permission: RolePermission) -> bool {
        let action = Action::Manage(permission);
        let answer = self
            .facts
            .answer(self.user, item, action, &Context::default(), self.now);
        self.edits() && answer.shut.is_empty()
    }

    fn sees(&self, item: ItemId) -> bool {
        let answer = self
            .facts
            .answer(self.user, item, Action::View, &Context::default(), self.now);
        answer.shut.is_empty()
    }

    fn call(&self, random: &mut Seeded) -> Call {
        let mut below = |bound: u64| random.below(bound);
        let item = ItemId::new(1 + below(6) as u32).unwrap();
        let text = item.to_string();
        let (place_name, place) = match below(3) {
            0 => {
                let user = UserId::new(1 + below(4) as u32).unwrap();
                (format!("@u{user}"), Placement::personal(user))
            }
            _ => {
                let group = GroupId::new(1 + below(4) as u32).unwrap();
                (format!("n{group}"), Placement::Shared(group))
            }
        };
        let in_place = |permission| self.edits() && self.facts.may(self.user, place, permission);
        let jumpoint = JumpointId::new(1 + below(4) as u32).unwrap();
        let usable = self.world.jumpoint(jumpoint).is_some() && self.facts.may_use(self.user, jumpoint);
        let own = self.world.user(self.user).unwrap().name.clone();
        let other = UserName::new(format!("u{}", 1 + below(4))).unwrap();
        let edit = |edit, legal| Call {
            request: RepRequest::Edit(edit),
            legal,
            item: None,
            adds: false,
        };
        let patched = |patch: ItemPatch, legal| Call {
            item: Some(item),
            ..edit(
                Edit::EditItem {
                    item: text.clone(),
                    patch: Box::new(patch),
                },
                legal,
            )
        };
        let fresh = format!("x{}", below(1 << 40));
        match below(26) {
            0 => patched(
                ItemPatch {
                    tag: Some(fresh.parse().unwrap()),
                    ..ItemPatch::default()
                },
                self.manages(item, RolePermission::EditTag),
            ),
            1 => patched(
                ItemPatch {
                    comments: Some(Comments::new(&fresh).unwrap()),
                    ..ItemPatch::default()
                },
                self.manages(item, RolePermission::EditComments),
            ),
            2 => patched(
                ItemPatch {
                    hostname: Some(Hostname::new(&fresh).unwrap()),
                    name: Some(name(&fresh)),
                    ..ItemPatch::default()
                },
                self.manages(item, RolePermission::EditIdentity),
            ),
            3 => patched(
                ItemPatch {
                    jumpoint: Some(name(&format!("n{jumpoint}"))),
                    ..ItemPatch::default()
                },
                self.manages(item, RolePermission::EditIdentity) && usable,
            ),
            4 => patched(
                ItemPatch {
                    jump_policy: Some(None),
                    ..ItemPatch::default()
                },
                self.manages(item, RolePermission::EditJumpPolicy),
            ),
            5 => patched(
                ItemPatch {
                    session_policy: Some(None),
                    ..ItemPatch::default()
                },
                self.manages(item, RolePermission::EditSessionPolicy),
            ),
            6 => patched(
                ItemPatch {
                    max_duration_seconds: Some(Some(1 + below(1 << 30) as u32)),
                    ..ItemPatch::default()
                },
                self.manages(item, RolePermission::EditBehavior),
            ),
            7..=9 => Call {
                item: Some(item),
                ..edit(
                    Edit::MoveItem {
                        item: text,
                        group: name(&place_name),
                    },
                    self.manages(item, RolePermission::AssignJumpGroup)
                        && in_place(RolePermission::AssignJumpGroup),
                )
            },
            10 | 11 => Call {
                adds: true,
                ..edit(
                    Edit::CopyItem {
                        item: text,
                        group: name(&place_name),
                        name: Some(name(&fresh)),
                    },
                    self.manages(item, RolePermission::AssignJumpGroup)
                        && in_place(RolePermission::AssignJumpGroup),
                )
            },
            12..=14 => {
                let draft = ItemDraft {
                    name: name(&fresh),
                    group: name(&place_name),
                    jumpoint: Some(name(&format!("n{jumpoint}"))),
                    hostname: Hostname::new("h.example").unwrap(),
                    tag: Default::default(),
                    comments: Default::default(),
                    jump_policy: None,
                    session_policy: None,
                    recording: Default::default(),
                    max_duration_seconds: None,
                    details: ItemDetails::ShellJump(ShellJump::ssh(22)),
                };
                Call {
                    adds: true,
                    ..edit(
                        Edit::AddItem(Box::new(draft)),
                        in_place(RolePermission::Add) && usable,
                    )
                }
            }
            15 => Call {
                item: Some(item),
                ..edit(
                    Edit::RemoveItem { item: text },
                    self.manages(item, RolePermission::Remove),
                )
            },
            16 => {
                let scope = if below(2) == 0 {
                    LoginScope::Sessions
                } else {
                    LoginScope::Everything
                };
                let user = if below(2) == 0 { own.clone() } else { other };
                let wider = scope == LoginScope::Everything && !self.edits();
                let legal = user == own && !wider;
                edit(
                    Edit::InviteLogin {
                        user,
                        scope,
                        limits: Default::default(),
                    },
                    legal,
                )
            }
            17 | 18 => {
                let policy = self.facts.policy(self.user, item);
                let asked = policy.is_some_and(|policy| policy.approval.is_some());
                Call {
                    request: RepRequest::RequestApproval {
                        item: text,
                        start: None,
                        duration_seconds: None,
                        reason: Remark::default(),
                    },
                    legal: self.sees(item) && asked,
                    item: None,
                    adds: false,
                }
            }
            19 | 20 => {
                let id = ApprovalId::new(1 + below(6) as u32).unwrap();
                let answer = [
                    ApprovalAnswer::Approve,
                    ApprovalAnswer::Deny,
                    ApprovalAnswer::Cancel,
                    ApprovalAnswer::Revoke,
                ][below(4) as usize];
                Call {
                    request: RepRequest::AnswerApproval {
                        request: id,
                        answer,
                        comments: Remark::default(),
                    },
                    legal: self.answers(id, answer),
                    item: None,
                    adds: false,
                }
            }
            21 => edit(
                Edit::AddMember {
                    group: name("n1"),
                    user: own,
                    role: Some(name("Administrator")),
                    policy: None,
                },
                false,
            ),
            22 => {
                let user = User {
                    administrator: true,
                    ..User::clone(self.world.user(self.user).unwrap())
                };
                let group = GroupId::new(1).unwrap();
                let role = Some(Role::ADMINISTRATOR);
                let membership = Membership {
                    user: self.user,
                    group,
                    role,
                    policy: None,
                };
                let change = if below(2) == 0 {
                    Change::PutUser(user)
                } else {
                    Change::PutMembership(membership)
                };
                edit(
                    Edit::Change {
                        changes: vec![change],
                        dry_run: below(2) == 0,
                    },
                    false,
                )
            }
            23 => {
                let patch = UserPatch {
                    administrator: Some(true),
                    system_role: Some(Some(name("Administrator"))),
                    ..UserPatch::default()
                };
                edit(Edit::Model(ModelEdit::User(UserEdit { name: own, patch })), false)
            }
            24 => {
                let permissions = RolePermission::ALL.iter().map(|one| (*one, true));
                let patch = RolePatch {
                    permissions: permissions.collect(),
                    ..RolePatch::default()
                };
                let verb = if below(2) == 0 {
                    EditVerb::Add
                } else {
                    EditVerb::Edit
                };
                let name = name("n1");
                edit(
                    Edit::Model(ModelEdit::Role(NamedEdit { verb, name, patch })),
                    false,
                )
            }
            _ => match below(3) {
                0 => edit(
                    Edit::AddUser {
                        name: UserName::new(&fresh).unwrap(),
                        administrator: true,
                        allowed_methods: JumpMethods::all(),
                        default_role: None,
                    },
                    false,
                ),
                1 => edit(
                    Edit::GrantJumpoint {
                        jumpoint: name(&format!("n{jumpoint}")),
                        user: own,
                    },
                    false,
                ),
                _ => edit(
                    Edit::RemoveLogin {
                        login: LoginId::new(1 + below(8) as u32).unwrap(),
                    },
                    false,
                ),
            },
        }
    }

    fn answers(&self, id: ApprovalId, answer: ApprovalAnswer) -> bool {
        let Some(request) = self.world.approval(id) else {
            return false;
        };
        if answer == ApprovalAnswer::Cancel {
            return request.requester == self.user;
        }
        let policy = self.world.policy(request.policy).unwrap();
        policy.approval.as_ref().is_some_and(|approval| {
            self.edits()
                && approval.approvers.contains(&self.user)
                && (approval.self_approval || request.requester != self.user)
        })
    }
}

/// All that no delegated permission changes.
fn framework(world: &World) -> String {
    let mut rest: Vec<String> = world.jumpoints().map(|one| format!("{one:?}")).collect();
    rest.extend(world.jumpoint_grants().map(|one| format!("{one:?}")));
    rest.extend(world.logins().map(|one| format!("{one:?}")));
    rest.sort();
    format!("{:?} {rest:?}", world.framework())
}

fn items(world: &World) -> BTreeMap<ItemId, Arc<JumpItem>> {
    world.items().map(|item| (item.id, item.clone())).collect()
}

/// Who may do what with which items, everything at the door supplied.
fn rights(
    world: &World,
    facts: &Facts,
    about: &BTreeSet<ItemId>,
    now: Timestamp,
) -> BTreeSet<(UserId, ItemId, String)> {
    let context = Context {
        given: Given::ALL,
        ..Context::default()
    };
    let mut rights = BTreeSet::new();
    for user in world.users() {
        for item in about {
            let manage = RolePermission::ALL.iter().map(|one| Action::Manage(*one));
            for action in manage.chain([Action::Start, Action::View]) {
                let answer = facts.answer(user.id, *item, action, &context, now);
                if answer.shut.is_empty() {
                    rights.insert((user.id, *item, action.to_string()));
                }
            }
        }
    }
    rights
}

#[derive(Default)]
struct Seen {
    allowed: usize,
    refused: usize,
}

async fn sequence(
    site: &QuietBroker,
    caller: &Caller,
    asker: (UserId, LoginScope),
    random: &mut Seeded,
    seen: &mut Seen,
    seed: u64,
) {
    let (user, scope) = asker;
    let now = Timestamp::UNIX_EPOCH;
    let mut touched = BTreeSet::new();
    let mut approved = false;
    let first = site.broker.world();
    let before = framework(&first);
    let started_with = rights(
        &first,
        &Facts::of(&first),
        &items(&first).into_keys().collect(),
        now,
    );
    for _ in 0..CALLS {
        let world = site.broker.world();
        let facts = Facts::of(&world);
        let asker = Asker {
            user,
            scope,
            world: &world,
            facts: &facts,
            now,
        };
        let call = asker.call(random);
        let told = format!("seed {seed}, {user} {scope:?}: {:?}", call.request);
        let result = site.broker.request(caller, call.request.clone()).await;
        let after = site.broker.world();
        match &result {
            Ok(_) => {
                assert!(call.legal, "it was let through: {told}");
                seen.allowed += 1;
            }
            Err(error) => {
                assert_eq!(after.revision(), world.revision(), "{told}");
                let refused = matches!(
                    error.kind(),
                    ErrorKind::Denied | ErrorKind::NotFound | ErrorKind::Unauthenticated
                );
                assert!(!(refused && call.legal), "it was refused: {told}: {error}");
                seen.refused += usize::from(refused);
            }
        }
        // What changed is the item that it names, or one new item.
        let (was, is) = (items(&world), items(&after));
        for (id, item) in &was {
            if call.item != Some(*id) {
                assert_eq!(is.get(id), Some(item), "{told}");
            }
        }
        let new: Vec<ItemId> = is.keys().filter(|id| !was.contains_key(id)).copied().collect();
        assert!(new.len() <= usize::from(call.adds && result.is_ok()), "{told}");
        assert_eq!(framework(&after), before, "{told}");
        touched.extend(new);
        if result.is_ok() {
            touched.extend(call.item);
            approved |= matches!(call.request, RepRequest::AnswerApproval { .. });
        }
        // On what it touched the caller has what its role there gives, and what it had nowhere it has nowhere now.
        let facts = Facts::of(&after);
        for (id, item) in &is {
            for permission in RolePermission::ALL {
                let action = Action::Manage(*permission);
                let has = facts.answer(user, *id, action, &Context::default(), now);
                let role = Facts::of(&first).may(user, item.placement, *permission);
                assert_eq!(has.shut.is_empty(), role, "{told}: {permission} on {id}");
            }
        }
    }
    // Nobody gained anything on what was not touched; an approval by who is named for it is the one exception.
    if !approved {
        let last = site.broker.world();
        let untouched: BTreeSet<ItemId> = items(&last)
            .into_keys()
            .filter(|id| !touched.contains(id))
            .collect();
        let ended_with = rights(&last, &Facts::of(&last), &untouched, now);
        let gained: Vec<_> = ended_with.difference(&started_with).collect();
        assert!(gained.is_empty(), "seed {seed}: {gained:?}");
    }
}

#[tokio::test]
async fn v18_no_few_calls_of_a_delegated_user_give_more_than_the_reference_does() {
    let number = |variable: &str, otherwise: u64| {
        std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
    };
    let worlds = number("JUMP_PRIVILEGE_WORLDS", 250);
    let first = number("JUMP_PRIVILEGE_SEED", 0);
    let parts = Parts::new().unwrap();
    let mut seen = Seen::default();
    for seed in first..first + worlds {
        let changes = RandomSite::new(&parts, seed).changes().unwrap();
        let changes: Vec<Change> = changes.into_iter().flatten().collect();
        let site = QuietBroker::start(changes, Timestamp::UNIX_EPOCH).await.unwrap();
        let mut random = Seeded::new(seed);
        let users: Vec<UserId> = site
            .broker
            .world()
            .users()
            .filter(|user| user.enabled && !user.administrator)
            .map(|user| user.id)
            .collect();
        for user in users {
            for scope in [
                LoginScope::Everything,
                LoginScope::Everything,
                LoginScope::Sessions,
            ] {
                let caller = site.caller(user, scope).await.unwrap();
                sequence(&site, &caller, (user, scope), &mut random, &mut seen, seed).await;
            }
        }
    }
    println!("{} calls let through, {} refused", seen.allowed, seen.refused);
    assert!(seen.allowed as u64 > worlds / 2 && seen.refused as u64 > worlds);
}
