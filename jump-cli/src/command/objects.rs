//! What the verbs about roles, policies and teams have in common.

use jump_core::control::{Described, Describes, Edit, ModelEdit};
use jump_core::model::{Name, ScheduleEntry};
use jump_core::rep::Rep;
use jump_core::text::Escaped;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Failure, usage};
use crate::output::Output;

/// Makes an edit, and shows what the object is then; what was removed is only said.
pub(crate) async fn edit<P: Describes + Serialize>(
    output: &Output,
    rep: &Rep,
    edit: ModelEdit,
    done: &str,
    shown: Option<Name>,
) -> Result<(), Failure> {
    rep.edit(Edit::Model(edit)).await?;
    output.say(Escaped(done))?;
    match shown {
        Some(name) if output.json() => match rep.described::<P>(Some(name)).await?.first() {
            Some(object) => output.value(object),
            None => Err(crate::error::surprised()),
        },
        _ => output.value(&serde_json::json!({ "done": true })),
    }
}

/// Refuses an edit that changes nothing: the user forgot what to change.
pub(crate) fn something<P: PartialEq + Default>(patch: &P) -> Result<(), Failure> {
    if *patch == P::default() {
        return Err(usage("say what to change: --help lists what there is"));
    }
    Ok(())
}

/// One object in full: a line per field, or its JSON.
pub(crate) async fn show<P: Describes + Serialize>(
    output: &Output,
    rep: &Rep,
    name: Option<Name>,
) -> Result<(), Failure> {
    for object in rep.described::<P>(name).await? {
        say(output, &object)?;
        output.value(&object)?;
    }
    Ok(())
}

fn say<P: Serialize>(output: &Output, object: &Described<P>) -> Result<(), Failure> {
    if output.json() {
        return Ok(());
    }
    let mut lines = Vec::new();
    if !object.name.is_empty() {
        lines.push(("name".to_owned(), object.name.clone()));
        lines.push(("id".to_owned(), object.id.to_string()));
    }
    if object.built_in {
        lines.push(("built_in".to_owned(), "yes".to_owned()));
    }
    if let Ok(value) = serde_json::to_value(&object.value) {
        spread("", &value, &mut lines);
    }
    aligned(output, lines)
}

/// A line for each field of a value.
pub(crate) fn lines(output: &Output, value: &impl Serialize) -> Result<(), Failure> {
    let mut lines = Vec::new();
    if let Ok(value) = serde_json::to_value(value) {
        spread("", &value, &mut lines);
    }
    aligned(output, lines)
}

fn aligned(output: &Output, lines: Vec<(String, String)>) -> Result<(), Failure> {
    let widest = lines
        .iter()
        .map(|(key, _)| key.chars().count())
        .max()
        .unwrap_or(0);
    for (key, value) in lines {
        output.say(format_args!("{key:<widest$}  {}", Escaped(&value)))?;
    }
    Ok(())
}

/// The leaves of a value with the way to them.
fn spread(key: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields {
                let key = if key.is_empty() {
                    field.clone()
                } else {
                    format!("{key}.{field}")
                };
                spread(&key, value, lines);
            }
        }
        // An object without any field to show.
        _ if key.is_empty() => {}
        other => lines.push((key.to_owned(), word(other))),
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(yes) => crate::output::yes_no(*yes),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Array(values) if values.is_empty() => "-".to_owned(),
        Value::Array(values) => match Vec::<ScheduleEntry>::deserialize(value) {
            Ok(windows) => ScheduleEntry::write_all(&windows).join(", "),
            Err(_) => values.iter().map(word).collect::<Vec<_>>().join(", "),
        },
        Value::Object(fields) if fields.is_empty() => "-".to_owned(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| format!("{key} {}", word(value)))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// The keys of what is named with `true`, for a column.
pub(crate) fn held<K: std::fmt::Display>(map: &std::collections::BTreeMap<K, bool>) -> String {
    let held: Vec<String> = map
        .iter()
        .filter(|(_, held)| **held)
        .map(|(key, _)| key.to_string())
        .collect();
    held.join(", ")
}
