//! Access decisions on a world that is at hand: pure, without a broker.

use std::sync::Arc;

use jump_core::access::simulate::{
    Answer, ItemCursor, Page, Question, Row, UserCursor, Window, answer, what, who,
};
use jump_core::access::{Action, Context, Given, Reason};
use jump_core::control::AccessView;
use jump_core::id::ItemId;
use jump_core::model::{Change, JumpItem, Placement, User, World as CoreWorld};
use jump_core::time::Timestamp;
use jump_core::{Error, ErrorKind, Result};
use pyo3::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::bridge;
use crate::errors::{at_once, detached};
use crate::transfer;

/// A site as it is, or as it could be, for decisions; without keys and credentials. It does not change.
#[pyclass(frozen, module = "jump._jump")]
pub(crate) struct World(Arc<CoreWorld>);

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    action: Action,
    at: Option<Timestamp>,
    given: Given,
}

impl Asked {
    fn read(text: &str) -> Result<Question> {
        let asked: Self = bridge::read("decide", text)?;
        Ok(Question {
            action: asked.action,
            context: Context {
                given: asked.given,
                ..Context::default()
            },
            at: asked.at.unwrap_or_else(Timestamp::now),
        })
    }
}

/// Where to go on, and how much is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part<C> {
    after: Option<C>,
    most: usize,
    denied: bool,
}

impl<C: DeserializeOwned> Part<C> {
    fn read(text: &str) -> Result<Window<C>> {
        let part: Self = bridge::read("decide", text)?;
        Ok(Window {
            after: part.after,
            most: part.most.clamp(1, 1000),
            denied: part.denied,
        })
    }
}

impl World {
    pub(crate) fn of(world: CoreWorld) -> Self {
        Self(Arc::new(world))
    }

    fn user(&self, name: &str) -> Result<&Arc<User>> {
        self.0.user_named(name).ok_or_else(|| {
            let message = format!("there is no user named `{name}`");
            Error::new(ErrorKind::NotFound, "decide", message)
        })
    }

    /// The item with this id, `group/name`, or name.
    fn item(&self, text: &str) -> Result<Arc<JumpItem>> {
        let by_id = text.parse::<u32>().ok().and_then(|id| ItemId::new(id).ok());
        if let Some(item) = by_id.and_then(|id| self.0.item(id)) {
            return Ok(item.clone());
        }
        let mut found: Vec<Arc<JumpItem>> = self.0.items_named(text).cloned().collect();
        // Either part may hold a slash.
        for (slash, _) in text.match_indices('/') {
            let (Some(place), Some(name)) = (text.get(..slash), text.get(slash + 1..)) else {
                continue;
            };
            let group = self.0.group_named(place).map(|group| Placement::Shared(group.id));
            let owner = place.strip_prefix('@').and_then(|name| self.0.user_named(name));
            let list = owner.map(|user| Placement::personal(user.id));
            let placed = group.into_iter().chain(list);
            found.extend(placed.filter_map(|place| self.0.item_in(place, name)).cloned());
        }
        found.sort_by_key(|item| item.id);
        found.dedup_by_key(|item| item.id);
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some(item), None) => Ok(item),
            (None, _) => Err(Error::new(ErrorKind::NotFound, "decide", "there is no such item")),
            (Some(_), Some(_)) => {
                let message = format!("several items are called \"{text}\": say group/name, or the id");
                Err(Error::new(ErrorKind::Conflict, "decide", message))
            }
        }
    }

    fn item_name(&self, item: &JumpItem) -> String {
        let place = match item.placement {
            Placement::Shared(group) => self.0.group(group).map(|group| group.name.to_string()),
            Placement::Personal { personal } => self.0.user(personal).map(|user| format!("@{}", user.name)),
        };
        format!("{}/{}", place.unwrap_or_default(), item.name)
    }

    fn view(&self, row: Row) -> AccessView {
        AccessView {
            user: self
                .0
                .user(row.user)
                .map(|user| user.name.to_string())
                .unwrap_or_default(),
            item: self
                .0
                .item(row.item)
                .map(|item| self.item_name(item))
                .unwrap_or_default(),
            item_id: row.item,
            answer: row.answer,
        }
    }

    fn page<C: Serialize>(&self, page: Page<C, Row>) -> Result<String> {
        let rows: Vec<AccessView> = page.rows.into_iter().map(|(_, row)| self.view(row)).collect();
        bridge::write(&json!({ "rows": rows, "next": page.next }))
    }

    fn decided(&self, user: &str, item: &str, question: &str) -> Result<String> {
        let question = Asked::read(question)?;
        let (user, item) = (self.user(user)?, self.item(item)?);
        let answer: Answer = answer(&self.0, user.id, item.id, &question);
        bridge::write(&AccessView {
            user: user.name.to_string(),
            item: self.item_name(&item),
            item_id: item.id,
            answer,
        })
    }
}

#[pymethods]
impl World {
    /// The site that a document describes, in the form that an export has.
    #[staticmethod]
    fn of_document(py: Python<'_>, text: &str) -> PyResult<Self> {
        detached(py, || transfer::world_of(text.as_bytes()).map(Self::of))
    }

    /// A site made of changes, as JSON; an empty one without any.
    #[staticmethod]
    fn of_changes(py: Python<'_>, changes: &str) -> PyResult<Self> {
        detached(py, || {
            let changes: Vec<Change> = bridge::read("read the changes", changes)?;
            CoreWorld::restore(changes, 0).map(Self::of)
        })
    }

    /// The site after these changes, all or none.
    fn after(&self, py: Python<'_>, changes: &str) -> PyResult<Self> {
        detached(py, || {
            let changes: Vec<Change> = bridge::read("read the changes", changes)?;
            let mut world = (*self.0).clone();
            world.apply(&changes)?;
            Ok(Self::of(world))
        })
    }

    /// The site as a document.
    fn document(&self, py: Python<'_>, format: &str) -> PyResult<String> {
        detached(py, || {
            jump_transfer::Document::of(&self.0)?.write(transfer::format(format)?)
        })
    }

    /// The number of writes so far.
    #[getter]
    fn revision(&self) -> u64 {
        self.0.revision()
    }

    /// Whether a user may do something with an item, and why, as JSON.
    fn decide(&self, py: Python<'_>, user: &str, item: &str, question: &str) -> PyResult<String> {
        at_once(py, || self.decided(user, item, question))
    }

    /// A page of who may do something with an item, as JSON.
    fn who(&self, py: Python<'_>, item: &str, question: &str, part: &str) -> PyResult<String> {
        detached(py, || {
            let (question, window) = (Asked::read(question)?, Part::<UserCursor>::read(part)?);
            self.page(who(&self.0, self.item(item)?.id, &question, &window))
        })
    }

    /// A page of the items with which a user may do something, as JSON.
    fn what(&self, py: Python<'_>, user: &str, question: &str, part: &str) -> PyResult<String> {
        detached(py, || {
            let (question, window) = (Asked::read(question)?, Part::<ItemCursor>::read(part)?);
            self.page(what(&self.0, self.user(user)?.id, &question, &window, |_| true))
        })
    }

    fn __repr__(&self) -> String {
        format!(
            "World(revision={}, users={}, items={})",
            self.0.revision(),
            self.0.users().count(),
            self.0.items().count()
        )
    }
}

/// Gate and words of each reason, whether it stops, as JSON, for reasons as JSON.
#[pyfunction]
pub(crate) fn reason_words(py: Python<'_>, reasons: &str) -> PyResult<String> {
    at_once(py, || {
        let reasons: Vec<Reason> = bridge::read("read reasons", reasons)?;
        let words: Vec<_> = reasons
            .iter()
            .map(|reason| json!({ "gate": reason.gate(), "verdict": reason.verdict(), "text": reason.to_string() }))
            .collect();
        bridge::write(&words)
    })
}
