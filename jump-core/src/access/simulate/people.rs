//! Who may reach an item, and what a user may reach.

use serde::{Deserialize, Serialize};

use super::page::{Full, Pager};
use super::{Page, Question, Row, Window, answer, role_allows};
use crate::id::{ItemId, UserId};
use crate::model::{Name, Placement, UserName, World, folded};

/// A place in the answer of [`who`]: users come by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserCursor {
    /// The user's name; it need not exist any more.
    pub user: UserName,
}

/// A place in the answer of [`what`]: items come by place and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemCursor {
    /// The group or personal list.
    pub place: Placement,
    /// The item's name there; it need not exist any more. `None` is before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Name>,
}

/// Who may do something with an item: users by name. Somebody who only has to supply something is among them.
#[must_use]
pub fn who(
    world: &World,
    item: ItemId,
    question: &Question,
    window: &Window<UserCursor>,
) -> Page<UserCursor, Row> {
    let mut pager = Pager::new(window.most);
    let after = window.after.as_ref().map(|cursor| cursor.user.as_str());
    let result = world.users_after(after).into_iter().try_for_each(|user| {
        let at = || UserCursor {
            user: user.name.clone(),
        };
        let answer = answer(world, user.id, item, question);
        if window.denied || !answer.reach.is_no() {
            let user = user.id;
            pager.push(at(), Row { user, item, answer })?;
        }
        pager.step(1, at)
    });
    pager.finish(result)
}

/// With which items a user may do something: by place and name. One for which it only has to supply something is among
/// them. Places where its role does not permit the action are passed over as a whole, unless what it may not do is wanted,
/// too; then `shown` says which of those items.
#[must_use]
pub fn what(
    world: &World,
    user: UserId,
    question: &Question,
    window: &Window<ItemCursor>,
    shown: impl Fn(ItemId) -> bool,
) -> Page<ItemCursor, Row> {
    let mut pager = Pager::new(window.most);
    let mut walk = || -> Result<(), Full<ItemCursor>> {
        let (mut place, mut after) = match &window.after {
            Some(cursor) => (
                Some(cursor.place),
                cursor.item.as_ref().map(|name| folded(name.as_str())),
            ),
            None => (world.place_after(None), None),
        };
        while let Some(here) = place {
            let start = || ItemCursor {
                place: here,
                item: None,
            };
            if window.denied || role_allows(world, user, here, question.action) {
                for item in world.items_in_after(here, after.as_deref()) {
                    let at = || ItemCursor {
                        place: here,
                        item: Some(item.name.clone()),
                    };
                    let answer = answer(world, user, item.id, question);
                    if !answer.reach.is_no() || (window.denied && shown(item.id)) {
                        let item = item.id;
                        pager.push(at(), Row { user, item, answer })?;
                    }
                    pager.step(1, at)?;
                }
            } else {
                pager.step(1, start)?;
            }
            after = None;
            place = world.place_after(Some(here));
        }
        Ok(())
    };
    let result = walk();
    pager.finish(result)
}
