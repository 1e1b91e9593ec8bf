//! Which object a name means, and which name an object may have.

use jump_core::ErrorKind;
use jump_core::model::Change;
use serde_json::json;

use crate::scene::{EDITED, KINDS, Scene, is_added_by_model_edit};

#[tokio::test]
async fn an_object_that_is_not_there_is_said_to_be_missing_by_its_name() {
    let scene = Scene::start().await;
    for kind in KINDS {
        let mut verbs = vec!["edit"];
        if is_added_by_model_edit(kind) {
            verbs.push("remove");
        }
        for verb in verbs {
            let (error, message) = scene.refusal(kind, verb, "nope", json!({})).await;
            let what = kind.replace('_', " ");
            assert_eq!(error, ErrorKind::NotFound, "{verb} {kind}");
            assert!(message.contains(&format!("no {what} named `nope`")), "{message}");
        }
    }
}

#[tokio::test]
async fn whatever_a_patch_names_must_be_there() {
    let scene = Scene::start().await;
    for (kind, name, patch, what) in [
        (
            "jump_policy",
            "care",
            json!({"approval": {"approvers": {"nope": true}}}),
            "user",
        ),
        (
            "jump_policy",
            "care",
            json!({"approval": {"approvers": {"nope": false}}}),
            "user",
        ),
        (
            "jump_policy",
            "care",
            json!({"approval": {"approver_teams": {"nope": true}}}),
            "team",
        ),
        (
            "group_policy",
            "staff",
            json!({"members": {"nope": true}}),
            "user",
        ),
        (
            "group_policy",
            "staff",
            json!({"jumpoints": {"nope": false}}),
            "jumpoint",
        ),
        (
            "group_policy",
            "staff",
            json!({"roles": {"default": "nope"}}),
            "role",
        ),
        (
            "group_policy",
            "staff",
            json!({"roles": {"personal": "nope"}}),
            "role",
        ),
        (
            "group_policy",
            "staff",
            json!({"roles": {"team": "nope"}}),
            "role",
        ),
        (
            "group_policy",
            "staff",
            json!({"roles": {"system": "nope"}}),
            "role",
        ),
        (
            "group_policy",
            "staff",
            json!({"memberships": {"nope": {}}}),
            "group",
        ),
        (
            "group_policy",
            "staff",
            json!({"memberships": {"nope": null}}),
            "group",
        ),
        (
            "group_policy",
            "staff",
            json!({"memberships": {"web": {"role": "nope"}}}),
            "role",
        ),
        (
            "group_policy",
            "staff",
            json!({"memberships": {"web": {"policy": "nope"}}}),
            "jump policy",
        ),
        ("team", "ops", json!({"members": {"nope": "lead"}}), "user"),
        ("team", "ops", json!({"members": {"nope": null}}), "user"),
        ("user", "bob", json!({"default_role": "nope"}), "role"),
        ("user", "bob", json!({"personal_role": "nope"}), "role"),
        ("user", "bob", json!({"team_role": "nope"}), "role"),
        ("user", "bob", json!({"system_role": "nope"}), "role"),
        ("user", "bob", json!({"session_policy": "nope"}), "session policy"),
    ] {
        let (error, message) = scene.refusal(kind, "edit", name, patch.clone()).await;
        assert_eq!(error, ErrorKind::NotFound, "{patch}");
        assert!(
            message.contains(&format!("no {what} named `nope`")),
            "{patch}: {message}"
        );
    }
}

#[tokio::test]
async fn two_objects_of_a_kind_never_have_one_name() {
    let scene = Scene::start().await;
    for (kind, name) in EDITED {
        // Case does not make another name.
        let upper = name.to_uppercase();
        if is_added_by_model_edit(kind) {
            for taken in [name, &upper] {
                let (error, message) = scene.refusal(kind, "add", taken, json!({})).await;
                assert_eq!(error, ErrorKind::Conflict, "{kind} {taken}");
                assert!(message.contains("edit it, or choose another name"), "{message}");
            }
        }
        let patch = json!({ "name": &upper });
        let (error, _) = scene.refusal(kind, "edit", "other", patch).await;
        assert_eq!(error, ErrorKind::Conflict, "{kind}");
        // To write one's own name otherwise is a change of the name, not a conflict.
        scene
            .edit(kind, "edit", name, json!({ "name": &upper }))
            .await
            .unwrap();
        scene
            .edit(kind, "edit", &upper, json!({ "name": name }))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_renamed_object_keeps_what_it_was_and_its_old_name_is_free() {
    let scene = Scene::start().await;
    let number = |rows: &[serde_json::Value], name: &str| {
        rows.iter()
            .find(|row| row["name"] == name)
            .map(|row| row["id"].clone())
    };
    for (kind, name) in EDITED {
        let before = scene.shown(kind, name).await;
        let id = number(&scene.all(kind).await, name).unwrap();
        scene
            .edit(kind, "edit", name, json!({"name": "renamed"}))
            .await
            .unwrap();
        assert_eq!(scene.shown(kind, "renamed").await, before, "{kind}");
        assert_eq!(number(&scene.all(kind).await, "renamed"), Some(id), "{kind}");
        assert_eq!(number(&scene.all(kind).await, name), None, "{kind}");
        assert_eq!(
            scene.refusal(kind, "edit", name, json!({})).await.0,
            ErrorKind::NotFound
        );
        scene
            .edit(kind, "edit", "other", json!({"name": name}))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn policies_groups_and_jumpoints_answer_to_their_code_names() {
    let scene = Scene::start().await;
    for (kind, name) in EDITED {
        if !["jump_policy", "session_policy", "group", "jumpoint"].contains(&kind) {
            continue;
        }
        scene
            .edit(kind, "edit", name, json!({"code_name": "by_code"}))
            .await
            .unwrap();
        scene
            .edit(kind, "edit", "BY_CODE", json!({"name": "found"}))
            .await
            .unwrap();
        assert_eq!(scene.shown(kind, "found").await["code_name"], "by_code", "{kind}");
        let taken = json!({"code_name": "By_Code"});
        let (error, message) = scene.refusal(kind, "edit", "other", taken).await;
        assert_eq!(error, ErrorKind::Conflict, "{kind}: {message}");
    }
}

#[tokio::test]
async fn each_new_object_has_a_number_of_its_own() {
    let scene = Scene::start().await;
    for kind in KINDS.into_iter().filter(|kind| is_added_by_model_edit(kind)) {
        scene.edit(kind, "add", "one", json!({})).await.unwrap();
        scene.edit(kind, "add", "two", json!({})).await.unwrap();
        let rows = scene.all(kind).await;
        let mut ids: Vec<u64> = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{kind}: {rows:?}");
        scene.edit(kind, "remove", "one", json!({})).await.unwrap();
        let rows = scene.all(kind).await;
        assert!(
            rows.iter().all(|row| row["name"] != "one") && rows.len() == count - 1,
            "{kind}"
        );
        // The name is free again.
        scene.edit(kind, "add", "one", json!({})).await.unwrap();
    }
    // Nothing else was touched by all that.
    let world = scene.quiet.broker.world();
    assert!(
        world
            .framework()
            .iter()
            .any(|change| matches!(change, Change::PutGroup(group) if group.name.as_str() == "web"))
    );
}
