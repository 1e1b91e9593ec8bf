//! Lists in pages: a site may have more of everything than fits into one answer.

use serde::{Deserialize, Serialize};

use crate::model::{JumpMethod, Name};

/// Which Jump Items to list. What is given must all hold; names and tags are compared whole, and case does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ItemQuery {
    /// The item's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The name or code name of its group, or `@` and the name of the personal list's owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Only personal lists, or only shared groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal: Option<bool>,
    /// The name or code name of its Jumpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jumpoint: Option<String>,
    /// Its tag; empty for items without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Words, at most 1024 characters, each of which is a part of the name, host, tag or comments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// Its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<JumpMethod>,
    /// Whether its Jumpoint is connected; what needs no Jumpoint counts as not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online: Option<bool>,
    /// Which page.
    pub page: PageQuery,
}

/// Which page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageQuery {
    /// At most this many rows, 1..=1000.
    pub limit: u32,
    /// Where the page before ended: its [`Page::next`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Default for PageQuery {
    /// The first page, as many rows as there may be.
    fn default() -> Self {
        Self {
            limit: Self::MOST,
            after: None,
        }
    }
}

impl PageQuery {
    /// The most rows of a page.
    pub const MOST: u32 = 1000;
}

/// A part of a list, in the order of names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows. There may be fewer than asked for, or none, although more follow: an answer is bounded in size and in
    /// the work that it takes.
    pub rows: Vec<T>,
    /// What to ask for next; `None` if this was the last page. What is added or removed meanwhile is listed or not, the
    /// rest once.
    pub next: Option<String>,
}

/// Which users or groups to list (administrators).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NameQuery {
    /// Words, at most 1024 characters, each of which is a part of the name, or of a group's comments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// Which page.
    pub page: PageQuery,
}

/// Whose members to list (administrators).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberQuery {
    /// The group.
    pub group: Name,
    /// Which page.
    #[serde(default)]
    pub page: PageQuery,
}
