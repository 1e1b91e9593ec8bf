//! What is noted of changes.

use serde_json::json;

use super::line::ChainEnd;
use super::*;
use crate::id::{GroupId, ItemId, JumpointId, UserId};
use crate::keys::SigningKey;
use crate::model::{
    Change, Comments, Hostname, ItemDetails, JumpGroup, JumpItem, Jumpoint, Membership, Name, Placement,
    Role, ShellJump, User, UserName, World,
};
use crate::session::GatePlace;

fn group(id: u32, name: &str) -> JumpGroup {
    JumpGroup::new(GroupId::new(id).unwrap(), Name::new(name).unwrap())
}

fn item(id: u32, name: &str, placement: impl Into<Placement>) -> JumpItem {
    JumpItem::new(
        ItemId::new(id).unwrap(),
        Name::new(name).unwrap(),
        placement,
        JumpointId::new(1).unwrap(),
        Hostname::new("db.example").unwrap(),
        ItemDetails::ShellJump(ShellJump::ssh(22)),
    )
}

fn world() -> World {
    let mut world = World::new().unwrap();
    world
        .apply(&[
            Change::PutUser(User::new(UserId::new(1).unwrap(), UserName::new("ada").unwrap())),
            Change::PutGroup(group(1, "west")),
            Change::PutGroup(group(2, "east")),
            Change::PutJumpoint(Jumpoint::new(
                JumpointId::new(1).unwrap(),
                Name::new("lan").unwrap(),
            )),
            Change::PutItem(item(1, "db", GroupId::new(1).unwrap())),
        ])
        .unwrap();
    world
}

fn notes(world: &mut World, changes: &[Change]) -> Vec<ChangeNote> {
    let made = ChangeNotes::apply(world, changes).unwrap();
    assert_eq!(made.unnoted, 0);
    made.notes
}

#[test]
fn an_edit_notes_old_and_new_of_what_changed_and_of_nothing_else() {
    let mut edited = item(1, "db", GroupId::new(1).unwrap());
    edited.comments = Comments::new("{{7*7}} ${x}").unwrap();
    edited.details = ItemDetails::ShellJump(ShellJump::ssh(2222));
    let notes = notes(&mut world(), &[Change::PutItem(edited)]);
    let [note] = notes.as_slice() else {
        panic!("{notes:?}")
    };
    assert_eq!(note.event_name(), "jump_item_changed");
    assert_eq!((note.id.as_str(), note.name.as_str()), ("1", "db"));
    assert_eq!(json!(note.old), json!({ "comments": "", "port": 22 }));
    assert_eq!(
        json!(note.new),
        json!({ "comments": "{{7*7}} ${x}", "port": 2222 })
    );
    let on = note.item.as_ref().unwrap();
    assert_eq!(
        (on.item_type.as_str(), on.place.group.as_str()),
        ("Shell Jump", "west")
    );
    assert_eq!((&on.moved_from, &on.copied_from), (&None, &None));
}

#[test]
fn changes_of_one_event_are_noted_in_their_order() {
    let (west, east) = (GroupId::new(1).unwrap(), GroupId::new(2).unwrap());
    let copy = JumpItem {
        copy_of: Some(ItemId::new(1).unwrap()),
        ..item(2, "db copy", east)
    };
    let notes = notes(
        &mut world(),
        &[
            Change::PutItem(copy),
            Change::PutItem(item(1, "db", east)),
            Change::PutGroup(group(2, "orient")),
            Change::RemoveItem(ItemId::new(1).unwrap()),
        ],
    );
    let names: Vec<_> = notes.iter().map(ChangeNote::event_name).collect();
    let expected = [
        "jump_item_added",
        "jump_item_changed",
        "jump_group_changed",
        "jump_item_removed",
    ];
    assert_eq!(names, expected);
    let copied = notes[0].item.as_ref().unwrap().copied_from.as_ref().unwrap();
    assert_eq!(
        (copied.name.as_str(), copied.place.placement),
        ("db", west.into())
    );
    assert!(
        notes[0].old.is_empty() && notes[0].new.is_empty(),
        "the change has them"
    );
    let moved = notes[1].item.as_ref().unwrap();
    assert_eq!(moved.moved_from.as_ref().unwrap().group, "west");
    assert_eq!(
        (json!(notes[1].old), json!(notes[1].new)),
        (json!({"group": 1}), json!({"group": 2}))
    );
    assert_eq!(notes[3].item.as_ref().unwrap().place.group, "orient");
    assert_eq!(notes[3].old["hostname"], "db.example");
}

#[test]
fn what_goes_with_a_removed_object_is_noted() {
    let mut world = world();
    let list = Placement::personal(UserId::new(1).unwrap());
    world.apply(&[Change::PutItem(item(5, "mine", list))]).unwrap();
    let of_user = notes(&mut world.clone(), &[Change::RemoveUser(UserId::new(1).unwrap())]);
    assert_eq!(of_user[1].event_name(), "jump_item_removed");
    assert_eq!(
        of_user[1].item.as_ref().unwrap().place.group,
        "personal list of ada"
    );
    let of_group = notes(
        &mut world.clone(),
        &[Change::RemoveGroup(GroupId::new(1).unwrap())],
    );
    assert_eq!((of_group.len(), of_group[1].name.as_str()), (2, "db"));
    let of_jumpoint = notes(&mut world, &[Change::RemoveJumpoint(JumpointId::new(1).unwrap())]);
    assert_eq!(of_jumpoint.len(), 3);
}

#[test]
fn relations_are_named() {
    let mut world = world();
    let (user, west) = (UserId::new(1).unwrap(), GroupId::new(1).unwrap());
    let member = |role| Membership {
        user,
        group: west,
        role: Some(role),
        policy: None,
    };
    let lan = JumpointId::new(1).unwrap();
    let notes = notes(
        &mut world,
        &[
            Change::PutMembership(member(Role::AUDITOR)),
            Change::PutMembership(member(Role::ADMINISTRATOR)),
            Change::RemoveMembership { user, group: west },
            Change::GrantJumpoint { user, jumpoint: lan },
            Change::RevokeJumpoint { user, jumpoint: lan },
        ],
    );
    let said: Vec<_> = notes
        .iter()
        .map(|note| (note.event_name(), note.name.as_str(), note.id.as_str()))
        .collect();
    let expected = [
        ("jump_group_user_added", "ada in west", "1/1"),
        ("jump_group_user_changed", "ada in west", "1/1"),
        ("jump_group_user_removed", "ada in west", "1/1"),
        ("jumpoint_user_added", "ada on lan", "1/1"),
        ("jumpoint_user_removed", "ada on lan", "1/1"),
    ];
    assert_eq!(
        said,
        expected.map(|(event, name, id)| (event.to_owned(), name, id))
    );
    assert_eq!(
        (json!(notes[1].old), json!(notes[1].new)),
        (json!({"role": 4}), json!({"role": 3}))
    );
}

#[test]
fn s16_secrets_and_keys_are_noted_as_stars_and_their_change_shows() {
    let mut world = world();
    let key = || SigningKey::generate().unwrap().public();
    let with = |key| {
        Change::PutJumpoint(Jumpoint {
            key: Some(key),
            ..Jumpoint::new(JumpointId::new(1).unwrap(), Name::new("lan").unwrap())
        })
    };
    let (first, second) = (key(), key());
    let enrolled = notes(&mut world, &[with(first)]);
    assert_eq!(
        (json!(enrolled[0].old), json!(enrolled[0].new)),
        (json!({"key": null}), json!({"key": "***"}))
    );
    let replaced = notes(&mut world, &[with(second)]);
    assert_eq!(
        (json!(replaced[0].old), json!(replaced[0].new)),
        (json!({"key": "***"}), json!({"key": "***"}))
    );
    let removed = notes(
        &mut world.clone(),
        &[Change::RemoveJumpoint(JumpointId::new(1).unwrap())],
    );
    assert_eq!(removed[0].old["key"], "***");
    assert_eq!(fields_of(&with(second)).unwrap()["key"], "***");
    assert!(notes(&mut world, &[with(second)])[0].old.is_empty());
}

#[test]
fn notes_are_bounded_and_say_what_they_leave_out() {
    let mut world = world();
    let west = GroupId::new(1).unwrap();
    let many: Vec<_> = (10..40_000)
        .map(|id| Change::PutItem(item(id, &format!("db {id}"), west)))
        .collect();
    world.apply(&many).unwrap();
    let made = ChangeNotes::apply(&mut world, &[Change::RemoveGroup(west)]).unwrap();
    assert_eq!(made.notes.len() as u64 + made.unnoted, 1 + 1 + 39_990);
    assert!(made.unnoted > 0, "{}", made.notes.len());
    assert!(serde_json::to_vec(&made.notes).unwrap().len() < 5 * 1024 * 1024);

    let long = "ü".repeat(40_000);
    let mut fields = Fields::from([("comments".to_owned(), json!(long))]);
    super::change_fields::shorten(&mut fields);
    let cut = fields["comments"].as_str().unwrap();
    assert!(cut.len() < 4200 && cut.ends_with("… (cut: 80000 bytes)"), "{cut}");
}

#[test]
fn a_log_without_notes_reads_and_verifies() {
    let event = br#"{"time":"2026-01-02T03:04:05Z","actor":{"kind":"system"},"event":"changed","detail":{"changes":[{"change":"remove_item","value":3}]}}"#;
    let granted = br#"{"time":"2026-01-02T03:04:05Z","actor":{"kind":"system"},"event":"session_granted","detail":{"session":"0123456789abcdef0123456789abcdef","item":1,"item_name":"db","jumpoint":1,"reasons":"r"}}"#;
    let mut log = Vec::new();
    let end = ChainEnd::default().write(event, &mut log);
    let _ = end.write(granted, &mut log);
    assert_eq!(verify_log(log.as_slice()).unwrap().events, 2);
    let kinds: Vec<_> = LogReader::new(log.as_slice())
        .map(|entry| entry.unwrap().event.kind)
        .collect();
    assert!(
        matches!(&kinds[0], AuditKind::Changed { notes, unnoted: 0, .. } if notes.is_empty()),
        "{kinds:?}"
    );
    assert!(
        matches!(&kinds[1], AuditKind::SessionGranted { on: None, place: GatePlace::Jumpoint(one), .. }
            if one.get() == 1),
        "{kinds:?}"
    );
    // What was written then is written the same way now.
    for (entry, bytes) in LogReader::new(log.as_slice()).zip([event.as_slice(), granted]) {
        assert_eq!(serde_json::to_vec(&entry.unwrap().event).unwrap(), bytes);
    }
}
