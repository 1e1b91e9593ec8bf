//! Each field by itself, and all of them at once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::scene::{EDITED, GONE, Scene, is_added_by_model_edit, laid_over};

/// Patches that follow each other, with what each changes of what is shown.
type Steps = Vec<(Value, Value)>;

/// A patch that is shown as it was given.
fn same(patch: Value) -> (Value, Value) {
    (patch.clone(), patch)
}

fn role() -> Steps {
    vec![
        same(json!({"description": "by day"})),
        same(json!({"description": ""})),
        same(json!({"permissions": {"perm_remove": true}})),
        same(json!({"permissions": {"perm_start": false, "perm_edit_tag": true}})),
        same(json!({"permissions": {"perm_start": false}})),
    ]
}

fn jump_policy() -> Steps {
    let schedule = json!({"timezone": "Europe/Berlin", "entries": [
        {"start_day": 0, "start_time": "08:00", "end_day": 4, "end_time": "17:00"}]});
    let approval = |over: Value| {
        let all = json!({"max_duration_minutes": 480, "scope": "requestor", "email_addresses": [], "self_approval": false});
        json!({ "approval": laid_over(&all, &over) })
    };
    let mut steps = vec![
        same(json!({"code_name": "care_1"})),
        same(json!({"code_name": null})),
        same(json!({"description": "slowly"})),
        same(json!({"schedule": schedule})),
        same(json!({"schedule_strict": false})),
        same(json!({"schedule_strict": true})),
        same(json!({"schedule": null})),
        // What is not said of an approval is as by default; then what is not named stays.
        (json!({"approval": {}}), approval(json!({}))),
        same(json!({"approval": {"max_duration_minutes": 60}})),
        same(json!({"approval": {"scope": "anyone"}})),
        same(json!({"approval": {"approvers": {"bob": true, "ada": true}}})),
        same(json!({"approval": {"approver_teams": {"ops": true}}})),
        same(json!({"approval": {"email_addresses": ["a@b.example", "c@d.example"]}})),
        same(json!({"approval": {"self_approval": true}})),
        (
            json!({"approval": {"approvers": {"bob": false, "other": true}}}),
            json!({"approval": {"approvers": {"bob": GONE, "other": true}}}),
        ),
        (
            json!({"approval": {"approver_teams": {"ops": false}}}),
            json!({"approval": {"approver_teams": GONE}}),
        ),
        same(json!({"approval": {"email_addresses": []}})),
        same(json!({"approval": null})),
        // One that is made anew remembers nothing.
        (json!({"approval": {}}), approval(json!({}))),
        same(json!({"approval": null})),
        same(json!({"simultaneous_jumps": "join"})),
        same(json!({"simultaneous_jump_behavior_applies_to_copies": true})),
        same(json!({"simultaneous_jump_behavior_applies_to_copies": false})),
        same(json!({"simultaneous_jumps": "disallow"})),
        same(json!({"simultaneous_jumps": "global"})),
        same(json!({"simultaneous_jumps_rdp": "new_session"})),
        same(json!({"notification": {"session_start": true}})),
        same(json!({"notification": {"session_end": true}})),
        same(json!({"notification": {"email_addresses": ["a@b.example"], "display_name": "Night"}})),
        same(json!({"notification": {"email_addresses": []}})),
        same(json!({"notification": {"session_start": false, "display_name": ""}})),
        same(json!({"recording_mode": "fail_closed"})),
        same(json!({"recording_mode": null})),
    ];
    for field in [
        "reason_required",
        "ticket_id_required",
        "two_factor_challenge_required",
        "recordings_disabled",
    ] {
        steps.push(same(json!({ field: true })));
        steps.push(same(json!({ field: false })));
    }
    for (field, value) in [("max_duration_seconds", 3600), ("idle_limit_seconds", 600)] {
        steps.push(same(json!({ field: value })));
        steps.push(same(json!({ field: null })));
    }
    steps
}

fn session_policy() -> Steps {
    vec![
        same(json!({"code_name": "calm_1"})),
        same(json!({"code_name": null})),
        same(json!({"description": "nothing sudden"})),
        same(json!({"permissions": {"shell": true, "file_upload": false}})),
        same(json!({"permissions": {"shell": null}})),
        same(json!({"permissions": {"file_upload": true}})),
        same(json!({"commands": {"only": ["uptime", "df *"]}})),
        (
            json!({"commands": {"all_but": ["reboot"]}}),
            json!({"commands": {"only": GONE, "all_but": ["reboot"]}}),
        ),
        same(json!({"commands": null})),
        same(json!({"upload_paths": ["/srv/in", "/home/*/in"]})),
        same(json!({"download_paths": ["/"]})),
        same(json!({"upload_paths": ["/srv"]})),
        same(json!({"upload_paths": null})),
        same(json!({"download_paths": null})),
    ]
}

fn group_policy() -> Steps {
    let slots = json!({"default": null, "personal": null, "team": null, "system": null});
    vec![
        same(json!({"members": {"bob": true, "other": true}})),
        (
            json!({"members": {"bob": false}}),
            json!({"members": {"bob": GONE}}),
        ),
        same(json!({"jumpoints": {"berlin": true, "other": true}})),
        (
            json!({"jumpoints": {"other": false}}),
            json!({"jumpoints": {"other": GONE}}),
        ),
        same(json!({"allowed_methods": {"status": "defined", "value": ["shell_jump"]}})),
        same(json!({"allowed_methods": {"status": "final", "value": []}})),
        (
            json!({"allowed_methods": {"status": "not_defined"}}),
            json!({"allowed_methods": {"status": "not_defined", "value": GONE}}),
        ),
        // The first role defines the section.
        (
            json!({"roles": {"default": "operator"}}),
            json!({"roles_status": "defined", "roles": laid_over(&slots, &json!({"default": "operator"}))}),
        ),
        same(json!({"roles": {"personal": "other"}})),
        same(json!({"roles": {"team": "operator"}})),
        same(json!({"roles": {"system": "other"}})),
        same(json!({"roles_status": "final"})),
        // What is said of a final section is final.
        same(json!({"roles": {"default": null}})),
        (
            json!({"roles_status": "not_defined"}),
            json!({"roles_status": "not_defined", "roles": GONE}),
        ),
        // Forgotten, not hidden. To empty what is empty says nothing.
        same(json!({"roles_status": "not_defined"})),
        (json!({"roles": {"team": null}}), json!({})),
        (
            json!({"roles_status": "defined"}),
            json!({"roles_status": "defined", "roles": slots}),
        ),
        (
            json!({"memberships": {"web": {"role": "operator"}}}),
            json!({"memberships_status": "defined", "memberships": {"web": {"role": "operator"}}}),
        ),
        same(json!({"memberships": {"other": {"policy": "care"}}})),
        // A membership is given as a whole.
        (
            json!({"memberships": {"web": {"policy": "care"}}}),
            json!({"memberships": {"web": {"role": GONE, "policy": "care"}}}),
        ),
        same(json!({"memberships_status": "final"})),
        same(json!({"memberships": {"other": {"role": "other", "policy": "care"}}})),
        (
            json!({"memberships": {"web": null}}),
            json!({"memberships": {"web": GONE}}),
        ),
        (
            json!({"memberships_status": "not_defined"}),
            json!({"memberships_status": "not_defined", "memberships": GONE}),
        ),
        (json!({"memberships": {"web": null}}), json!({})),
        same(json!({"memberships_status": "defined"})),
        (json!({"place": "bottom"}), json!({"place": {"number": 3}})),
    ]
}

fn team() -> Steps {
    vec![
        same(json!({"members": {"bob": "member", "other": "lead"}})),
        same(json!({"members": {"bob": "manager"}})),
        (
            json!({"members": {"other": null}}),
            json!({"members": {"other": GONE}}),
        ),
    ]
}

fn user() -> Steps {
    let mut steps = vec![
        same(json!({"enabled": false})),
        same(json!({"enabled": true})),
        same(json!({"administrator": true})),
        same(json!({"administrator": false})),
        same(json!({"allowed_methods": ["shell_jump", "remote_vnc"]})),
        same(json!({"allowed_methods": []})),
        same(json!({"allowed_methods": null})),
        same(json!({"session_policy": "calm"})),
        same(json!({"session_policy": null})),
    ];
    for slot in ["default_role", "personal_role", "team_role", "system_role"] {
        steps.push(same(json!({ slot: "operator" })));
    }
    for slot in ["default_role", "personal_role", "team_role", "system_role"] {
        steps.push(same(json!({ slot: null })));
    }
    steps
}

fn group() -> Steps {
    vec![
        same(json!({"code_name": "web_1"})),
        same(json!({"code_name": null})),
        same(json!({"comments": "by the door"})),
    ]
}

fn jumpoint() -> Steps {
    let mut steps = group();
    for field in ["enabled", "shell_jump_enabled", "protocol_tunnel_enabled"] {
        steps.push(same(json!({ field: false })));
        steps.push(same(json!({ field: true })));
    }
    steps
}

fn steps(kind: &str) -> Steps {
    match kind {
        "role" => role(),
        "jump_policy" => jump_policy(),
        "session_policy" => session_policy(),
        "group_policy" => group_policy(),
        "team" => team(),
        "user" => user(),
        "group" => group(),
        _ => jumpoint(),
    }
}

fn keys(value: &Value) -> BTreeSet<String> {
    value
        .as_object()
        .map(|fields| fields.keys().cloned().collect())
        .unwrap_or_default()
}

#[tokio::test]
async fn each_patch_changes_what_it_names_and_nothing_else() {
    let scene = Scene::start().await;
    for (kind, name) in EDITED {
        let (mut patched, mut known) = (BTreeSet::new(), BTreeSet::new());
        for (patch, changes) in steps(kind) {
            let before = scene.shown(kind, name).await;
            let other = scene.shown(kind, "other").await;
            scene
                .edit(kind, "edit", name, patch.clone())
                .await
                .unwrap_or_else(|error| panic!("{kind} {patch}: {error}"));
            let after = scene.shown(kind, name).await;
            assert_eq!(after, laid_over(&before, &changes), "{kind} {patch}");
            if kind != "group_policy" {
                assert_eq!(scene.shown(kind, "other").await, other, "{kind} {patch}");
            }
            for (field, value) in patch.as_object().unwrap() {
                patched.insert(field.clone());
                if ["approval", "notification"].contains(&field.as_str()) {
                    patched.extend(keys(value).iter().map(|inner| format!("{field}.{inner}")));
                    known.extend(keys(&after[field]).iter().map(|inner| format!("{field}.{inner}")));
                }
            }
            known.extend(keys(&after));
        }
        assert_eq!(patched, known, "a patch of every field of a {kind}");
    }
}

#[tokio::test]
async fn what_is_shown_makes_the_same_object_again() {
    let scene = Scene::start().await;
    let filled = [
        (
            "role",
            json!({"description": "d", "permissions": {"perm_start": false, "perm_remove": true}}),
        ),
        (
            "jump_policy",
            json!({"description": "d", "reason_required": true, "approval": {"approvers": {"bob": true},
                "approver_teams": {"ops": true}, "email_addresses": ["a@b.example"]},
                "notification": {"session_end": true}, "recording_mode": "off", "idle_limit_seconds": 60}),
        ),
        (
            "session_policy",
            json!({"permissions": {"shell": false}, "commands": {"only": ["uptime"]}}),
        ),
        (
            "group_policy",
            json!({"members": {"bob": true}, "roles_status": "final", "roles": {"team": "operator"},
                "memberships": {"web": {"role": "operator"}}, "jumpoints": {"berlin": true}}),
        ),
        ("team", json!({"members": {"bob": "lead"}})),
        (
            "user",
            json!({"allowed_methods": null, "team_role": "operator", "session_policy": "calm"}),
        ),
        ("group", json!({"comments": "c"})),
        ("jumpoint", json!({"comments": "c", "shell_jump_enabled": false})),
    ];
    for ((kind, name), (_, patch)) in EDITED.into_iter().zip(filled) {
        scene.edit(kind, "edit", name, patch).await.unwrap();
        let mut shown = scene.shown(kind, name).await;
        if kind == "group_policy" {
            shown.as_object_mut().unwrap().remove("place");
        }
        let (verb, twin) = match is_added_by_model_edit(kind) {
            true => ("add", "twin"),
            false => ("edit", "other"),
        };
        scene.edit(kind, verb, twin, shown.clone()).await.unwrap();
        let again = scene.shown(kind, twin).await;
        assert_eq!(laid_over(&again, &json!({"place": GONE})), shown, "{kind}");
    }
}

#[tokio::test]
async fn what_is_added_without_a_word_has_the_documented_defaults() {
    let scene = Scene::start().await;
    for (kind, _) in EDITED
        .into_iter()
        .filter(|(kind, _)| is_added_by_model_edit(kind))
    {
        scene.edit(kind, "add", "new", json!({})).await.unwrap();
    }
    let role = scene.shown("role", "new").await;
    assert!(
        role["permissions"]
            .as_object()
            .unwrap()
            .values()
            .all(|held| held == false)
    );
    let policy = scene.shown("jump_policy", "new").await;
    for (field, value) in [
        ("schedule", json!(null)),
        ("schedule_strict", json!(true)),
        ("approval", json!(null)),
        ("simultaneous_jumps", json!("global")),
        ("recordings_disabled", json!(false)),
        ("max_duration_seconds", json!(null)),
    ] {
        assert_eq!(policy[field], value, "{field}");
    }
    let policy = scene.shown("session_policy", "new").await;
    assert!(
        policy["permissions"]
            .as_object()
            .unwrap()
            .values()
            .all(Value::is_null)
    );
    let policy = scene.shown("group_policy", "new").await;
    assert_eq!(policy["roles_status"], "not_defined");
    assert_eq!(policy["memberships_status"], "not_defined");
    assert_eq!(scene.shown("team", "new").await, json!({}));
}

#[tokio::test]
async fn what_holds_for_the_site_is_patched_like_an_object() {
    let scene = Scene::start().await;
    let site = async || scene.all("site").await[0]["value"].clone();
    let edit = async |patch: Value| {
        let edit = serde_json::from_value(laid_over(&json!({"object": "site"}), &patch)).unwrap();
        let edit = jump_core::control::Edit::Model(edit);
        scene.quiet.edit(&scene.ada, edit).await.map(drop)
    };
    let before = site().await;
    for patch in [
        json!({"session_policy": "calm"}),
        json!({"simultaneous_jumps": false}),
        json!({"simultaneous_jumps": true}),
        json!({"session_policy": null}),
    ] {
        let before = site().await;
        edit(patch.clone()).await.unwrap();
        assert_eq!(site().await, laid_over(&before, &patch));
    }
    assert_eq!(site().await["session_policy"], Value::Null);
    let error = edit(json!({"session_policy": "nope"})).await.unwrap_err();
    assert_eq!(error.kind(), jump_core::ErrorKind::NotFound);
    assert!(before.get("simultaneous_jumps").is_some());
}
