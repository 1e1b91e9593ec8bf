//! What the audit log keeps of an edit.

use jump_core::audit::{Actor, AuditKind, ChangeNote};
use serde_json::{Value, json};

use crate::scene::Scene;

impl Scene {
    /// The notes of the latest change, and who made it.
    fn latest(&self) -> (Vec<ChangeNote>, Actor) {
        let events = self.quiet.audit.events();
        let found = events.into_iter().rev().find_map(|event| match event.kind {
            AuditKind::Changed { notes, .. } => Some((notes, event.actor)),
            _ => None,
        });
        found.unwrap()
    }

    /// The event's name, the object's name, its old and its new values after one edit.
    async fn logged(
        &self,
        kind: &str,
        verb: &str,
        name: &str,
        patch: Value,
    ) -> (String, String, Value, Value) {
        self.edit(kind, verb, name, patch).await.unwrap();
        let (notes, actor) = self.latest();
        assert!(
            matches!(&actor, Actor::User { name, .. } if name == "ada"),
            "{actor:?}"
        );
        let [note] = notes.as_slice() else {
            panic!("{notes:?}")
        };
        let value = |fields| serde_json::to_value(fields).unwrap();
        (
            note.event_name(),
            note.name.clone(),
            value(&note.old),
            value(&note.new),
        )
    }
}

#[tokio::test]
async fn the_log_has_the_old_and_the_new_values_of_each_kind() {
    let scene = Scene::start().await;
    for (kind, name, patch, event, old, new) in [
        (
            "role",
            "operator",
            json!({"description": "d"}),
            "jump_item_role_changed",
            json!({"description": ""}),
            json!({"description": "d"}),
        ),
        (
            "jump_policy",
            "care",
            json!({"reason_required": true}),
            "jump_policy_changed",
            json!({"reason_required": false}),
            json!({"reason_required": true}),
        ),
        (
            "jump_policy",
            "care",
            json!({"max_duration_seconds": 60}),
            "jump_policy_changed",
            json!({"max_duration_seconds": null}),
            json!({"max_duration_seconds": 60}),
        ),
        (
            "jump_policy",
            "care",
            json!({"max_duration_seconds": null}),
            "jump_policy_changed",
            json!({"max_duration_seconds": 60}),
            json!({"max_duration_seconds": null}),
        ),
        (
            "session_policy",
            "calm",
            json!({"description": "d"}),
            "session_policy_changed",
            json!({"description": ""}),
            json!({"description": "d"}),
        ),
        (
            "group_policy",
            "staff",
            json!({"name": "crew"}),
            "group_policy_changed",
            json!({"name": "staff"}),
            json!({"name": "crew"}),
        ),
        (
            "team",
            "ops",
            json!({"name": "night"}),
            "team_changed",
            json!({"name": "ops"}),
            json!({"name": "night"}),
        ),
        (
            "user",
            "bob",
            json!({"administrator": true}),
            "user_changed",
            json!({"administrator": false}),
            json!({"administrator": true}),
        ),
        (
            "group",
            "web",
            json!({"comments": "c"}),
            "jump_group_changed",
            json!({"comments": ""}),
            json!({"comments": "c"}),
        ),
        (
            "jumpoint",
            "berlin",
            json!({"enabled": false}),
            "jumpoint_changed",
            json!({"enabled": true}),
            json!({"enabled": false}),
        ),
    ] {
        let logged = scene.logged(kind, "edit", name, patch.clone()).await;
        assert_eq!(
            (logged.0.as_str(), &logged.2, &logged.3),
            (event, &old, &new),
            "{patch}"
        );
    }
}

#[tokio::test]
async fn the_log_says_what_was_added_and_what_was_removed() {
    let scene = Scene::start().await;
    let added = scene
        .logged("team", "add", "new", json!({"members": {"bob": "lead"}}))
        .await;
    assert_eq!((added.0.as_str(), added.1.as_str()), ("team_added", "new"));
    let removed = scene.logged("team", "remove", "new", json!({})).await;
    assert_eq!((removed.0.as_str(), removed.1.as_str()), ("team_removed", "new"));
    assert_eq!(removed.2["members"], json!({"2": "lead"}));
    // A move says of each policy which place it had.
    scene
        .edit("group_policy", "edit", "other", json!({"place": "bottom"}))
        .await
        .unwrap();
    let (notes, _) = scene.latest();
    let moved: Vec<(String, Value, Value)> = notes
        .iter()
        .map(|note| {
            (
                note.name.clone(),
                note.old["position"].clone(),
                note.new["position"].clone(),
            )
        })
        .collect();
    assert_eq!(
        moved,
        [
            ("staff".to_owned(), json!(10), json!(1)),
            ("late".to_owned(), json!(10), json!(2)),
            ("other".to_owned(), json!(7), json!(3)),
        ]
    );
}

#[tokio::test]
async fn what_is_refused_is_not_logged_as_a_change() {
    let scene = Scene::start().await;
    let changes = || {
        let events = scene.quiet.audit.events();
        events
            .iter()
            .filter(|event| matches!(event.kind, AuditKind::Changed { .. }))
            .count()
    };
    let before = changes();
    scene
        .refusal("role", "edit", "operator", json!({"name": "other"}))
        .await;
    scene.refusal("role", "edit", "nope", json!({})).await;
    scene
        .refusal("jump_policy", "edit", "care", json!({"max_duration_seconds": 0}))
        .await;
    assert_eq!(changes(), before);
}
