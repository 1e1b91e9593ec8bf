//! Finding items by what people call them.

use std::sync::Arc;

use crate::access::{Action, Context, Effect, decide};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ItemId, UserId};
use crate::model::{JumpItem, World};
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

fn find(world: &World, text: &str, visible: impl Fn(ItemId) -> bool) -> Result<Arc<JumpItem>> {
    let by_id = text.parse::<u32>().ok().and_then(|id| ItemId::new(id).ok());
    if let Some(item) = by_id
        .and_then(|id| world.item(id))
        .filter(|item| visible(item.id))
    {
        return Ok(item.clone());
    }
    let (group, name) = match text.split_once('/') {
        Some((group, name)) => (Some(group), name),
        None => (None, text),
    };
    let in_group = |item: &JumpItem| {
        let Some(wanted) = group else { return true };
        world
            .group(item.group)
            .is_some_and(|group| group.name.as_str().eq_ignore_ascii_case(wanted))
    };
    let mut found = world
        .items()
        .filter(|item| item.name.as_str().eq_ignore_ascii_case(name) && in_group(item) && visible(item.id));
    let first = found.next().ok_or_else(not_found)?;
    if found.next().is_some() {
        let message = format!("several groups have an item \"{name}\": say group/{name}");
        return Err(Error::new(ErrorKind::Conflict, "find a jump item", message));
    }
    Ok(first.clone())
}
