//! Edits of Jump Items: each takes the permission that the reference names, and moves and copies take it at both ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeSet;

use jump_core::ErrorKind;
use jump_core::broker::Caller;
use jump_core::control::{Edit, ItemDraft, ItemPatch, RepRequest, Response};
use jump_core::id::{GroupId, ItemId, JumpointId, PolicyId, RoleId, SessionPolicyId, UserId};
use jump_core::keys::SealingKey;
use jump_core::model::{
    Change, ConnectionType, Description, Field, Hostname, IntelVpro, ItemDetails, JumpClient, JumpGroup,
    JumpItem, JumpPolicy, Jumpoint, LoginScope, Membership, Name, Placement, PortForward, ProtocolTunnel,
    PushJump, Rdp, Role, RolePermission, SessionPolicy, ShellJump, User, UserName, Vnc,
};
use jump_core::session::{Credential, CredentialBinding, CredentialSecret};
use jump_core::time::Timestamp;
use jump_testkit::callers::QuietBroker;

use RolePermission::{
    Add, AssignJumpGroup, EditBehavior, EditComments, EditIdentity, EditJumpPolicy, EditSessionPolicy,
    EditTag, Remove,
};

const HERE: u32 = 1;
const THERE: u32 = 2;
const SECRET: u32 = 3;
const ITEM: u32 = 1;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn user() -> UserId {
    UserId::new(1).unwrap()
}

fn group(number: u32) -> GroupId {
    GroupId::new(number).unwrap()
}

fn item_id(number: u32) -> ItemId {
    ItemId::new(number).unwrap()
}

/// The role of the user in the group of this number.
fn role(number: u32, permissions: &[RolePermission]) -> Change {
    Change::PutRole(Role {
        id: RoleId::new(10 + number).unwrap(),
        name: name(&format!("role {number}")),
        description: Description::default(),
        permissions: permissions.iter().copied().collect(),
    })
}

fn item(details: ItemDetails) -> JumpItem {
    let jumpoint = details
        .method()
        .needs_jumpoint()
        .then(|| JumpointId::new(1).unwrap());
    let host = Hostname::new("web.corp.example").unwrap();
    JumpItem::new(
        item_id(ITEM),
        name("web"),
        Placement::Shared(group(HERE)),
        jumpoint,
        host,
        details,
    )
}

struct Site {
    quiet: QuietBroker,
    ed: Caller,
}

/// `ed` has a role of its own in `here` and `there`, and on the personal list; none in `secret`. It may use Jumpoints `one` and
/// `two`, not `three`.
async fn site() -> Site {
    let mut ed = User::new(user(), UserName::new("ed").unwrap());
    ed.personal_role = Some(RoleId::new(13).unwrap());
    let mut changes = vec![role(1, &[]), role(2, &[]), role(3, &[]), Change::PutUser(ed)];
    for (number, called) in [(HERE, "here"), (THERE, "there"), (SECRET, "secret")] {
        changes.push(Change::PutGroup(JumpGroup::new(group(number), name(called))));
    }
    for number in [HERE, THERE] {
        changes.push(Change::PutMembership(Membership {
            user: user(),
            group: group(number),
            role: Some(RoleId::new(10 + number).unwrap()),
            policy: None,
        }));
    }
    for (number, called) in [(1, "one"), (2, "two"), (3, "three")] {
        let id = JumpointId::new(number).unwrap();
        changes.push(Change::PutJumpoint(Jumpoint::new(id, name(called))));
        if number < 3 {
            changes.push(Change::GrantJumpoint {
                user: user(),
                jumpoint: id,
            });
        }
    }
    let session = SessionPolicy::new(SessionPolicyId::new(1).unwrap(), name("calm"));
    changes.push(Change::PutSessionPolicy(session));
    let policy = JumpPolicy::new(PolicyId::new(1).unwrap(), name("care"));
    changes.push(Change::PutPolicy(policy));
    let quiet = QuietBroker::start(changes, Timestamp::UNIX_EPOCH).await.unwrap();
    let ed = quiet.caller(user(), LoginScope::Everything).await.unwrap();
    Site { quiet, ed }
}

impl Site {
    async fn roles(&self, here: &[RolePermission], there: &[RolePermission], own: &[RolePermission]) {
        let changes = vec![role(1, here), role(2, there), role(3, own)];
        self.quiet.change(changes).await.unwrap();
    }

    /// Puts the item back as it was, alone.
    async fn restore(&self, item: &JumpItem) {
        let world = self.quiet.broker.world();
        let others = world.items().filter(|other| other.id != item.id);
        let mut changes: Vec<Change> = others.map(|other| Change::RemoveItem(other.id)).collect();
        if world.item(item.id).is_none_or(|now| **now != *item) {
            changes.push(Change::PutItem(item.clone()));
        }
        if !changes.is_empty() {
            self.quiet.change(changes).await.unwrap();
        }
    }

    /// How the edit ends as `ed`: the kind of error, or none. What is refused changes nothing.
    async fn outcome(&self, edit: Edit) -> Option<ErrorKind> {
        let before = self.quiet.broker.world().revision();
        let result = self.quiet.edit(&self.ed, edit).await;
        let after = self.quiet.broker.world().revision();
        match result {
            Ok(_) => {
                assert_eq!(after, before + 1);
                None
            }
            Err(error) => {
                assert_eq!(after, before, "{error}");
                Some(error.kind())
            }
        }
    }

    fn item(&self) -> JumpItem {
        JumpItem::clone(self.quiet.broker.world().item(item_id(ITEM)).unwrap())
    }
}

fn patch(text: &str) -> Edit {
    let patch: ItemPatch = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    Edit::EditItem {
        item: "web".into(),
        patch: Box::new(patch),
    }
}

fn shift(place: &str) -> Edit {
    Edit::MoveItem {
        item: "web".into(),
        group: name(place),
    }
}

fn copy(place: &str) -> Edit {
    Edit::CopyItem {
        item: "web".into(),
        group: name(place),
        name: Some(name("copy")),
    }
}

fn add(place: &str) -> Edit {
    Edit::AddItem(Box::new(ItemDraft {
        name: name("new"),
        group: name(place),
        jumpoint: Some(name("one")),
        hostname: Hostname::new("new.corp.example").unwrap(),
        tag: Default::default(),
        comments: Default::default(),
        jump_policy: None,
        session_policy: None,
        recording: Default::default(),
        max_duration_seconds: None,
        details: ItemDetails::ShellJump(ShellJump::ssh(22)),
    }))
}

fn adding(place: &str, edit: impl FnOnce(&mut ItemDraft)) -> Edit {
    let Edit::AddItem(mut draft) = add(place) else {
        panic!("an addition")
    };
    edit(&mut draft);
    Edit::AddItem(draft)
}

/// Every type of item with an edit of every field of its own, and the permission that takes.
fn types() -> Vec<(ItemDetails, Vec<(&'static str, RolePermission)>)> {
    // What is not at its default is written.
    let nla = || Rdp {
        require_nla: true,
        ..Rdp::default()
    };
    let rdp = || {
        vec![
            (r#"{"port":3390}"#, EditIdentity),
            (r#"{"quality":"low"}"#, EditBehavior),
            (r#"{"console":true}"#, EditBehavior),
            (r#"{"ignore_untrusted":true}"#, EditIdentity),
            (r#"{"require_nla":false}"#, EditIdentity),
            (r#"{"rdp_username":"u"}"#, EditIdentity),
            (r#"{"domain":"CORP"}"#, EditIdentity),
            (
                r#"{"secure_app":{"secure_app_type":"remote_app","remote_app_name":"calc"}}"#,
                EditIdentity,
            ),
            (
                r#"{"pinned_certificates":["00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"]}"#,
                EditIdentity,
            ),
        ]
    };
    let vnc = || {
        vec![
            (r#"{"port":5901}"#, EditIdentity),
            (
                r#"{"pinned_certificates":["00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"]}"#,
                EditIdentity,
            ),
        ]
    };
    let forwards = vec![PortForward { local: 0, remote: 80 }];
    let client = JumpClient {
        connection_type: ConnectionType::Passive,
        attended_session_policy: Some(SessionPolicyId::new(1).unwrap()),
        unattended_session_policy: Some(SessionPolicyId::new(1).unwrap()),
        ..JumpClient::default()
    };
    vec![
        (
            ItemDetails::ShellJump(ShellJump::ssh(22)),
            vec![
                (r#"{"port":2222}"#, EditIdentity),
                (r#"{"protocol":"telnet"}"#, EditIdentity),
                (r#"{"terminal":"VT100"}"#, EditBehavior),
                (r#"{"username":"root"}"#, EditIdentity),
                (r#"{"keep_alive_seconds":60}"#, EditBehavior),
                (
                    r#"{"host_key":{"pinned":[],"trust_first_use":true}}"#,
                    EditIdentity,
                ),
                (r#"{"permissions":{"exec":false}}"#, EditSessionPolicy),
            ],
        ),
        (
            ItemDetails::ProtocolTunnel(ProtocolTunnel {
                listen_address: std::net::Ipv4Addr::LOCALHOST,
                forwards,
            }),
            vec![
                (r#"{"listen_address":"127.0.0.2"}"#, EditIdentity),
                (r#"{"forwards":[{"local":0,"remote":22}]}"#, EditIdentity),
            ],
        ),
        (ItemDetails::LocalRdp(nla()), rdp()),
        (ItemDetails::RemoteRdp(nla()), rdp()),
        (ItemDetails::LocalVnc(Vnc::default()), vnc()),
        (ItemDetails::RemoteVnc(Vnc::default()), vnc()),
        (ItemDetails::LocalJump(PushJump::default()), vec![]),
        (ItemDetails::RemoteJump(PushJump::default()), vec![]),
        (
            ItemDetails::IntelVpro(IntelVpro::default()),
            vec![
                (r#"{"port":16992}"#, EditIdentity),
                (r#"{"kerberos":true}"#, EditIdentity),
            ],
        ),
        (
            ItemDetails::JumpClient(client),
            vec![
                (r#"{"connection_type":"active"}"#, EditBehavior),
                (r#"{"max_offline_minutes":9}"#, EditBehavior),
                (r#"{"attended_session_policy":null}"#, EditSessionPolicy),
                (r#"{"unattended_session_policy":null}"#, EditSessionPolicy),
                (r#"{"is_quiet":true}"#, EditBehavior),
            ],
        ),
    ]
}

/// The fields that every type has.
const ENVELOPE: [(&str, RolePermission); 9] = [
    (r#"{"name":"web-2"}"#, EditIdentity),
    (r#"{"hostname":"db.corp.example"}"#, EditIdentity),
    (r#"{"jumpoint":"two"}"#, EditIdentity),
    (r#"{"tag":"blue"}"#, EditTag),
    (r#"{"comments":"by the door"}"#, EditComments),
    (r#"{"jump_policy":"care"}"#, EditJumpPolicy),
    (r#"{"session_policy":"calm"}"#, EditSessionPolicy),
    (r#"{"recording":"off"}"#, EditBehavior),
    (r#"{"max_duration_seconds":60}"#, EditBehavior),
];

/// No permission, each alone, all but each, all, and every pair.
fn subsets() -> Vec<Vec<RolePermission>> {
    let all = RolePermission::ALL;
    let mut subsets = vec![vec![], all.to_vec()];
    for one in all {
        subsets.push(vec![*one]);
        subsets.push(all.iter().copied().filter(|other| other != one).collect());
        let pairs = all.iter().filter(|other| other.code() > one.code());
        subsets.extend(pairs.map(|other| vec![*one, *other]));
    }
    subsets
}

/// What must come out: an item is visible to who holds anything there, and may be edited by who holds what it takes.
fn expected(held: &[RolePermission], needed: &[RolePermission]) -> Option<ErrorKind> {
    if held.is_empty() {
        Some(ErrorKind::NotFound)
    } else if needed.iter().all(|one| held.contains(one)) {
        None
    } else {
        Some(ErrorKind::Denied)
    }
}

#[tokio::test]
async fn v18_each_field_takes_the_permission_of_its_kind_and_no_other() {
    let site = site().await;
    let mut known = BTreeSet::new();
    for (details, own) in types() {
        let item = item(details);
        site.restore(&item).await;
        let mut edits: Vec<(String, RolePermission)> = ENVELOPE
            .iter()
            .filter(|(text, _)| item.jumpoint.is_some() || !text.contains("jumpoint"))
            .map(|(text, permission)| ((*text).to_owned(), *permission))
            .collect();
        edits.extend(
            own.into_iter()
                .map(|(text, permission)| (format!(r#"{{"details":{text}}}"#), permission)),
        );
        let text = serde_json::to_value(&item.details).unwrap();
        let fields: BTreeSet<String> = text
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| !["type", "credential"].contains(&key.as_str()))
            .cloned()
            .collect();
        let edited: BTreeSet<String> = edits
            .iter()
            .filter_map(|(text, _)| {
                let patch: serde_json::Value = serde_json::from_str(text).unwrap();
                patch.get("details")?.as_object()?.keys().next().cloned()
            })
            .collect();
        assert_eq!(edited, fields, "an edit of every field of {}", item.details);
        for held in subsets() {
            site.roles(&held, RolePermission::ALL, RolePermission::ALL).await;
            for (text, permission) in &edits {
                let outcome = site.outcome(patch(text)).await;
                let wanted = expected(&held, &[*permission]);
                assert_eq!(outcome, wanted, "{} with {held:?}: {text}", item.details);
                if outcome.is_none() {
                    assert_ne!(site.item(), item, "{text} changes something");
                    site.restore(&item).await;
                }
            }
        }
        known.extend(edits.into_iter().map(|(text, _)| text));
    }
    assert!(known.len() > 30, "{known:?}");
}

#[tokio::test]
async fn v18_an_edit_of_several_fields_takes_every_permission_and_is_whole_or_not_at_all() {
    let site = site().await;
    let item = item(ItemDetails::ShellJump(ShellJump::ssh(22)));
    site.restore(&item).await;
    let both = || patch(r#"{"tag":"blue","details":{"port":2222}}"#);
    for held in subsets() {
        site.roles(&held, &[], &[]).await;
        let outcome = site.outcome(both()).await;
        assert_eq!(outcome, expected(&held, &[EditTag, EditIdentity]), "{held:?}");
        if outcome.is_some() {
            assert_eq!(site.item(), item);
        }
        site.restore(&item).await;
    }
    // Nothing that changes takes no permission but to see it, and is no change.
    site.roles(&[EditComments], &[], &[]).await;
    let revision = site.quiet.broker.world().revision();
    let same = patch(r#"{"name":"web","details":{"port":22}}"#);
    site.quiet.edit(&site.ed, same).await.unwrap();
    assert_eq!(site.quiet.broker.world().revision(), revision);
}

#[tokio::test]
async fn v18_moving_and_copying_take_the_permission_at_both_ends() {
    let site = site().await;
    let item = item(ItemDetails::ShellJump(ShellJump::ssh(22)));
    site.restore(&item).await;
    let all_but: Vec<RolePermission> = RolePermission::ALL
        .iter()
        .copied()
        .filter(|one| *one != AssignJumpGroup)
        .collect();
    for held in subsets() {
        for (there, there_allowed) in [
            (vec![], false),
            (all_but.clone(), false),
            (vec![AssignJumpGroup], true),
        ] {
            // The other place is a group, or one's own list.
            for (place, group_role, own_role) in [("there", &there, &vec![]), ("@ed", &vec![], &there)] {
                site.roles(&held, group_role, own_role).await;
                for edit in [shift(place), copy(place)] {
                    let mut wanted = expected(&held, &[AssignJumpGroup]);
                    if wanted.is_none() && !there_allowed {
                        wanted = Some(ErrorKind::Denied);
                    }
                    let outcome = site.outcome(edit.clone()).await;
                    assert_eq!(outcome, wanted, "{held:?} to {there:?}: {edit:?}");
                    site.restore(&item).await;
                }
            }
        }
        for (edit, needed) in [
            (Edit::RemoveItem { item: "web".into() }, &[Remove][..]),
            (
                Edit::SetCredential {
                    item: item.id,
                    credential: None,
                },
                &[EditIdentity],
            ),
        ] {
            site.roles(&held, &[], &[]).await;
            let outcome = site.outcome(edit.clone()).await;
            assert_eq!(outcome, expected(&held, needed), "{held:?}: {edit:?}");
            site.restore(&item).await;
        }
    }
}

#[tokio::test]
async fn v18_adding_takes_its_permission_and_that_of_each_policy_it_names() {
    let site = site().await;
    for held in subsets() {
        for (place, here, own) in [("here", &held, &vec![]), ("@ed", &vec![], &held)] {
            site.roles(here, &[], own).await;
            let client = |client: JumpClient| {
                adding(place, |draft| {
                    draft.jumpoint = None;
                    draft.details = ItemDetails::JumpClient(client);
                })
            };
            let policy = Some(SessionPolicyId::new(1).unwrap());
            for (edit, needed) in [
                (add(place), vec![Add]),
                (
                    adding(place, |draft| draft.jump_policy = Some(name("care"))),
                    vec![Add, EditJumpPolicy],
                ),
                (
                    adding(place, |draft| draft.session_policy = Some(name("calm"))),
                    vec![Add, EditSessionPolicy],
                ),
                (client(JumpClient::default()), vec![Add]),
                (
                    client(JumpClient {
                        attended_session_policy: policy,
                        ..JumpClient::default()
                    }),
                    vec![Add, EditSessionPolicy],
                ),
                (
                    client(JumpClient {
                        unattended_session_policy: policy,
                        ..JumpClient::default()
                    }),
                    vec![Add, EditSessionPolicy],
                ),
            ] {
                let outcome = site.outcome(edit.clone()).await;
                // Where nothing is yet, there is nothing to be seen or not.
                let wanted = if needed.iter().all(|one| held.contains(one)) {
                    None
                } else {
                    Some(ErrorKind::Denied)
                };
                assert_eq!(outcome, wanted, "{held:?}: {edit:?}");
                let world = site.quiet.broker.world();
                let added: Vec<Change> = world.items().map(|item| Change::RemoveItem(item.id)).collect();
                if !added.is_empty() {
                    site.quiet.change(added).await.unwrap();
                }
            }
        }
    }
}

/// The error's text, with names that were asked for in the same place.
async fn refused(site: &Site, edit: Edit, asked: &str) -> (ErrorKind, String) {
    let error = site.quiet.edit(&site.ed, edit).await.unwrap_err();
    (error.kind(), error.to_string().replace(asked, "…"))
}

#[tokio::test]
async fn s40_places_jumpoints_and_policies_one_may_not_name_do_not_exist() {
    let site = site().await;
    let item = item(ItemDetails::ShellJump(ShellJump::ssh(22)));
    site.restore(&item).await;
    let zed = User::new(UserId::new(2).unwrap(), UserName::new("zed").unwrap());
    site.quiet.change(vec![Change::PutUser(zed)]).await.unwrap();
    site.roles(&[Add, AssignJumpGroup, EditIdentity], &[], &[]).await;
    for edit in [shift, copy, add] {
        for (real, not) in [("secret", "nowhere"), ("@zed", "@nobody"), ("there", "nowhere")] {
            let (there, nowhere) = (
                refused(&site, edit(real), real).await,
                refused(&site, edit(not), not).await,
            );
            assert_eq!(there, nowhere);
            assert_eq!(there.0, ErrorKind::Denied);
        }
    }
    let jumpoint = |name: &str| patch(&format!(r#"{{"jumpoint":"{name}"}}"#));
    let three = refused(&site, jumpoint("three"), "three").await;
    assert_eq!(three, refused(&site, jumpoint("nine"), "nine").await);
    assert_eq!(three.0, ErrorKind::NotFound);
    for field in ["jump_policy", "session_policy"] {
        let policy = |name: &str| patch(&format!(r#"{{"{field}":"{name}"}}"#));
        let care = refused(&site, policy("care"), "care").await;
        assert_eq!(care, refused(&site, policy("none"), "none").await);
        assert_eq!(care.0, ErrorKind::Denied);
    }
}

#[tokio::test]
async fn a_login_for_sessions_edits_nothing() {
    let site = site().await;
    let item = item(ItemDetails::ShellJump(ShellJump::ssh(22)));
    site.restore(&item).await;
    let all = RolePermission::ALL;
    site.roles(all, all, all).await;
    let narrow = site.quiet.caller(user(), LoginScope::Sessions).await.unwrap();
    for edit in [patch(r#"{"tag":"x"}"#), shift("there"), copy("@ed"), add("here")] {
        let error = site.quiet.edit(&narrow, edit).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    }
}

#[tokio::test]
async fn a_copy_is_the_item_elsewhere_and_a_copy_of_a_copy_names_the_first() {
    let site = site().await;
    let mut item = item(ItemDetails::RemoteRdp(Rdp {
        quality: jump_core::model::RdpQuality::Low,
        rdp_username: Field::new("kim").unwrap(),
        ..Rdp::default()
    }));
    item.jump_policy = Some(PolicyId::new(1).unwrap());
    item.session_policy = Some(SessionPolicyId::new(1).unwrap());
    site.restore(&item).await;
    site.roles(&[AssignJumpGroup], &[AssignJumpGroup], &[AssignJumpGroup])
        .await;
    let copied = |response| match response {
        Response::Item(view) => JumpItem::clone(site.quiet.broker.world().item(view.id).unwrap()),
        other => panic!("{other:?}"),
    };
    let first = copied(site.quiet.edit(&site.ed, copy("there")).await.unwrap());
    let wanted = JumpItem {
        id: first.id,
        name: name("copy"),
        placement: Placement::Shared(group(THERE)),
        copy_of: Some(item.id),
        ..item.clone()
    };
    assert_eq!(first, wanted);
    assert_ne!(first.id, item.id);
    let again = Edit::CopyItem {
        item: "there/copy".into(),
        group: name("@ED"),
        name: None,
    };
    let second = copied(site.quiet.edit(&site.ed, again.clone()).await.unwrap());
    assert_eq!(
        (second.copy_of, second.placement),
        (Some(item.id), Placement::personal(user()))
    );
    let error = site.quiet.edit(&site.ed, again).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Conflict,
        "names are unique in a list: {error}"
    );
    let error = site.quiet.edit(&site.ed, shift("here")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    assert_eq!(site.item(), item);
}

#[tokio::test]
async fn a_credential_stays_with_its_host_port_and_jumpoint_and_is_removed_with_any_of_them() {
    let site = site().await;
    let mut item = item(ItemDetails::ShellJump(ShellJump::ssh(22)));
    let binding = CredentialBinding {
        item: item.id,
        jumpoint: item.jumpoint.unwrap(),
        target: item.credential_target().unwrap(),
    };
    let credential = Credential {
        username: "u".into(),
        secret: CredentialSecret::Password(jump_core::secret::Secret::new("p".to_owned())),
    };
    let key = SealingKey::generate().unwrap();
    *item.details.credential_mut().unwrap() = Some(credential.seal(&key.public(), &binding).unwrap());
    site.restore(&item).await;
    site.roles(RolePermission::ALL, RolePermission::ALL, &[]).await;
    for (edit, kept) in [
        (
            patch(r#"{"name":"x","tag":"y","details":{"username":"z"}}"#),
            true,
        ),
        (patch(r#"{"hostname":"web.corp.example"}"#), true),
        (shift("there"), true),
        (patch(r#"{"hostname":"evil.example"}"#), false),
        (patch(r#"{"details":{"port":23}}"#), false),
        (patch(r#"{"jumpoint":"two"}"#), false),
    ] {
        let shown = site.quiet.edit(&site.ed, edit.clone()).await.unwrap();
        let Response::Item(view) = shown else { panic!() };
        assert_eq!(view.has_credential, kept, "{edit:?}");
        assert_eq!(site.item().details.credential().is_some(), kept, "{edit:?}");
        site.restore(&item).await;
    }
    let shown = site.quiet.edit(&site.ed, copy("there")).await.unwrap();
    let Response::Item(view) = shown else { panic!() };
    assert!(!view.has_credential, "it is sealed for the original");
    assert!(site.item().details.credential().is_some());
}

#[tokio::test]
async fn an_embedder_may_ask_for_a_login_by_its_key() {
    let site = site().await;
    let stranger = jump_core::keys::SigningKey::generate().unwrap().public();
    let error = site.quiet.broker.caller(&stranger).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    let disabled = User {
        enabled: false,
        ..User::clone(site.quiet.broker.world().user(user()).unwrap())
    };
    site.quiet.change(vec![Change::PutUser(disabled)]).await.unwrap();
    let asked = site.quiet.broker.request(&site.ed, RepRequest::Items).await;
    assert_eq!(asked.unwrap_err().kind(), ErrorKind::Unauthenticated);
}
