//! Files of every released version open, become files of the newest, and hold the world that they held.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a step that fails is a test that fails; the killed child talks to its parent"
)]

mod data;

use std::path::Path;
use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::id::{GroupId, ItemId, JumpointId};
use jump_core::keys::SealingPublicKey;
use jump_core::model::{
    Change, CodeName, Comments, HostKey, Hostname, ItemDetails, JumpMethod, Membership, Role, Tag, User,
    World, folded,
};
use jump_core::session::RecordingMode;
use jump_core::store::{EnrolmentToken, IdKind, ItemQuery, Store, TokenHash, TokenPurpose};
use jump_core::time::Timestamp;
use jump_store::SqliteStore;
use jump_testkit::folder::Folder;
use jump_testkit::process::{Process, command};
use jump_testkit::seeded::Seeded;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use data::{assert_same, group, item, jumpoint, key, login, session, user};

const VERSION_1: &str = include_str!("../src/sqlite/0001_begin.sql");
const VERSION_2: &str = include_str!("../src/sqlite/0002_model.sql");
const FILE: &str = "JUMP_TEST_MIGRATION_FILE";
const LONG: Duration = Duration::from_secs(120);

fn version(raw: &Connection) -> u32 {
    raw.pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn token() -> EnrolmentToken {
    EnrolmentToken {
        hash: TokenHash::of(&[7; 32]),
        purpose: TokenPurpose::Jumpoint {
            jumpoint: JumpointId::new(1).unwrap(),
        },
        expires: "2030-01-01T00:00:00Z".parse().unwrap(),
    }
}

/// An item as version 1 wrote it.
fn old_item(id: u32, name: &str, comments: &str) -> Value {
    json!({
        "id": id, "name": name, "group": 1, "jumpoint": 1, "hostname": "Web-1.example", "tag": "B\u{dc}RO",
        "comments": comments, "recording": "fail_closed", "max_duration_seconds": 3600,
        "details": {"type": "shell_jump", "protocol": "ssh", "port": 2222, "keep_alive_seconds": 30,
            "host_key": {"pinned": [data::HOST_KEY], "trust_first_use": false},
            "permissions": {"shell": true, "exec": false, "file_transfer": false, "port_forwarding": true},
            "credential": null},
    })
}

fn put_old_item(raw: &Connection, body: &Value) {
    let name = body["name"].as_str().unwrap().to_lowercase();
    raw.execute(
        "INSERT INTO items (id, group_id, jumpoint_id, name_lower, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            body["id"].as_i64(),
            body["group"].as_i64(),
            body["jumpoint"].as_i64(),
            name,
            body.to_string()
        ],
    )
    .unwrap();
}

/// A file as version 1 left it, with rows of each of its kinds.
fn version_1(path: &Path) {
    let raw = Connection::open(path).unwrap();
    raw.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
        .unwrap();
    raw.execute_batch(VERSION_1).unwrap();
    raw.pragma_update(None, "user_version", 1).unwrap();
    let put = |statement: &str, values: &[&dyn rusqlite::ToSql]| {
        assert_eq!(raw.execute(statement, values).unwrap(), 1, "{statement}");
    };
    for (id, name) in [(1, "Alice"), (2, "bob")] {
        let body = json!({"id": id, "name": name, "enabled": id == 1, "administrator": id == 2,
            "allowed_methods": ["shell_jump", "protocol_tunnel"], "default_role": id});
        put(
            "INSERT INTO users (id, name_lower, body) VALUES (?1, ?2, ?3)",
            &[&id, &name.to_lowercase(), &body.to_string()],
        );
    }
    for (id, name) in [
        (1, "web 1"),
        (2, "Web_1"),
        (3, "web-1"),
        (4, "web 1 2"),
        (5, "WEB.1"),
    ] {
        let body = json!({"id": id, "name": name, "comments": "what\nfor"});
        put(
            "INSERT INTO groups (id, name, body) VALUES (?1, ?2, ?3)",
            &[&id, &name, &body.to_string()],
        );
    }
    let public = |seed: u8| key(seed).to_string();
    let sealing = SealingPublicKey::from_bytes([1; 32]).to_string();
    let body = json!({"id": 1, "name": "branch", "comments": "", "enabled": true, "shell_jump_enabled": true,
        "protocol_tunnel_enabled": false, "key": public(1), "sealing_key": sealing});
    put(
        "INSERT INTO jumpoints (id, name, key, body) VALUES (1, 'branch', ?1, ?2)",
        &[key(1).as_bytes(), &body.to_string()],
    );
    let body = json!({"id": 2, "name": "new", "comments": "", "enabled": false, "shell_jump_enabled": true,
        "protocol_tunnel_enabled": true, "key": null, "sealing_key": null});
    put(
        "INSERT INTO jumpoints (id, name, key, body) VALUES (2, 'new', NULL, ?1)",
        &[&body.to_string()],
    );
    put_old_item(&raw, &old_item(1, "\u{391}\u{3a3}", "line\none"));
    let tunnel = json!({"id": 2, "name": "ports", "group": 2, "jumpoint": 2, "hostname": "10.0.0.1",
        "details": {"type": "protocol_tunnel", "listen_address": "127.0.0.9",
            "forwards": [{"local": 0, "remote": 65535}]}});
    put_old_item(&raw, &tunnel);
    put(
        "INSERT INTO memberships (user_id, group_id, role_id) VALUES (1, 1, 3)",
        &[],
    );
    put(
        "INSERT INTO memberships (user_id, group_id, role_id) VALUES (1, 2, NULL)",
        &[],
    );
    put(
        "INSERT INTO jumpoint_grants (user_id, jumpoint_id) VALUES (1, 2)",
        &[],
    );
    let body = json!({"id": 1, "user": 1, "label": "laptop", "key": public(9), "scope": "everything",
        "expires": "2030-01-01T00:00:00.000000001Z"});
    put(
        "INSERT INTO logins (id, user_id, key, body) VALUES (1, 1, ?1, ?2)",
        &[key(9).as_bytes(), &body.to_string()],
    );
    for kind in ["user", "item"] {
        put("INSERT INTO ids (kind, last) VALUES (?1, 41)", &[&kind]);
    }
    let body = serde_json::to_string(&token()).unwrap();
    put(
        "INSERT INTO tokens (hash, expires, body) VALUES (?1, 1893456000000000000, ?2)",
        &[&token().hash.0, &body],
    );
    let body = json!({
        "id": session(3).id, "user": 1, "user_name": "alice", "item": 1, "item_name": "shell", "jumpoint": 1,
        "protocol": "ssh", "started": "2026-01-02T03:04:05.000000003Z", "state": {"state": "active"},
    })
    .to_string();
    put(
        "INSERT INTO sessions (id, started, active, body) VALUES (?1, ?2, 1, ?3)",
        &[
            session(3).id.as_bytes(),
            &i64::try_from(session(3).started.as_nanosecond()).unwrap(),
            &body,
        ],
    );
    put("UPDATE meta SET revision = 12", &[]);
}

/// What version 1 held, said in today's words.
fn expected_of_version_1() -> World {
    let mut alice = user(1, "Alice");
    let methods = |user: &mut User| {
        let both = [JumpMethod::ShellJump, JumpMethod::ProtocolTunnel];
        user.allowed_methods = Some(both.into_iter().collect());
    };
    methods(&mut alice);
    alice.default_role = Some(Role::NO_ACCESS);
    let mut bob = user(2, "bob");
    methods(&mut bob);
    (bob.enabled, bob.administrator, bob.default_role) = (false, true, Some(Role::START_SESSIONS_ONLY));
    // `web 1` keeps the code name that it makes; the two others that would make the same get numbers, of which `2` is taken.
    let groups = [
        (1, "web 1", None),
        (2, "Web_1", Some("web_1_3")),
        (3, "web-1", None),
        (4, "web 1 2", None),
        (5, "WEB.1", Some("web_1_4")),
    ]
    .map(|(id, name, code)| {
        let mut group = group(id, name);
        group.comments = Comments::new("what\nfor").unwrap();
        group.code_name = code.map(|code| CodeName::new(code).unwrap());
        Change::PutGroup(group)
    });
    let mut branch = jumpoint(1, "branch");
    branch.protocol_tunnel_enabled = false;
    let mut new = jumpoint(2, "new");
    (new.enabled, new.key, new.sealing_key) = (false, None, None);
    let mut changes = vec![Change::PutUser(alice), Change::PutUser(bob)];
    changes.extend(groups);
    changes.extend([Change::PutJumpoint(branch), Change::PutJumpoint(new)]);
    let mut shell = item(1, 1, 1, "\u{391}\u{3a3}");
    shell.hostname = Hostname::new("Web-1.example").unwrap();
    shell.tag = Tag::new("B\u{dc}RO").unwrap();
    shell.comments = Comments::new("line\none").unwrap();
    shell.max_duration_seconds = Some(3600);
    if let ItemDetails::ShellJump(details) = &mut shell.details {
        details.credential = None;
        details.host_key.trust_first_use = false;
        details.host_key.pinned = vec![HostKey::new(data::HOST_KEY).unwrap()];
        details.permissions.exec = false;
        (details.permissions.file_upload, details.permissions.file_download) = (false, false);
        details.permissions.port_forwarding = true;
    }
    let mut tunnel = data::tunnel_item(2, 2, 2, "ports");
    tunnel.comments = Comments::default();
    tunnel.recording = RecordingMode::default();
    changes.extend([Change::PutItem(shell), Change::PutItem(tunnel)]);
    let member = |group, role| {
        Change::PutMembership(Membership {
            user: user(1, "x").id,
            group: GroupId::new(group).unwrap(),
            role,
            policy: None,
        })
    };
    changes.extend([
        member(1, Some(Role::ADMINISTRATOR)),
        member(2, None),
        Change::GrantJumpoint {
            user: user(1, "x").id,
            jumpoint: JumpointId::new(2).unwrap(),
        },
        Change::PutLogin(login(1, 1, 9)),
    ]);
    World::restore(changes, 12).unwrap()
}

#[tokio::test]
async fn a_file_of_version_1_opens_as_what_it_was() {
    let folder = Folder::new().unwrap();
    let path = folder.join("site.db");
    version_1(&path);
    let store = SqliteStore::open(&path).unwrap();
    let world = store.load().await.unwrap();
    assert_eq!(world.revision(), 12);
    assert_same(&world, &expected_of_version_1(), "version 1");
    assert_eq!(store.next_id(IdKind::Item).await.unwrap(), 42);
    assert_eq!(store.next_id(IdKind::Role).await.unwrap(), 5);
    assert_eq!(store.redeem_token(&token().hash, now()).await.unwrap(), token());
    assert_eq!(store.sessions(true, 10).await.unwrap(), [session(3)]);
    // What is searched by was made from the objects, in the way in which names are compared.
    for text in ["\u{3b1}\u{3c3}", "b\u{fc}ro", "WEB-1.EX", "one"] {
        let query = ItemQuery {
            text: text.to_owned(),
            ..ItemQuery::default()
        };
        let page = store.items(&query).await.unwrap();
        assert_eq!(page, query.page_of(&world).unwrap());
        assert_eq!(page.items.len(), 1, "{text}");
    }
    let gone = Change::RemoveItem(ItemId::new(1).unwrap());
    assert_eq!(store.commit(12, &[gone]).await.unwrap(), 13);
    drop(store);
    assert_eq!(
        SqliteStore::open(&path)
            .unwrap()
            .load()
            .await
            .unwrap()
            .items()
            .count(),
        1
    );
}

/// A file as version 2 left it, with rows of each of its kinds.
fn version_2(path: &Path, site: &[Change]) {
    let raw = Connection::open(path).unwrap();
    raw.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
        .unwrap();
    raw.execute_batch(VERSION_1).unwrap();
    raw.execute_batch(VERSION_2).unwrap();
    raw.pragma_update(None, "user_version", 2).unwrap();
    for change in site {
        let body = serde_json::to_value(change).unwrap()["value"].take();
        let (id, text) = (body["id"].as_i64(), body.to_string());
        let lower = |field: &str| body[field].as_str().unwrap_or_default().to_lowercase();
        let named = |table: &str| {
            let statement = format!("INSERT INTO {table} (id, name_lower, body) VALUES (?1, ?2, ?3)");
            raw.execute(&statement, params![id, lower("name"), text])
        };
        let done = match change {
            Change::PutUser(_) => named("users"),
            Change::PutRole(_) => named("roles"),
            Change::PutPolicy(_) => named("policies"),
            Change::PutSessionPolicy(_) => named("session_policies"),
            Change::PutGroupPolicy(_) => named("group_policies"),
            Change::PutTeam(_) => named("teams"),
            Change::PutSite(_) => raw.execute("INSERT INTO site (one, body) VALUES (1, ?1)", [&text]),
            Change::PutGroup(group) => raw.execute(
                "INSERT INTO groups (id, name, body) VALUES (?1, ?2, ?3)",
                params![id, group.name.as_str(), text],
            ),
            Change::PutJumpoint(jumpoint) => raw.execute(
                "INSERT INTO jumpoints (id, name, key, body) VALUES (?1, ?2, ?3, ?4)",
                params![id, jumpoint.name.as_str(), jumpoint.key.map(|key| *key.as_bytes()), text],
            ),
            Change::PutItem(item) => raw.execute(
                "INSERT INTO items (id, group_id, owner_id, jumpoint_id, name_lower, host_lower, tag_lower, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    id,
                    item.placement.group().map(|id| id.get()),
                    item.placement.owner().map(|id| id.get()),
                    item.jumpoint.map(|id| id.get()),
                    lower("name"),
                    lower("hostname"),
                    lower("tag"),
                    text
                ],
            ),
            Change::PutApproval(request) => raw.execute(
                "INSERT INTO approvals (id, item_id, requester_id, policy_id, body) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id, request.item.get(), request.requester.get(), request.policy.get(), text],
            ),
            Change::PutMembership(one) => raw.execute(
                "INSERT INTO memberships (user_id, group_id, role_id, policy_id) VALUES (?1, ?2, ?3, ?4)",
                params![
                    one.user.get(),
                    one.group.get(),
                    one.role.map(|id| id.get()),
                    one.policy.map(|id| id.get())
                ],
            ),
            Change::GrantJumpoint { user, jumpoint } => raw.execute(
                "INSERT INTO jumpoint_grants (user_id, jumpoint_id) VALUES (?1, ?2)",
                [user.get(), jumpoint.get()],
            ),
            Change::PutLogin(login) => raw.execute(
                "INSERT INTO logins (id, user_id, key, body) VALUES (?1, ?2, ?3, ?4)",
                params![id, login.user.get(), login.key.as_bytes(), text],
            ),
            other => unreachable!("{other:?}"),
        };
        assert_eq!(done.unwrap(), 1);
    }
    raw.execute("UPDATE meta SET revision = 1", []).unwrap();
}

#[tokio::test]
async fn a_file_of_version_2_opens_as_what_it_was_and_is_followed_from_then_on() {
    let folder = Folder::new().unwrap();
    let path = folder.join("site.db");
    let site = data::model::full_site();
    version_2(&path, &site);
    let mut expected = World::new().unwrap();
    expected.apply(&site).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert_same(&store.load().await.unwrap(), &expected, "version 2");
    for user in expected.users() {
        let query = ItemQuery {
            viewer: Some(user.id),
            ..ItemQuery::default()
        };
        assert_eq!(
            store.items(&query).await.unwrap(),
            query.page_of(&expected).unwrap()
        );
    }
    // Who is in teams and group policies was read from them: a user's removal takes it out of all.
    let gone = [Change::RemoveUser(user(2, "x").id)];
    expected.apply(&gone).unwrap();
    store.commit(1, &gone).await.unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_same(&store.load().await.unwrap(), &expected, "without user 2");
}

#[tokio::test]
async fn a_newer_file_is_refused_by_name_and_left_as_it_is() {
    let folder = Folder::new().unwrap();
    let path = folder.join("site.db");
    version_1(&path);
    let raw = Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 4711).unwrap();
    drop(raw);
    let before = std::fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = error.to_string();
    assert!(
        text.contains("4711") && text.contains("use a newer program"),
        "{text}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
#[ignore = "the process that the migration test kills"]
fn child_opens_a_file() {
    let Some(path) = std::env::var_os(FILE) else {
        return;
    };
    println!("\nopening");
    drop(SqliteStore::open(Path::new(&path)).unwrap());
    println!("opened");
}

/// Killed when the log that the migration writes has grown to some length: the file is of one version or another, never
/// between, and nothing is lost.
#[tokio::test]
async fn a_migration_that_is_killed_leaves_one_version_or_the_other() {
    let folder = Folder::new().unwrap();
    let old = folder.join("old.db");
    version_1(&old);
    let raw = Connection::open(&old).unwrap();
    let comments = "\u{fc}".repeat(1000);
    raw.execute_batch("BEGIN").unwrap();
    for id in 100..1100 {
        put_old_item(&raw, &old_item(id, &format!("item {id}"), &comments));
    }
    raw.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    drop(raw);
    let mut random = Seeded::new(5);
    let (mut seen, mut whole) = ([0; 4], 40_000_000);
    for round in 0..6 {
        let path = folder.join(format!("site-{round}.db"));
        let log = folder.join(format!("site-{round}.db-wal"));
        std::fs::copy(&old, &path).unwrap();
        let mut command = command(std::env::current_exe().unwrap());
        command.args(["--exact", "child_opens_a_file", "--ignored", "--nocapture"]);
        command.env(FILE, &path);
        let mut process = Process::spawn(command).unwrap();
        process.wait_for_line("opening", LONG).await.unwrap();
        // The first round is not killed: it says how long the log becomes.
        let length = if round == 0 { u64::MAX } else { random.below(whole) };
        let grown = || std::fs::metadata(&log).map_or(0, |file| file.len());
        let mut longest = 0;
        while grown() < length && !process.output().contains("opened") {
            longest = longest.max(grown());
            tokio::task::yield_now().await;
        }
        if round == 0 {
            assert!(longest > 1_000_000, "the log had {longest} bytes");
            whole = longest;
        }
        process.kill().await.unwrap();

        let raw = Connection::open(&path).unwrap();
        let version = version(&raw);
        seen[version as usize] += 1;
        let has = |table: &str| raw.prepare(&format!("SELECT 1 FROM {table}")).is_ok();
        assert!(has("items") && !has("items_next") && !has("items_before"));
        assert_eq!(
            (has("approvals"), has("team_members")),
            (version >= 2, version >= 3)
        );
        drop(raw);
        let store = SqliteStore::open(&path).unwrap();
        let world = store.load().await.unwrap();
        assert_eq!((world.revision(), world.items().count()), (12, 1002));
        let found = world
            .items()
            .filter(|item| folded(item.comments.as_str()) == comments);
        assert_eq!(found.count(), 1000);
        drop(store);
        assert_eq!(self::version(&Connection::open(&path).unwrap()), 3);
    }
    assert!(seen[1] + seen[2] > 0 && seen[3] > 0, "versions seen: {seen:?}");
}
