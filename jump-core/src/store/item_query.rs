//! Listing and searching items, page by page.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::access::Visible;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ItemId, JumpointId, UserId};
use crate::model::{Hostname, JumpItem, JumpMethods, Name, Placement, Revision, Tag, World, folded};

/// Which items to list: those that every part agrees to. Case does not matter in any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemQuery {
    /// Only items that this user may view; `None` is everything, for what acts for the site itself.
    pub viewer: Option<UserId>,
    /// Only items with this text somewhere in their name, hostname, tag or comments, at most 1024 characters; empty is any.
    /// It means itself: no character in it is special.
    pub text: String,
    /// Only items with exactly this name.
    pub name: Option<Name>,
    /// Only items with exactly this hostname.
    pub hostname: Option<Hostname>,
    /// Only items with exactly this tag.
    pub tag: Option<Tag>,
    /// Only items of this group or personal list.
    pub placement: Option<Placement>,
    /// Only items behind this Jumpoint.
    pub jumpoint: Option<JumpointId>,
    /// Only items of these methods: each type of item has one of its own.
    pub methods: Option<JumpMethods>,
    /// Only items after this place: [`ItemPage::next`] of the page before.
    pub after: Option<ItemCursor>,
    /// The most items to give, 1..=1000.
    pub limit: u32,
}

impl Default for ItemQuery {
    /// The first 100 items of all.
    fn default() -> Self {
        Self {
            viewer: None,
            text: String::new(),
            name: None,
            hostname: None,
            tag: None,
            placement: None,
            jumpoint: None,
            methods: None,
            after: None,
            limit: 100,
        }
    }
}

/// A place in the order of listings: by folded name (compared by code points), then id. A listing that goes on from
/// there skips nothing and repeats nothing, whatever is added or removed meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemCursor {
    /// The name, as [`folded`] gives it.
    pub name: String,
    /// The id.
    pub id: ItemId,
}

impl ItemCursor {
    /// The place of an item.
    #[must_use]
    pub fn of(item: &JumpItem) -> Self {
        Self {
            name: folded(item.name.as_str()),
            id: item.id,
        }
    }
}

/// Some items in the order of [`ItemCursor`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemPage {
    /// The revision of the world they are of.
    pub revision: Revision,
    /// The items.
    pub items: Vec<Arc<JumpItem>>,
    /// Where the next page begins; `None` if this is the last.
    pub next: Option<ItemCursor>,
}

impl ItemPage {
    /// A page from one item more than fits, if there are so many.
    #[must_use]
    pub fn new(revision: Revision, mut items: Vec<Arc<JumpItem>>, limit: u32) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        Self {
            revision,
            next: last.map(|item| ItemCursor::of(item)),
            items,
        }
    }
}

impl ItemQuery {
    /// Checks what the types do not check already.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`], with the rule.
    pub fn validate(&self) -> Result<()> {
        let wrong = |rule| Err(Error::new(ErrorKind::InvalidArgument, "list items", rule));
        if !(1..=1000).contains(&self.limit) {
            return wrong("limit is 1 to 1000");
        }
        if self.text.chars().count() > 1024 {
            return wrong("the text to search for has at most 1024 characters");
        }
        Ok(())
    }

    /// Whether an item is one of those; leaves out viewer and place in the order.
    #[must_use]
    pub fn matches(&self, item: &JumpItem) -> bool {
        fn same(wanted: Option<&str>, text: &str) -> bool {
            wanted.is_none_or(|wanted| folded(wanted) == folded(text))
        }
        let text = folded(&self.text);
        let texts = [
            item.name.as_str(),
            item.hostname.as_str(),
            item.tag.as_str(),
            item.comments.as_str(),
        ];
        self.placement.is_none_or(|place| place == item.placement)
            && self
                .jumpoint
                .is_none_or(|jumpoint| Some(jumpoint) == item.jumpoint)
            && self
                .methods
                .is_none_or(|methods| methods.contains(item.details.method()))
            && same(self.name.as_ref().map(Name::as_str), item.name.as_str())
            && same(
                self.hostname.as_ref().map(Hostname::as_str),
                item.hostname.as_str(),
            )
            && same(self.tag.as_ref().map(Tag::as_str), item.tag.as_str())
            && (text.is_empty() || texts.iter().any(|one| folded(one).contains(&text)))
    }

    /// The page of a world that is in memory. Walks the items in order until the page is full, or those of the places that
    /// the viewer sees, if these are few.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn page_of(&self, world: &World) -> Result<ItemPage> {
        self.validate()?;
        let visible = self.viewer.map(|user| Visible::of(world, user));
        let seen = |place: Placement| visible.as_ref().is_none_or(|visible| visible.contains(place));
        let most = self.limit as usize + 1;
        let mut items: Vec<Arc<JumpItem>>;
        let places: Option<Vec<Placement>> = match (self.placement, &visible) {
            (Some(place), _) => Some(vec![place]),
            (None, Some(Visible::Only(places))) => Some(places.iter().copied().collect()),
            _ => None,
        };
        if let Some(places) = places {
            let placed = places.into_iter().filter(|place| seen(*place));
            items = placed
                .flat_map(|place| world.items_in(place))
                .filter(|item| self.matches(item))
                .cloned()
                .collect();
            items.retain(|item| {
                self.after
                    .as_ref()
                    .is_none_or(|after| *after < ItemCursor::of(item))
            });
            items.sort_by_cached_key(|item| ItemCursor::of(item));
            items.truncate(most);
        } else {
            let after = self.after.as_ref();
            let (name, id) = after.map_or(("", ItemId::LOWEST), |after| (after.name.as_str(), after.id));
            // No name is empty, so that this is before the first.
            items = world
                .items_after(name, id)
                .filter(|item| seen(item.placement) && self.matches(item))
                .take(most)
                .cloned()
                .collect();
        }
        Ok(ItemPage::new(world.revision(), items, self.limit))
    }
}
