//! Every kind of object comes back as it was kept, and goes with what it depends on.

use std::collections::BTreeSet;

use jump_core::ErrorKind;
use jump_core::id::{
    ApprovalId, GroupId, GroupPolicyId, ItemId, JumpointId, LoginId, PolicyId, RoleId, SessionPolicyId,
    TeamId, UserId,
};
use jump_core::model::{Change, GroupPolicy, JumpPolicy, Name, Role, SiteSettings, World};
use jump_testkit::random_world::{Parts, RandomSite};
use jump_testkit::seeded::Seeded;
use serde_json::Value;

use super::AnyStore;
use crate::data::assert_same;
use crate::data::model::{TOP, emptied, full_site};

pub(crate) async fn every_kind_of_object_survives(store: AnyStore) {
    let mut expected = World::new().unwrap();
    let site = full_site();
    expected.apply(&site).unwrap();
    store.commit(0, &site).await.unwrap();
    let world = store.load().await.unwrap();
    assert_same(&world, &expected, "");
    assert_eq!((world.items().count(), world.approvals().count()), (20, 5));
}

/// Each removal takes along what the world says, from all the rows that name it.
pub(crate) async fn removals_of_every_kind_go_as_far_as_the_world_says(store: AnyStore) {
    let user = |id| UserId::new(id).unwrap();
    let policy = |id| PolicyId::new(id).unwrap();
    let mut expected = World::new().unwrap();
    let site = full_site();
    expected.apply(&site).unwrap();
    store.commit(0, &site).await.unwrap();
    let mut alone = JumpPolicy::clone(expected.policy(policy(2)).unwrap());
    alone.approval = None;
    let removals = [
        vec![Change::RemoveApproval(ApprovalId::new(1).unwrap())],
        vec![Change::RemoveItem(ItemId::new(1).unwrap())],
        vec![Change::RemoveLogin(LoginId::new(TOP).unwrap())],
        vec![Change::RemoveGroup(GroupId::new(TOP).unwrap())],
        vec![Change::RemoveJumpoint(JumpointId::new(2).unwrap())],
        vec![Change::RemoveUser(user(TOP))],
        vec![
            Change::PutPolicy(alone),
            Change::RemovePolicy(policy(TOP)),
            Change::RemoveTeam(TeamId::new(TOP).unwrap()),
        ],
        vec![
            Change::PutSite(SiteSettings::default()),
            Change::RemoveUser(user(2)),
            Change::RemoveGroupPolicy(GroupPolicyId::new(1).unwrap()),
        ],
        vec![Change::RemoveGroup(GroupId::new(1).unwrap())],
        vec![
            Change::RemovePolicy(policy(1)),
            Change::RemovePolicy(policy(2)),
            Change::RemoveSessionPolicy(SessionPolicyId::new(1).unwrap()),
            Change::RemoveSessionPolicy(SessionPolicyId::new(TOP).unwrap()),
        ],
        vec![
            Change::RemoveUser(user(1)),
            Change::RemoveRole(RoleId::new(5).unwrap()),
            Change::RemoveRole(RoleId::new(TOP).unwrap()),
        ],
    ];
    for (revision, changes) in (1..).zip(removals) {
        expected.apply(&changes).unwrap();
        store.commit(revision, &changes).await.unwrap();
        let world = store.load().await.unwrap();
        assert_same(&world, &expected, &format!("after {changes:?}"));
    }
}

/// What one commit does to an object that a removal in the same commit changes, too, counts in the order of the commit.
pub(crate) async fn objects_are_renamed_around_a_removal_in_one_commit(store: AnyStore) {
    let mut expected = World::new().unwrap();
    let site = full_site();
    expected.apply(&site).unwrap();
    store.commit(0, &site).await.unwrap();
    let policy = |id| GroupPolicy::clone(expected.group_policy(GroupPolicyId::new(id).unwrap()).unwrap());
    let (mut first, mut other) = (policy(1), policy(2));
    other.name = Name::new("was second").unwrap();
    first.name = policy(2).name;
    first.members.remove(&UserId::new(2).unwrap());
    let changes = [
        Change::RemoveUser(UserId::new(2).unwrap()),
        Change::PutGroupPolicy(other),
        Change::PutGroupPolicy(first),
    ];
    expected.apply(&changes).unwrap();
    store.commit(1, &changes).await.unwrap();
    assert_same(&store.load().await.unwrap(), &expected, "");
}

/// Names that fold differently are different names, whatever else calls them the same.
pub(crate) async fn names_are_unique_as_the_world_compares_them(store: AnyStore) {
    let role = |id, name: &str| {
        let mut role = Role::built_in().unwrap().remove(0);
        role.id = RoleId::new(id).unwrap();
        role.name = Name::new(name).unwrap();
        Change::PutRole(role)
    };
    // A capital sigma at a word's end becomes the final form where text is lowered as a whole.
    let changes = [role(5, "\u{391}\u{3a3}"), role(6, "\u{3b1}\u{3c2}")];
    let mut expected = World::new().unwrap();
    expected.apply(&changes).unwrap();
    store.commit(0, &changes).await.unwrap();
    assert_same(&store.load().await.unwrap(), &expected, "");
    let error = store.commit(1, &[role(7, "\u{3b1}\u{3c3}")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

/// A removal of anything, whether there is such a thing or not.
fn removal(random: &mut Seeded) -> Change {
    let id = 1 + random.below(4) as u32;
    match random.below(10) {
        0 => Change::RemoveUser(UserId::new(id).unwrap()),
        1 => Change::RemoveGroup(GroupId::new(id).unwrap()),
        2 => Change::RemoveJumpoint(JumpointId::new(id).unwrap()),
        3 => Change::RemoveItem(ItemId::new(id).unwrap()),
        4 => Change::RemovePolicy(PolicyId::new(id).unwrap()),
        5 => Change::RemoveSessionPolicy(SessionPolicyId::new(id).unwrap()),
        6 => Change::RemoveGroupPolicy(GroupPolicyId::new(id).unwrap()),
        7 => Change::RemoveTeam(TeamId::new(id).unwrap()),
        8 => Change::RemoveApproval(ApprovalId::new(id).unwrap()),
        _ => Change::RemoveRole(RoleId::new(4 + id).unwrap()),
    }
}

/// One site after the other in one store, each replacing the one before in one commit; then some of it is removed.
pub(crate) async fn random_worlds_come_back_and_shrink_as_in_memory(store: AnyStore) {
    let parts = Parts::new().unwrap();
    let mut expected = World::new().unwrap();
    let (mut done, mut refused) = (0, 0);
    for seed in 0..30 {
        let mut changes = emptied(&expected);
        let mut site = RandomSite::new(&parts, seed);
        changes.extend(site.changes().unwrap().into_iter().flatten());
        let revision = expected.revision();
        expected.apply(&changes).unwrap();
        store.commit(revision, &changes).await.unwrap();
        assert_same(&store.load().await.unwrap(), &expected, &format!("seed {seed}"));
        let mut random = Seeded::new(seed);
        for _ in 0..6 {
            let changes = [removal(&mut random)];
            let revision = expected.revision();
            let outcome = store.commit(revision, &changes).await;
            match expected.apply(&changes) {
                Ok(revision) => {
                    assert_eq!(outcome.unwrap(), revision);
                    done += 1;
                }
                Err(error) => {
                    assert_eq!(outcome.unwrap_err().kind(), error.kind());
                    refused += 1;
                }
            }
            let world = store.load().await.unwrap();
            assert_same(&world, &expected, &format!("seed {seed}, {changes:?}"));
        }
    }
    assert!(done > 30 && refused > 10, "{done} done, {refused} refused");
}

/// Text that means something to SQL, shells, templates, formats, paths, spreadsheets or terminals.
const HOSTILE: &[&str] = &[
    "'; DROP TABLE items; --",
    "\"; DELETE FROM users; --",
    "' OR '1'='1",
    "x'); UPDATE meta SET revision = 0; --",
    "{{7*7}}${7*7}#{7*7}",
    "${jndi:ldap://x.test/a}",
    "$(reboot)`reboot`|reboot;reboot&&reboot",
    "%s%n%x%00",
    "../../etc/passwd",
    "..\\..\\windows",
    "<script>alert(1)</script>]]>&amp;",
    "=cmd|' /C calc'!A0",
    "\\",
    "\"},{\"id\":1",
    "%_%*?[a-z]",
    "NULL",
    "-gskey",
    "\u{130}\u{df}\u{3a3}\u{1f5a5}\u{fb03}",
    "a b",
    "0",
];

/// The paths of all texts in a value; of a list only the first two.
fn texts(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(path.to_owned()),
        Value::Array(list) => {
            let first = list.iter().take(2).enumerate();
            first.for_each(|(at, one)| texts(one, &format!("{path}/{at}"), found));
        }
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, one)| texts(one, &format!("{path}/{key}"), found)),
        _ => {}
    }
}

/// Each of these in each text of each object: refused when it is read, or kept as it is.
pub(crate) async fn v03_hostile_text_in_any_field_is_kept_or_refused(store: AnyStore) {
    store.commit(0, &full_site()).await.unwrap();
    let mut expected = store.load().await.unwrap();
    let objects: Vec<Value> = full_site()
        .iter()
        .map(|change| serde_json::to_value(change).unwrap())
        .collect();
    let mut fields = BTreeSet::new();
    for (revision, hostile) in (1..).zip(HOSTILE) {
        let mut accepted = Vec::new();
        for object in &objects {
            let mut paths = Vec::new();
            texts(&object["value"], "/value", &mut paths);
            for path in paths {
                let mut object = object.clone();
                *object.pointer_mut(&path).unwrap() = Value::from(*hostile);
                let Ok(change) = serde_json::from_value::<Change>(object.clone()) else {
                    continue;
                };
                if expected.apply(std::slice::from_ref(&change)).is_ok() {
                    let kind = object["change"].as_str().unwrap();
                    fields.insert(format!(
                        "{kind} {}",
                        path.trim_end_matches("/0").trim_end_matches("/1")
                    ));
                    accepted.push(change);
                }
            }
        }
        assert!(!accepted.is_empty(), "{hostile}");
        store.commit(revision, &accepted).await.unwrap();
        let world = store.load().await.unwrap();
        assert_same(&world, &expected, hostile);
    }
    for field in [
        "put_user /value/name",
        "put_group /value/name",
        "put_group /value/comments",
        "put_jumpoint /value/name",
        "put_role /value/description",
        "put_policy /value/description",
        "put_policy /value/notification/display_name",
        "put_session_policy /value/commands/only",
        "put_group_policy /value/name",
        "put_team /value/name",
        "put_approval /value/reason",
        "put_approval /value/comments",
        "put_login /value/label",
        "put_item /value/name",
        "put_item /value/tag",
        "put_item /value/comments",
        "put_item /value/details/username",
        "put_item /value/details/rdp_username",
        "put_item /value/details/domain",
        "put_item /value/details/secure_app/remote_app_name",
        "put_item /value/details/secure_app/remote_app_params",
    ] {
        assert!(fields.contains(field), "{field} is not among {fields:#?}");
    }
}
