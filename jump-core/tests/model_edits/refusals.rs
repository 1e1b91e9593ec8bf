//! What is not changed, and what is said then.

use std::sync::Arc;

use jump_core::ErrorKind;
use jump_core::audit::MemoryAuditLog;
use jump_core::broker::{Broker, Caller};
use jump_core::control::{Edit, RepRequest};
use jump_core::id::UserId;
use jump_core::keys::SigningKey;
use jump_core::model::LoginScope;
use jump_core::store::MemoryStore;
use serde_json::{Value, json};

use crate::scene::{EDITED, KINDS, Scene, is_added_by_model_edit, model_edit, site};

#[tokio::test]
async fn values_out_of_range_are_refused_with_the_rule() {
    let scene = Scene::start().await;
    let hundred_and_one: Vec<String> = (0..101).map(|n| format!("{n}@b.example")).collect();
    let patterns: Vec<String> = (0..65).map(|n| n.to_string()).collect();
    let schedule = json!({"timezone": "UTC", "entries": []});
    for (kind, patch, rule) in [
        (
            "jump_policy",
            json!({"approval": {"max_duration_minutes": 0}}),
            "1 to 524160",
        ),
        (
            "jump_policy",
            json!({"approval": {"max_duration_minutes": 524_161}}),
            "1 to 524160",
        ),
        (
            "jump_policy",
            json!({"approval": {"email_addresses": ["nobody"]}}),
            "user@host",
        ),
        (
            "jump_policy",
            json!({"approval": {"email_addresses": hundred_and_one}}),
            "100 addresses",
        ),
        (
            "jump_policy",
            json!({"notification": {"email_addresses": ["a b@c"]}}),
            "user@host",
        ),
        (
            "jump_policy",
            json!({"notification": {"email_addresses": hundred_and_one}}),
            "at most 100",
        ),
        (
            "jump_policy",
            json!({"notification": {"display_name": "x".repeat(256)}}),
            "at most 255",
        ),
        (
            "jump_policy",
            json!({"schedule": schedule, "approval": {}}),
            "not both",
        ),
        (
            "jump_policy",
            json!({"simultaneous_jump_behavior_applies_to_copies": true}),
            "needs join or disallow",
        ),
        ("jump_policy", json!({"max_duration_seconds": 0}), "at least 1"),
        ("jump_policy", json!({"idle_limit_seconds": 9}), "at least 10"),
        (
            "jump_policy",
            json!({"description": "x".repeat(1001)}),
            "1000 characters",
        ),
        (
            "session_policy",
            json!({"commands": {"only": patterns}}),
            "64 patterns",
        ),
        (
            "group_policy",
            json!({"roles_status": "not_defined", "roles": {"team": "operator"}}),
            "contradict",
        ),
        (
            "group_policy",
            json!({"memberships_status": "not_defined", "memberships": {"web": {}}}),
            "contradict",
        ),
    ] {
        let (_, name) = EDITED.into_iter().find(|(one, _)| *one == kind).unwrap();
        for (verb, name) in [("edit", name), ("add", "new")] {
            let (error, message) = scene.refusal(kind, verb, name, patch.clone()).await;
            assert_eq!(error, ErrorKind::InvalidArgument, "{patch}: {message}");
            assert!(message.contains(rule), "{patch}: {message}");
        }
    }
}

#[tokio::test]
async fn a_schedule_takes_the_place_of_an_approval_only_if_that_is_cleared() {
    let scene = Scene::start().await;
    let schedule = json!({"timezone": "UTC", "entries": []});
    scene
        .edit("jump_policy", "edit", "care", json!({"approval": {}}))
        .await
        .unwrap();
    let (error, _) = scene
        .refusal("jump_policy", "edit", "care", json!({ "schedule": schedule }))
        .await;
    assert_eq!(error, ErrorKind::InvalidArgument);
    let both = json!({"schedule": schedule, "approval": null});
    scene.edit("jump_policy", "edit", "care", both).await.unwrap();
    let shown = scene.shown("jump_policy", "care").await;
    assert_eq!(
        (&shown["schedule"], &shown["approval"]),
        (&schedule, &Value::Null)
    );
}

#[tokio::test]
async fn built_in_roles_stay_as_they_are() {
    let scene = Scene::start().await;
    let rows = scene.all("role").await;
    let built_in: Vec<&Value> = rows.iter().filter(|row| row["built_in"] == true).collect();
    assert!(built_in.len() >= 4, "{rows:?}");
    for row in built_in {
        let name = row["name"].as_str().unwrap();
        for (verb, patch) in [("edit", json!({"description": "mine"})), ("remove", json!({}))] {
            let (error, message) = scene.refusal("role", verb, name, patch).await;
            assert_eq!(error, ErrorKind::InvalidArgument, "{verb} {name}");
            assert!(
                message.contains("built in") && message.contains(name),
                "{message}"
            );
        }
        assert_eq!(
            scene.refusal("role", "add", name, json!({})).await.0,
            ErrorKind::Conflict
        );
    }
}

#[tokio::test]
async fn a_removal_that_is_also_a_change_is_refused() {
    let scene = Scene::start().await;
    for (kind, name) in EDITED
        .into_iter()
        .filter(|(kind, _)| is_added_by_model_edit(kind))
    {
        let (error, _) = scene.refusal(kind, "remove", name, json!({"name": "new"})).await;
        assert_eq!(error, ErrorKind::InvalidArgument, "{kind}");
        scene.edit(kind, "remove", name, json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_in_use_is_not_removed_and_its_users_are_named() {
    let scene = Scene::start().await;
    let give = |edit: &str| -> Edit { serde_json::from_str(edit).unwrap() };
    let member = |role: &str, policy: &str| {
        give(&format!(
            r#"{{"edit": "add_member", "group": "web", "user": "bob", "role": {role}, "policy": {policy}}}"#
        ))
    };
    let unmember = || give(r#"{"edit": "remove_member", "group": "web", "user": "bob"}"#);
    let model = |kind: &str, name: &str, patch: Value| model_edit(kind, "edit", name, &patch);
    let none = json!(null);
    for (kind, name, uses, frees, said) in [
        (
            "role",
            "operator",
            model("user", "bob", json!({"team_role": "operator"})),
            model("user", "bob", json!({"team_role": none})),
            "user `bob`",
        ),
        (
            "role",
            "operator",
            member("\"operator\"", "null"),
            unmember(),
            "the membership of `bob` in group `web`",
        ),
        (
            "role",
            "operator",
            model("group_policy", "staff", json!({"roles": {"system": "operator"}})),
            model("group_policy", "staff", json!({"roles": {"system": none}})),
            "group policy `staff`",
        ),
        (
            "role",
            "operator",
            model(
                "group_policy",
                "staff",
                json!({"memberships": {"web": {"role": "operator"}}}),
            ),
            model("group_policy", "staff", json!({"memberships": {"web": none}})),
            "group policy `staff`",
        ),
        (
            "jump_policy",
            "care",
            member("null", "\"care\""),
            unmember(),
            "the membership of `bob` in group `web`",
        ),
        (
            "jump_policy",
            "care",
            model(
                "group_policy",
                "staff",
                json!({"memberships": {"web": {"policy": "care"}}}),
            ),
            model("group_policy", "staff", json!({"memberships": {"web": none}})),
            "group policy `staff`",
        ),
        (
            "session_policy",
            "calm",
            model("user", "bob", json!({"session_policy": "calm"})),
            model("user", "bob", json!({"session_policy": none})),
            "user `bob`",
        ),
        (
            "session_policy",
            "calm",
            give(r#"{"edit": "model", "object": "site", "session_policy": "calm"}"#),
            give(r#"{"edit": "model", "object": "site", "session_policy": null}"#),
            "the site's settings",
        ),
        (
            "team",
            "ops",
            model(
                "jump_policy",
                "care",
                json!({"approval": {"approver_teams": {"ops": true}}}),
            ),
            model("jump_policy", "care", json!({"approval": none})),
            "the approval of jump policy `care`",
        ),
    ] {
        scene.quiet.edit(&scene.ada, uses).await.unwrap();
        let (error, message) = scene.refusal(kind, "remove", name, json!({})).await;
        assert_eq!(error, ErrorKind::Conflict, "{message}");
        assert!(message.contains(&format!("still in use by {said}:")), "{message}");
        scene.quiet.edit(&scene.ada, frees).await.unwrap();
        scene.edit(kind, "remove", name, json!({})).await.unwrap();
        scene.edit(kind, "add", name, json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn many_users_of_an_object_are_counted() {
    let scene = Scene::start().await;
    for name in ["ada", "bob", "other"] {
        scene
            .edit("user", "edit", name, json!({"default_role": "operator"}))
            .await
            .unwrap();
    }
    for name in ["staff", "late"] {
        let patch = json!({"roles": {"default": "operator"}});
        scene.edit("group_policy", "edit", name, patch).await.unwrap();
    }
    let (_, message) = scene.refusal("role", "remove", "operator", json!({})).await;
    let said =
        "by group policy `late`, group policy `staff`, user `ada` and 2 more: put another in its place first";
    assert!(message.contains(said), "{message}");
}

#[tokio::test]
async fn who_does_not_administer_hears_the_same_whatever_there_is() {
    let scene = Scene::start().await;
    let bob = scene
        .quiet
        .caller(UserId::new(2).unwrap(), LoginScope::Everything)
        .await
        .unwrap();
    // An administrator's login that may only be used for sessions.
    let narrow = scene
        .quiet
        .caller(UserId::new(1).unwrap(), LoginScope::Sessions)
        .await
        .unwrap();
    for caller in [&bob, &narrow] {
        let mut answers = Vec::new();
        for (kind, name) in EDITED {
            for named in [name, "nope"] {
                for verb in ["add", "edit", "remove"] {
                    for patch in [json!({}), json!({"name": "other"}), json!({"name": "fresh"})] {
                        let error = scene.edit_as(caller, kind, verb, named, patch).await.unwrap_err();
                        answers.push((error.kind(), error.to_string()));
                    }
                }
            }
        }
        let first = answers[0].clone();
        assert_eq!(first.0, ErrorKind::Denied);
        assert!(answers.iter().all(|answer| *answer == first), "{answers:?}");
        let mut answers = Vec::new();
        for kind in KINDS.into_iter().chain(["site"]) {
            for query in [
                json!({"kind": kind}),
                json!({"kind": kind, "name": "bob"}),
                json!({"kind": kind, "name": "nope"}),
            ] {
                let error = scene.describe(caller, query).await.unwrap_err();
                answers.push((error.kind(), error.to_string()));
            }
        }
        let first = answers[0].clone();
        assert_eq!(first.0, ErrorKind::Denied);
        assert!(answers.iter().all(|answer| *answer == first), "{answers:?}");
    }
}

#[tokio::test]
async fn an_unknown_field_is_refused_not_forgotten() {
    for kind in KINDS {
        let mut edit = json!({"object": kind, "name": "x", "patch": {"colour": "red"}});
        if is_added_by_model_edit(kind) {
            edit["verb"] = json!("edit");
        }
        let read = serde_json::from_value::<jump_core::control::ModelEdit>(edit.clone());
        assert!(read.is_err(), "{edit}");
        edit["patch"] = json!({});
        serde_json::from_value::<jump_core::control::ModelEdit>(edit).unwrap();
    }
}

#[tokio::test]
async fn edits_of_different_fields_at_once_both_hold() {
    let scene = Scene::start().await;
    let one = scene.quiet.edit(
        &scene.ada,
        model_edit(
            "role",
            "edit",
            "operator",
            &json!({"permissions": {"perm_remove": true}}),
        ),
    );
    let other = scene.quiet.edit(
        &scene.ada,
        model_edit(
            "role",
            "edit",
            "operator",
            &json!({"permissions": {"perm_add": false}}),
        ),
    );
    let (one, other) = tokio::join!(one, other);
    one.unwrap();
    other.unwrap();
    let shown = scene.shown("role", "operator").await;
    assert_eq!(shown["permissions"]["perm_remove"], true);
    assert_eq!(shown["permissions"]["perm_add"], false);
    assert_eq!(shown["permissions"]["perm_start"], true);
}

#[tokio::test]
async fn of_two_brokers_on_one_store_the_later_edit_begins_with_what_the_other_made() {
    let store = Arc::new(MemoryStore::new().unwrap());
    let broker = async || {
        let audit = Arc::new(MemoryAuditLog::new(1000));
        Broker::builder(SigningKey::generate().unwrap(), store.clone(), audit)
            .start()
            .await
            .unwrap()
    };
    let edit = async |broker: &Broker, edit: Edit| {
        broker
            .request(&Caller::local(), RepRequest::Edit(edit))
            .await
            .map(drop)
    };
    let first = broker().await;
    let all = Edit::Change {
        changes: site(),
        dry_run: false,
    };
    edit(&first, all).await.unwrap();
    let second = broker().await;
    edit(
        &first,
        model_edit("team", "edit", "ops", &json!({"name": "night"})),
    )
    .await
    .unwrap();
    // By the name that it has now, and no longer by the one that the second broker read when it started.
    let rename = |old: &str| model_edit("team", "edit", old, &json!({"name": "late"}));
    let error = edit(&second, rename("ops")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    edit(&second, rename("night")).await.unwrap();
    assert!(second.world().team_named("late").is_some());
}
