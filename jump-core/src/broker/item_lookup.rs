//! Finding items by what people call them.

use std::sync::Arc;

use crate::access::{Action, Context, Effect, decide};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ItemId, UserId};
use crate::model::{JumpItem, Placement, World};
use crate::time::Timestamp;

use super::Caller;

/// The one answer for what does not exist and for what the caller may not see.
pub(super) fn not_found() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "find a jump item",
        "there is no such item, or you may not see it",
    )
}

/// Whether the user may see the item.
pub(super) fn may_view(world: &World, user: UserId, item: ItemId, now: Timestamp) -> bool {
    decide(world, user, item, Action::View, &Context::default(), now)
        .0
        .effect
        == Effect::Allow
}

/// The item with this id, `group/name`, or name, whoever asks.
///
/// # Errors
/// [`ErrorKind::NotFound`]; [`ErrorKind::Conflict`] if several groups have an item of that name.
pub(super) fn find_any(world: &World, text: &str) -> Result<Arc<JumpItem>> {
    find(world, text, |_| true)
}

/// The same among what `caller` may see.
pub(super) fn find_visible(
    world: &World,
    caller: &Caller,
    text: &str,
    now: Timestamp,
) -> Result<Arc<JumpItem>> {
    find(world, text, |item| match caller.user() {
        _ if caller.is_administrator(world) => true,
        Some(user) => may_view(world, user, item, now),
        None => false,
    })
}

/// The item with this id, if `caller` may see it.
///
/// # Errors
/// [`ErrorKind::NotFound`].
pub(super) fn with_id<'w>(
    world: &'w World,
    caller: &Caller,
    id: ItemId,
    now: Timestamp,
) -> Result<&'w Arc<JumpItem>> {
    let visible = |item: &&Arc<JumpItem>| {
        caller.is_administrator(world)
            || caller
                .user()
                .is_some_and(|user| may_view(world, user, item.id, now))
    };
    world.item(id).filter(visible).ok_or_else(not_found)
}

/// The longest `group/name`: two names of 128 characters of at most four bytes.
const LONGEST: usize = 2 * 128 * 4 + 1;

fn find(world: &World, text: &str, visible: impl Fn(ItemId) -> bool) -> Result<Arc<JumpItem>> {
    if text.len() > LONGEST {
        return Err(not_found());
    }
    let by_id = text.parse::<u32>().ok().and_then(|id| ItemId::new(id).ok());
    if let Some(item) = by_id
        .and_then(|id| world.item(id))
        .filter(|item| visible(item.id))
    {
        return Ok(item.clone());
    }
    // Either part may hold a slash: what is looked for is a name, or a group and a name with a slash between them. A
    // personal list is `@` and its owner's name.
    let mut found: Vec<Arc<JumpItem>> = world.items_named(text).cloned().collect();
    for (slash, _) in text.match_indices('/') {
        let (Some(place), Some(name)) = (text.get(..slash), text.get(slash + 1..)) else {
            continue;
        };
        let group = world.group_named(place).map(|group| Placement::Shared(group.id));
        let list = place
            .strip_prefix('@')
            .and_then(|name| world.user_named(name))
            .map(|user| Placement::personal(user.id));
        let placed = group.into_iter().chain(list);
        found.extend(placed.filter_map(|place| world.item_in(place, name)).cloned());
    }
    found.retain(|item| visible(item.id));
    found.sort_by_key(|item| item.id);
    found.dedup_by_key(|item| item.id);
    let mut found = found.into_iter();
    let first = found.next().ok_or_else(not_found)?;
    if found.next().is_some() {
        let message = format!("several items are called \"{text}\": say group/name, or the id");
        return Err(Error::new(ErrorKind::Conflict, "find a jump item", message));
    }
    Ok(first)
}
