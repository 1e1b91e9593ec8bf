//! Walking through what is too much for one answer: in an order that stays, from any place on.

use std::ops::Bound;
use std::sync::Arc;

use super::World;
use super::read::next_place;
use crate::model::name::folded;
use crate::model::{Placement, User};

impl World {
    /// The users by name, those after `name` only if one is given; case does not matter. It looks at every user: names
    /// have no index in order.
    #[must_use]
    pub fn users_after(&self, name: Option<&str>) -> Vec<&Arc<User>> {
        let name = name.map(folded);
        let mut users: Vec<(&String, &Arc<User>)> = self
            .user_names
            .iter()
            .filter(|(key, _)| name.as_ref().is_none_or(|name| *key > name))
            .filter_map(|(key, id)| Some((key, self.user(*id)?)))
            .collect();
        users.sort_unstable_by_key(|(key, _)| *key);
        users.into_iter().map(|(_, user)| user).collect()
    }

    /// The next group or personal list that has items, groups first and each kind by id; the first one if `place` is
    /// `None`.
    #[must_use]
    pub fn place_after(&self, place: Option<Placement>) -> Option<Placement> {
        let from = match place {
            Some(place) => Bound::Included((next_place(place)?, String::new())),
            None => Bound::Unbounded,
        };
        let next = self.item_names.range((from, Bound::Unbounded)).next();
        next.map(|((place, _), _)| *place)
    }
}
