//! A small site, and edits of it as they come over the wire.

use jump_core::broker::Caller;
use jump_core::control::{Edit, RepRequest, Response};
use jump_core::id::UserId;
use jump_core::model::{Change, LoginScope};
use jump_core::time::Timestamp;
use jump_core::{ErrorKind, Result};
use jump_testkit::callers::QuietBroker;
use serde_json::{Value, json};

/// The kinds of objects that have a name, as the wire calls them.
pub(crate) const KINDS: [&str; 8] = [
    "role",
    "jump_policy",
    "session_policy",
    "group_policy",
    "team",
    "user",
    "group",
    "jumpoint",
];

/// The object of each kind that tests edit.
pub(crate) const EDITED: [(&str, &str); 8] = [
    ("role", "operator"),
    ("jump_policy", "care"),
    ("session_policy", "calm"),
    ("group_policy", "staff"),
    ("team", "ops"),
    ("user", "bob"),
    ("group", "web"),
    ("jumpoint", "berlin"),
];

/// Whether objects of this kind are added and removed by the same edits.
pub(crate) fn is_added_by_model_edit(kind: &str) -> bool {
    !["user", "group", "jumpoint"].contains(&kind)
}

/// The site as changes. `ada` administers; of each kind there are the object of [`EDITED`] and one more, `other`.
pub(crate) fn site() -> Vec<Change> {
    let policy = |id: u32, name: &str, position: u32| json!({"change": "put_group_policy", "value": {"id": id, "name": name, "position": position}});
    let user = |id: u32, name: &str, administrator: bool| {
        json!({"change": "put_user", "value": {"id": id, "name": name, "enabled": true,
            "administrator": administrator, "allowed_methods": ["shell_jump"], "default_role": null}})
    };
    let jumpoint = |id: u32, name: &str| {
        json!({"change": "put_jumpoint", "value": {"id": id, "name": name, "enabled": true,
            "shell_jump_enabled": true, "protocol_tunnel_enabled": true, "key": null, "sealing_key": null}})
    };
    let named =
        |change: &str, id: u32, name: &str| json!({"change": change, "value": {"id": id, "name": name}});
    let changes = json!([
        {"change": "put_role", "value": {"id": 11, "name": "operator", "description": "", "permissions": ["perm_start", "perm_add"]}},
        {"change": "put_role", "value": {"id": 12, "name": "other", "description": "", "permissions": []}},
        user(1, "ada", true),
        user(2, "bob", false),
        user(3, "other", false),
        named("put_group", 1, "web"),
        named("put_group", 2, "other"),
        jumpoint(1, "berlin"),
        jumpoint(2, "other"),
        named("put_policy", 1, "care"),
        named("put_policy", 2, "other"),
        named("put_session_policy", 2, "calm"),
        named("put_session_policy", 3, "other"),
        policy(1, "staff", 10),
        policy(2, "other", 7),
        policy(3, "late", 10),
        {"change": "put_team", "value": {"id": 1, "name": "ops", "members": {}}},
        {"change": "put_team", "value": {"id": 2, "name": "other", "members": {}}}
    ]);
    serde_json::from_value(changes).unwrap()
}

pub(crate) struct Scene {
    pub(crate) quiet: QuietBroker,
    pub(crate) ada: Caller,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        let quiet = QuietBroker::start(site(), Timestamp::UNIX_EPOCH).await.unwrap();
        let ada = quiet
            .caller(UserId::new(1).unwrap(), LoginScope::Everything)
            .await
            .unwrap();
        Self { quiet, ada }
    }

    /// Makes an edit as the administrator.
    pub(crate) async fn edit(&self, kind: &str, verb: &str, name: &str, patch: Value) -> Result<()> {
        self.edit_as(&self.ada, kind, verb, name, patch).await
    }

    pub(crate) async fn edit_as(
        &self,
        caller: &Caller,
        kind: &str,
        verb: &str,
        name: &str,
        patch: Value,
    ) -> Result<()> {
        let edit = model_edit(kind, verb, name, &patch);
        let before = self.quiet.broker.world().revision();
        let result = self.quiet.edit(caller, edit).await;
        let after = self.quiet.broker.world().revision();
        // One edit is one commit, and what is refused changes nothing.
        assert_eq!(after - before, u64::from(result.is_ok()), "{kind} {name} {patch}");
        result.map(|response| assert!(matches!(response, Response::Done)))
    }

    /// How an edit is refused.
    pub(crate) async fn refusal(
        &self,
        kind: &str,
        verb: &str,
        name: &str,
        patch: Value,
    ) -> (ErrorKind, String) {
        let outcome = self.edit(kind, verb, name, patch.clone()).await;
        let error = outcome.expect_err(&format!("{verb} {kind} {name} {patch}"));
        (error.kind(), error.to_string())
    }

    /// All objects of a kind as they are shown.
    pub(crate) async fn all(&self, kind: &str) -> Vec<Value> {
        let page = self.describe(&self.ada, json!({ "kind": kind })).await.unwrap();
        page["rows"].as_array().unwrap().clone()
    }

    /// The value of one object as it is shown.
    pub(crate) async fn shown(&self, kind: &str, name: &str) -> Value {
        let page = self
            .describe(&self.ada, json!({ "kind": kind, "name": name }))
            .await
            .unwrap();
        let rows = page["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 1, "{page}");
        rows[0]["value"].clone()
    }

    pub(crate) async fn describe(&self, caller: &Caller, query: Value) -> Result<Value> {
        let query = serde_json::from_value(query).unwrap();
        let answer = self
            .quiet
            .broker
            .request(caller, RepRequest::Describe(query))
            .await?;
        let Response::Described(page) = answer else {
            panic!("{answer:?}")
        };
        let page = serde_json::to_value(page).unwrap();
        Ok(page["page"].clone())
    }
}

/// The edit that this text is.
pub(crate) fn model_edit(kind: &str, verb: &str, name: &str, patch: &Value) -> Edit {
    let mut text = json!({ "object": kind, "name": name, "patch": patch });
    if is_added_by_model_edit(kind) {
        text["verb"] = json!(verb);
    }
    let edit = serde_json::from_value(text.clone());
    Edit::Model(edit.unwrap_or_else(|error| panic!("{text}: {error}")))
}

/// What is not there any more, in [`laid_over`].
pub(crate) const GONE: &str = "<gone>";

/// `base` with what `over` says: objects are merged, everything else is replaced, [`GONE`] is removed.
pub(crate) fn laid_over(base: &Value, over: &Value) -> Value {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            let mut merged = base.clone();
            for (key, value) in over {
                if value == GONE {
                    merged.remove(key);
                } else {
                    let below = base.get(key).unwrap_or(&Value::Null);
                    merged.insert(key.clone(), laid_over(below, value));
                }
            }
            Value::Object(merged)
        }
        _ => over.clone(),
    }
}
