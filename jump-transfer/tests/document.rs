//! The whole site as a document: what comes out goes in again, byte for byte and name for name.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a step that fails is a test that fails"
)]

mod support;

use jump_core::model::{
    Change, Comments, Description, GroupPolicy, JumpItem, Jumpoint, Name, Team, TeamRole, User, UserName,
    World,
};
use jump_core::{ErrorKind, id::UserId};
use jump_testkit::random_world::Parts;
use jump_transfer::{Document, DocumentOptions, Format, Plan, Problems, Refusal, plan_document};
use support::{ids, made, random};

const FORMATS: [Format; 2] = [Format::Json, Format::Toml];
const PRUNE: DocumentOptions = DocumentOptions { prune: true };
const KEEP: DocumentOptions = DocumentOptions { prune: false };

fn planned(world: &World, document: &Document, options: DocumentOptions) -> Plan {
    match plan_document(world, document, options, &ids(world)) {
        Ok(plan) => plan,
        Err(refusal) => panic!("{refusal}"),
    }
}

fn problems(world: &World, document: &Document, options: DocumentOptions) -> Problems {
    match plan_document(world, document, options, &ids(world)) {
        Err(Refusal::Problems(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

fn toml(text: &str) -> Document {
    Document::parse(text.as_bytes(), Format::Toml).unwrap()
}

/// A site with one of everything that random sites lack.
fn rich(parts: &Parts, seed: u64) -> World {
    let mut world = random(parts, seed);
    let user = world.users().next().unwrap().clone();
    let mut changes = vec![];
    for group in world.groups() {
        let mut group = jump_core::model::JumpGroup::clone(group);
        group.comments =
            Comments::new("=cmd|' /C calc'!A0\n\"quoted\", and\ttabbed — {{7*7}} ${7*7} <%= %> #{}").unwrap();
        group.code_name = Some(format!("code-{}", group.id).parse().unwrap());
        changes.push(Change::PutGroup(group));
    }
    for policy in world.policies() {
        let mut policy = jump_core::model::JumpPolicy::clone(policy);
        policy.description = Description::new("'''\\ \"\"\" end").unwrap();
        policy.notification.email_addresses = vec!["a@b.example".parse().unwrap()];
        policy.notification.session_end = true;
        changes.push(Change::PutPolicy(policy));
    }
    for item in world.items() {
        let mut item = JumpItem::clone(item);
        item.comments = Comments::new("[table]\nkey = 'x' # no comment\n").unwrap();
        item.tag = "{{7*7}}".parse().unwrap();
        changes.push(Change::PutItem(item));
    }
    changes.push(Change::PutTeam(Team {
        id: jump_core::id::TeamId::new(77).unwrap(),
        name: Name::new("Ünïcode / team").unwrap(),
        members: [(user.id, TeamRole::Lead)].into(),
    }));
    world.apply(&changes).unwrap();
    world
}

#[test]
fn a_site_survives_export_and_import_by_names() {
    let parts = Parts::new().unwrap();
    let empty = World::new().unwrap();
    for seed in 0..60 {
        let world = rich(&parts, seed);
        let document = Document::of(&world).unwrap();
        for format in FORMATS {
            let text = document.write(format).unwrap();
            let read = Document::parse(text.as_bytes(), format)
                .unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"));
            assert_eq!(read, document, "seed {seed}");

            // Into an empty site: the same site by names.
            let copy = made(&empty, &planned(&empty, &read, KEEP));
            let again = Document::of(&copy).unwrap().write(format).unwrap();
            assert_eq!(again, text, "seed {seed}");
            // Decisions depend on the order of group policies at one position.
            let order = |world: &World| -> Vec<String> {
                let mut all: Vec<&GroupPolicy> = world.group_policies().map(|one| &**one).collect();
                all.sort_by_key(|one| (one.position, one.id));
                all.iter().map(|one| one.name.to_string()).collect()
            };
            assert_eq!(order(&copy), order(&world), "seed {seed}");

            // Into the same site: nothing.
            for options in [KEEP, PRUNE] {
                let plan = planned(&world, &read, options);
                assert_eq!(plan, Plan::default(), "seed {seed}");
            }
        }
    }
}

#[test]
fn pruning_makes_any_site_equal_to_any_document_and_the_differences_are_what_changed() {
    let parts = Parts::new().unwrap();
    let mut changed = 0;
    for seed in 0..80 {
        let (mut before, wanted) = (rich(&parts, seed), random(&parts, seed + 1000));
        // Somebody stays who may change the site.
        let admin = User {
            administrator: true,
            ..User::new(UserId::new(60).unwrap(), UserName::new("root").unwrap())
        };
        let mut wanted = wanted;
        for world in [&mut before, &mut wanted] {
            world.apply(&[Change::PutUser(admin.clone())]).unwrap();
        }
        let document = Document::of(&wanted).unwrap();
        let plan = planned(&before, &document, PRUNE);
        let after = made(&before, &plan);
        assert_eq!(Document::of(&after).unwrap(), document, "seed {seed}");
        // What is shown is what is done.
        let shown = jump_transfer::diff::diff(&Document::of(&before).unwrap(), &document).unwrap();
        assert_eq!(plan.differences, shown, "seed {seed}");
        assert_eq!(planned(&after, &document, PRUNE), Plan::default(), "seed {seed}");
        changed += plan.differences.len();

        // Without pruning nothing goes.
        let kept = made(&before, &planned(&before, &document, KEEP));
        for item in before.items() {
            assert!(kept.item(item.id).is_some(), "seed {seed}");
        }
        assert!(kept.users().count() >= before.users().count());
        assert!(kept.memberships().count() >= before.memberships().count());
    }
    assert!(changed > 500);
}

#[test]
fn keys_and_credentials_are_not_in_a_document_and_stay_where_they_are() {
    let mut site = jump_testkit::world::Site::new(
        "127.0.0.1:22".parse().unwrap(),
        &["127.0.0.1:80".parse().unwrap()],
    )
    .unwrap();
    let jumpoint = site.world.jumpoints().next().unwrap().clone();
    let item = site.world.items().next().unwrap().clone();
    let sealed = jumpoint.sealing_key;
    assert!(jumpoint.key.is_some(), "the test needs keys");
    site.world
        .apply(&[Change::PutJumpoint(Jumpoint::clone(&jumpoint))])
        .unwrap();
    let mut document = Document::of(&site.world).unwrap();
    for format in FORMATS {
        let text = document.write(format).unwrap();
        assert!(
            !text.contains("credential") && !text.contains("sealing"),
            "{text}"
        );
        assert!(!text.contains(&jumpoint.key.unwrap().to_string()), "{text}");
    }
    let jumpoints = document.jumpoints.as_mut().unwrap();
    jumpoints[0].comments = Comments::new("moved").unwrap();
    let items = document.items.as_mut().unwrap();
    let tagged = items.iter_mut().find(|one| one.name == item.name).unwrap();
    tagged.tag = "new".parse().unwrap();
    let after = made(&site.world, &planned(&site.world, &document, KEEP));
    let now = after.jumpoint(jumpoint.id).unwrap();
    assert_eq!((now.key, now.sealing_key), (jumpoint.key, sealed));
    assert_eq!(now.comments.as_str(), "moved");
    let now = after.item(item.id).unwrap();
    assert_eq!(now.tag.as_str(), "new");
    assert_eq!(now.details, item.details);
}

#[test]
fn everything_that_is_wrong_is_named_and_nothing_is_planned() {
    let world = World::new().unwrap();
    let document = toml(
        r#"
        version = 1
        [[groups]]
        name = "Servers"
        [[groups]]
        name = "servers"
        [[users]]
        name = "alice"
        default_role = "Root"
        [[memberships]]
        group = "Nowhere"
        user = "alice"
        [[roles]]
        name = "no access"
        permissions = ["perm_start"]
        "#,
    );
    let first = problems(&world, &document, KEEP);
    let text: Vec<String> = first.list().iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        [
            "roles \"no access\": it is built in: it is not changed, and not in a document",
            "groups \"servers\": it is there twice",
        ]
    );
    let document = toml(
        r#"
        version = 1
        [[users]]
        name = "alice"
        default_role = "Root"
        [[users]]
        name = "bob"
        default_role = "Auditor"
        [[memberships]]
        group = "Nowhere"
        user = "bob"
        [[jump_policies]]
        name = "idle"
        idle_limit_seconds = 3
        "#,
    );
    let second = problems(&world, &document, KEEP);
    let text: Vec<String> = second.list().iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        [
            "users \"alice\": there is no role named `Root`",
            "jump_policies \"idle\": idle_limit_seconds is at least 10",
            "memberships \"Nowhere/bob\": there is no jump group named `Nowhere`",
        ]
    );
}

#[test]
fn a_document_that_is_not_one_is_refused_with_the_place() {
    for (text, format, kind, says) in [
        ("{}", Format::Json, ErrorKind::InvalidArgument, "version"),
        (
            "version = 2\nnew = 1",
            Format::Toml,
            ErrorKind::Unsupported,
            "version 2",
        ),
        (
            "version = 1\nextra = 1",
            Format::Toml,
            ErrorKind::InvalidArgument,
            "extra",
        ),
        (
            "version = 1\n[[users]]\nname = 'a'\npassword = 'x'",
            Format::Toml,
            ErrorKind::InvalidArgument,
            "line 4",
        ),
        (
            r#"{"version":1,"items":[{"group":"g","name":"n","hostname":"h","details":{"type":"local_vnc","credential":null}}]}"#,
            Format::Json,
            ErrorKind::InvalidArgument,
            "credential",
        ),
        (
            r#"{"version":1,"groups":[{"name":"g","name":"h"}]}"#,
            Format::Json,
            ErrorKind::InvalidArgument,
            "duplicate",
        ),
        (
            r#"{"version":1,"session_policies":[{"name":"g","permissions":{"shell":true,"shell":false}}]}"#,
            Format::Json,
            ErrorKind::InvalidArgument,
            "twice",
        ),
        (
            "version = 1\nversion = 1",
            Format::Toml,
            ErrorKind::InvalidArgument,
            "duplicate",
        ),
        (
            "version = 1 \n[",
            Format::Toml,
            ErrorKind::InvalidArgument,
            "line 2",
        ),
    ] {
        let error = Document::parse(text.as_bytes(), format).unwrap_err();
        assert_eq!(error.kind(), kind, "{text}: {error}");
        assert!(error.to_string().contains(says), "{text}: {error}");
    }
    let error = Document::parse(b"version = 1\n# \xff", Format::Toml).unwrap_err();
    assert!(error.to_string().contains("line 2 is not UTF-8"), "{error}");
    let long = vec![b' '; jump_transfer::document::MAX_DOCUMENT + 1];
    let error = Document::parse(&long, Format::Json).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceLimit);
    for deep in ["[".repeat(100_000), format!("version = {}", "[".repeat(100_000))] {
        for format in FORMATS {
            assert!(Document::parse(deep.as_bytes(), format).is_err());
        }
    }
}

#[test]
fn an_absent_section_is_left_alone_and_an_empty_one_is_pruned() {
    let parts = Parts::new().unwrap();
    let world = rich(&parts, 3);
    let none = planned(&world, &toml("version = 1"), PRUNE);
    assert_eq!(none, Plan::default());
    let plan = planned(&world, &toml("version = 1\nitems = []\nteams = []"), PRUNE);
    let after = made(&world, &plan);
    assert_eq!((after.items().count(), after.teams().count()), (0, 0));
    assert_eq!(after.users().count(), world.users().count());
    let kept = planned(&world, &toml("version = 1\nitems = []\nteams = []"), KEEP);
    assert_eq!(kept, Plan::default());
}

#[test]
fn what_goes_with_something_removed_is_shown() {
    let parts = Parts::new().unwrap();
    let seed = (0..500)
        .find(|seed| {
            let world = random(&parts, *seed);
            world
                .jumpoints()
                .any(|one| world.items_behind(one.id).count() > 0)
        })
        .unwrap();
    let world = random(&parts, seed);
    let plan = planned(&world, &toml("version = 1\njumpoints = []"), PRUNE);
    let behind = world.items().filter(|item| item.jumpoint.is_some()).count();
    let shown = plan
        .differences
        .iter()
        .filter(|one| one.section == "items")
        .count();
    assert!(behind > 0 && shown == behind, "{:?}", plan.differences);
}

#[test]
fn the_last_administrator_is_not_imported_away() {
    let mut world = World::new().unwrap();
    let admin = User {
        administrator: true,
        ..User::new(UserId::new(1).unwrap(), UserName::new("root").unwrap())
    };
    world.apply(&[Change::PutUser(admin)]).unwrap();
    for (text, options) in [
        ("version = 1\nusers = []", PRUNE),
        ("version = 1\n[[users]]\nname = 'root'", KEEP),
        (
            "version = 1\n[[users]]\nname = 'root'\nadministrator = true\nenabled = false",
            KEEP,
        ),
    ] {
        let problems = problems(&world, &toml(text), options);
        assert!(
            problems.to_error().to_string().contains("administrator"),
            "{text}"
        );
    }
}

#[test]
fn v03_v05_hostile_text_is_data_in_every_format() {
    let corpus = [
        "{{7*7}}",
        "${7*7}",
        "<%= 7*7 %>",
        "#{7*7}",
        "'; DROP TABLE users; --",
        "$(reboot) `reboot` | reboot & reboot",
        "</script><script>alert(1)</script>",
        "\\\"}],\"users\":[{\"name\":\"evil\",\"administrator\":true}]",
        "\"\"\"\n[[users]]\nname = \"evil\"\n",
        "%s%n %0d%0a \\u0000",
        "../../etc/passwd",
        "é\u{301} ﷽ 🖥",
    ];
    for text in corpus {
        let mut world = World::new().unwrap();
        let mut group = jump_core::model::JumpGroup::new(
            jump_core::id::GroupId::new(1).unwrap(),
            Name::new("servers").unwrap(),
        );
        group.comments = Comments::new(text).unwrap();
        world.apply(&[Change::PutGroup(group.clone())]).unwrap();
        let document = Document::of(&world).unwrap();
        for format in FORMATS {
            let written = document.write(format).unwrap();
            let read = Document::parse(written.as_bytes(), format).unwrap();
            let empty = World::new().unwrap();
            let copy = made(&empty, &planned(&empty, &read, KEEP));
            assert_eq!(copy.groups().next().unwrap().comments, group.comments);
            assert_eq!(copy.users().count(), 0, "{written}");
            // Nothing was evaluated: the text is there as it was written, but for the format's own escapes.
            if !text.contains(['\\', '"', '\n', '\'']) {
                assert!(written.contains(text), "{written}");
            }
        }
    }
}

#[test]
fn a_difference_is_shown_on_lines_of_its_own_with_nothing_that_acts() {
    let parts = Parts::new().unwrap();
    let world = random(&parts, 7);
    let group = world.groups().next().unwrap().name.clone();
    let document = toml(&format!(
        "version = 1\n[[groups]]\nname = '{group}'\ncomments = \"one\\ntwo\"\n[[groups]]\nname = 'new'"
    ));
    let plan = planned(&world, &document, KEEP);
    let shown: Vec<String> = plan.differences.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            format!("~ groups {group}\n    comments: (default) → \"one\\u{{a}}two\""),
            "+ groups new\n    name: \"new\"".to_owned(),
        ]
    );
}
