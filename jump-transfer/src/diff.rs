//! What is different between two documents, for people to read before it is made so.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use jump_core::error::{Error, ErrorKind, Result};
use jump_core::text::Escaped;
use serde::Serialize;
use serde_json::Value;

use crate::document::{Document, GroupPolicy, Item};
use crate::names::fold;

/// One object that is not the same before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The section of the document, such as `jump_policies`.
    pub section: &'static str,
    /// The object's name there; of what has two names, such as a membership, both with a slash between.
    pub name: String,
    /// What is different.
    #[serde(flatten)]
    pub what: What,
}

/// How an object is different.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It is new.
    Added(BTreeMap<String, Value>),
    /// Fields of it are other ones.
    Changed(BTreeMap<String, Change>),
    /// It is gone.
    Removed(BTreeMap<String, Value>),
}

/// A field before and after; `null` is where it is absent, and so at its default.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Before.
    pub old: Value,
    /// After.
    pub new: Value,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, fields): (_, Vec<String>) = match &self.what {
            What::Added(fields) => (
                '+',
                fields.iter().map(|(name, value)| field(name, value)).collect(),
            ),
            What::Removed(_) => ('-', Vec::new()),
            What::Changed(fields) => (
                '~',
                fields
                    .iter()
                    .map(|(name, change)| {
                        format!(
                            "{}: {} → {}",
                            Escaped(name),
                            shown(&change.old),
                            shown(&change.new)
                        )
                    })
                    .collect(),
            ),
        };
        write!(f, "{sign} {} {}", self.section, Escaped(&self.name))?;
        for field in fields {
            write!(f, "\n    {field}")?;
        }
        Ok(())
    }
}

fn field(name: &str, value: &Value) -> String {
    format!("{}: {}", Escaped(name), shown(value))
}

/// A value on one line; what could act is escaped.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "(default)".to_owned(),
        Value::String(text) => format!("\"{}\"", Escaped(text)),
        other => Escaped(&other.to_string()).to_string(),
    }
}

/// An object: the names that make it one of its own in its section, how they are shown together, and its fields.
type Object = (Vec<String>, String, Value);

fn object(names: Vec<String>, fields: &impl Serialize) -> Result<Object> {
    let shown = names.join("/");
    Ok((names, shown, value(fields)?))
}

/// What is different from one document to the other, section by section. A section that one of them lacks is not
/// compared.
///
/// # Errors
/// [`ErrorKind::Internal`] if an object has no form in JSON, which would be a bug.
pub fn diff(before: &Document, after: &Document) -> Result<Vec<Difference>> {
    let mut found = Vec::new();
    if let (Some(before), Some(after)) = (&before.site, &after.site) {
        let site = |site| object(Vec::new(), site);
        section("site", vec![site(before)?], vec![site(after)?], &mut found);
    }
    macro_rules! sections {
        ($($section:ident: $one:ident => $key:expr;)+) => {$(
            if let (Some(before), Some(after)) = (&before.$section, &after.$section) {
                section(
                    stringify!($section),
                    before.iter().map(|$one| object($key, $one)).collect::<Result<Vec<_>>>()?,
                    after.iter().map(|$one| object($key, $one)).collect::<Result<Vec<_>>>()?,
                    &mut found,
                );
            }
        )+};
    }
    sections! {
        roles: one => vec![one.name.to_string()];
        session_policies: one => vec![one.name.to_string()];
        users: one => vec![one.name.to_string()];
        teams: one => vec![one.name.to_string()];
        jump_policies: one => vec![one.name.to_string()];
        groups: one => vec![one.name.to_string()];
        jumpoints: one => vec![one.name.to_string()];
        memberships: one => vec![one.group.to_string(), one.user.to_string()];
        jumpoint_grants: one => vec![one.jumpoint.to_string(), one.user.to_string()];
        group_policies: one => vec![one.name.to_string()];
    }
    found.extend(group_policy_order(before, after));
    if let (Some(before), Some(after)) = (&before.items, &after.items) {
        let all = |items: &[Item]| items.iter().map(item_object).collect::<Result<Vec<_>>>();
        section("items", all(before)?, all(after)?, &mut found);
    }
    Ok(found)
}

/// The group policies that both have, if their order is another: of those at one position, the first has the first word.
fn group_policy_order(before: &Document, after: &Document) -> Option<Difference> {
    let (before, after) = (before.group_policies.as_ref()?, after.group_policies.as_ref()?);
    let names = |policies: &[GroupPolicy], others: &[GroupPolicy]| -> Vec<String> {
        let others: HashSet<String> = others.iter().map(|one| fold(one.name.as_str())).collect();
        let common = policies
            .iter()
            .filter(|one| others.contains(&fold(one.name.as_str())));
        common.map(|one| fold(one.name.as_str())).collect()
    };
    let (old, new) = (names(before, after), names(after, before));
    (old != new).then(|| Difference {
        section: "group_policies",
        name: "(all)".to_owned(),
        what: What::Changed(BTreeMap::from([(
            "order".to_owned(),
            Change {
                old: old.into(),
                new: new.into(),
            },
        )])),
    })
}

/// What is different between two states of one item.
pub(crate) fn item_difference(before: Option<&Item>, after: Option<&Item>) -> Result<Option<Difference>> {
    let objects =
        |item: Option<&Item>| -> Result<Vec<Object>> { item.map(item_object).into_iter().collect() };
    let mut found = Vec::new();
    section("items", objects(before)?, objects(after)?, &mut found);
    Ok(found.pop())
}

fn item_object(item: &Item) -> Result<Object> {
    let (kind, place) = match (&item.group, &item.personal) {
        (Some(group), _) => ("group", group.to_string()),
        (None, Some(user)) => ("personal", format!("@{user}")),
        (None, None) => ("nowhere", String::new()),
    };
    let shown = format!("{place}/{}", item.name);
    // A group may be named like a list.
    Ok((
        vec![kind.to_owned(), place, item.name.to_string()],
        shown,
        value(item)?,
    ))
}

fn value(object: &impl Serialize) -> Result<Value> {
    serde_json::to_value(object).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            "compare two sites",
            "an object has no form in JSON",
        )
        .with_source(error)
    })
}

fn section(section: &'static str, before: Vec<Object>, after: Vec<Object>, found: &mut Vec<Difference>) {
    // No name holds a NUL, so different names stay different.
    let by_key = |objects: Vec<Object>| -> BTreeMap<String, Object> {
        objects
            .into_iter()
            .map(|object| (fold(&object.0.join("\0")), object))
            .collect()
    };
    let (mut before, after) = (by_key(before), by_key(after));
    let mut differences = BTreeMap::new();
    let mut add = |key, name, what| {
        differences.insert(key, Difference { section, name, what });
    };
    for (key, (_, name, new)) in after {
        match before.remove(&key) {
            None => add(key, name, What::Added(flat(new))),
            Some((_, _, old)) if old == new => {}
            Some((_, _, old)) => add(key, name, What::Changed(changed(flat(old), flat(new)))),
        }
    }
    for (key, (_, name, old)) in before {
        add(key, name, What::Removed(flat(old)));
    }
    found.extend(differences.into_values());
}

fn changed(mut old: BTreeMap<String, Value>, new: BTreeMap<String, Value>) -> BTreeMap<String, Change> {
    let mut changed = BTreeMap::new();
    for (field, new) in new {
        let old = old.remove(&field).unwrap_or(Value::Null);
        if old != new {
            changed.insert(field, Change { old, new });
        }
    }
    for (field, old) in old {
        changed.insert(
            field,
            Change {
                old,
                new: Value::Null,
            },
        );
    }
    changed
}

/// The fields of an object, those of tables in it by dotted names.
fn flat(object: Value) -> BTreeMap<String, Value> {
    fn walk(name: String, value: Value, fields: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                for (member, value) in members {
                    let name = if name.is_empty() {
                        member
                    } else {
                        format!("{name}.{member}")
                    };
                    walk(name, value, fields);
                }
            }
            value => {
                fields.insert(name, value);
            }
        }
    }
    let mut fields = BTreeMap::new();
    walk(String::new(), object, &mut fields);
    fields
}
