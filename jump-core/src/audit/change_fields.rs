//! The fields of an object as notes and reports show them: flat, without secrets, and not too long.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::model::Change;

/// What stands in place of a secret.
pub const REDACTED: &str = "***";

/// A longer value is cut, and says so: 4096 bytes.
const LONGEST_VALUE: usize = 4096;

/// Field values by name.
pub type Fields = BTreeMap<String, Value>;

pub(super) fn unwritable(error: serde_json::Error) -> Error {
    Error::new(
        ErrorKind::Internal,
        "note a change",
        "an object has no form in JSON",
    )
    .with_source(error)
}

/// The fields of the object that a change makes, without secrets, as a report shows them; empty for a removal.
///
/// # Errors
/// [`ErrorKind::Internal`] if it has no form in JSON, which would be a bug.
pub fn fields_of(change: &Change) -> Result<Fields> {
    let mut fields = raw_fields(change)?;
    shorten(&mut fields);
    Ok(fields)
}

pub(super) fn raw_fields(change: &Change) -> Result<Fields> {
    let Value::Object(mut change) = serde_json::to_value(change).map_err(unwritable)? else {
        return Ok(Fields::new());
    };
    let Some(Value::Object(value)) = change.remove("value") else {
        return Ok(Fields::new());
    };
    let mut fields = Fields::new();
    for (name, value) in value {
        match (name.as_str(), value) {
            // What is special to the item's type stands beside what all types share.
            ("details", Value::Object(details)) => fields.extend(details),
            (_, value) => drop(fields.insert(name, value)),
        }
    }
    Ok(fields)
}

/// What is different, old and new; a field that one of them lacks is null there.
pub(super) fn differing(mut old: Fields, mut new: Fields) -> (Fields, Fields) {
    for name in old.keys().chain(new.keys()).cloned().collect::<Vec<_>>() {
        if old.get(&name).unwrap_or(&Value::Null) == new.get(&name).unwrap_or(&Value::Null) {
            old.remove(&name);
            new.remove(&name);
        } else {
            old.entry(name.clone()).or_default();
            new.entry(name).or_default();
        }
    }
    (old, new)
}

/// Whether a field of this name holds what nobody is shown. Host keys are public, and what an auditor looks for.
fn secret(name: &str) -> bool {
    const WORDS: [&str; 6] = ["credential", "key", "password", "passphrase", "secret", "token"];
    name != "host_key"
        && WORDS
            .iter()
            .any(|word| name == *word || name.strip_suffix(word).is_some_and(|rest| rest.ends_with('_')))
}

/// Takes out secrets, then what is too long.
pub(super) fn shorten(fields: &mut Fields) {
    for (name, value) in fields {
        redact(name, value);
        let text = match &*value {
            Value::String(text) => text.clone(),
            Value::Array(_) | Value::Object(_) => value.to_string(),
            Value::Null | Value::Bool(_) | Value::Number(_) => continue,
        };
        if text.len() > LONGEST_VALUE {
            let cut = text.floor_char_boundary(LONGEST_VALUE);
            let kept = text.get(..cut).unwrap_or_default();
            *value = Value::String(format!("{kept}… (cut: {} bytes)", text.len()));
        }
    }
}

fn redact(name: &str, value: &mut Value) {
    match value {
        Value::Null => {}
        _ if secret(name) => *value = Value::String(REDACTED.to_owned()),
        Value::Object(inner) => {
            for (name, value) in inner {
                redact(name, value);
            }
        }
        Value::Array(list) => {
            for value in list {
                redact(name, value);
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
