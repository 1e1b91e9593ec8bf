//! What would be different after changes.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::page::{Full, Pager};
use super::touched::{Scope, Touched, touched};
use super::{Answer, Page, Question, Window, answer, role_allows};
use crate::error::Result;
use crate::id::{ItemId, UserId};
use crate::model::{Change, Placement, World};

/// A site as it is, and as it would be after changes.
#[derive(Clone, Debug)]
pub struct Proposal {
    before: World,
    after: World,
    touched: Touched,
    /// Where each item that is touched for everybody is before and after, as a number in `moves`.
    items: Vec<(ItemId, usize)>,
    moves: Vec<Move>,
}

/// Where an item is before and after.
type Move = (Option<Placement>, Option<Placement>);

/// A pair for which the answer is another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Who.
    pub user: UserId,
    /// With which item.
    pub item: ItemId,
    /// The answer as the site is.
    pub before: Answer,
    /// The answer as it would be.
    pub after: Answer,
}

/// In which way an answer is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It was no, and is yes, at once or with something that has to be supplied.
    Gained,
    /// It was yes, at once or with something that has to be supplied, and is no.
    Lost,
    /// It stays yes: what has to be supplied, or what holds in the session, is another.
    Changed,
}

impl Difference {
    /// In which way.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match (self.before.reach.is_no(), self.after.reach.is_no()) {
            (true, false) => Kind::Gained,
            (false, true) => Kind::Lost,
            _ => Kind::Changed,
        }
    }
}

/// A place in the answer of [`Proposal::differences`]: pairs come by user; for each, what is touched for everybody
/// comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiffCursor {
    /// Who.
    pub user: UserId,
    /// Where, among what is touched for this user only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Placement>,
    /// After which item; `None` is before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
}

impl Proposal {
    /// The site after the changes, all of them.
    ///
    /// # Errors
    /// Why the changes cannot be made, as [`World::apply`].
    pub fn new(world: &World, changes: &[Change]) -> Result<Self> {
        let mut after = world.clone();
        after.apply(changes)?;
        let touched = touched(world, &after, changes);
        let mut known: HashMap<Move, usize> = HashMap::new();
        let mut moves = Vec::new();
        let mut items = Vec::with_capacity(touched.items.len());
        for id in &touched.items {
            let place = |world: &World| world.item(*id).map(|item| item.placement);
            let of_item = (place(world), place(&after));
            let number = *known.entry(of_item).or_insert_with(|| {
                moves.push(of_item);
                moves.len() - 1
            });
            items.push((*id, number));
        }
        Ok(Self {
            before: world.clone(),
            after,
            touched,
            items,
            moves,
        })
    }

    /// The site as it would be.
    #[must_use]
    pub const fn after(&self) -> &World {
        &self.after
    }

    /// For which pairs the answer would be another: exactly those for which [`answer`] has another
    /// [effect](Answer::same_effect). `window.denied` is of no account.
    #[must_use]
    pub fn differences(
        &self,
        question: &Question,
        window: &Window<DiffCursor>,
    ) -> Page<DiffCursor, Difference> {
        let mut pager = Pager::new(window.most);
        let mut walk = || {
            for user in self.users(window.after.map(|cursor| cursor.user)) {
                let resumed = window.after.filter(|cursor| cursor.user == user);
                self.walk_user(user, resumed, question, &mut pager)?;
            }
            Ok(())
        };
        let result = walk();
        pager.finish(result)
    }

    fn users(&self, from: Option<UserId>) -> BTreeSet<UserId> {
        let from = from.unwrap_or(UserId::LOWEST);
        if self.touched.all || !self.touched.items.is_empty() {
            let all = self.before.users().chain(self.after.users());
            return all.map(|user| user.id).filter(|id| *id >= from).collect();
        }
        self.touched.users.range(from..).map(|(user, _)| *user).collect()
    }

    fn walk_user(
        &self,
        user: UserId,
        resumed: Option<DiffCursor>,
        question: &Question,
        pager: &mut Pager<DiffCursor, Difference>,
    ) -> std::result::Result<(), Full<DiffCursor>> {
        let from = resumed.unwrap_or(DiffCursor {
            user,
            place: None,
            item: None,
        });
        let permitted = |(before, after): Move| {
            before.is_some_and(|place| role_allows(&self.before, user, place, question.action))
                || after.is_some_and(|place| role_allows(&self.after, user, place, question.action))
        };
        if from.place.is_none() {
            let known: Vec<OnceCell<bool>> = vec![OnceCell::new(); self.moves.len()];
            let start = self.items.partition_point(|(id, _)| Some(*id) <= from.item);
            for (item, number) in self.items.iter().skip(start) {
                let of_item = known.get(*number).zip(self.moves.get(*number));
                if of_item.is_none_or(|(known, of_item)| *known.get_or_init(|| permitted(*of_item))) {
                    self.compare(user, None, *item, question, pager)?;
                }
            }
        }
        for (place, some) in self.places(user, from.place) {
            if permitted((Some(place), Some(place))) {
                let resumed = resumed.filter(|cursor| cursor.place == Some(place));
                let after = resumed.and_then(|cursor| cursor.item);
                let here = some.unwrap_or_else(|| self.before.items_in(place).map(|item| item.id).collect());
                for item in here {
                    if Some(item) > after && !self.touched.items.contains(&item) {
                        self.compare(user, Some(place), item, question, pager)?;
                    }
                }
            }
            pager.step(1, || DiffCursor {
                user,
                place: Some(place),
                item: Some(ItemId::HIGHEST),
            })?;
        }
        let Ok(next) = UserId::new(user.get().saturating_add(1)) else {
            return Ok(());
        };
        // What was passed over costs little, but not nothing.
        pager.step(1 + self.items.len() / 64, || DiffCursor {
            user: next,
            place: None,
            item: None,
        })
    }

    /// Where there are more items that are touched for a user, in order, from a place on; `None` is every item there.
    fn places(
        &self,
        user: UserId,
        from: Option<Placement>,
    ) -> Box<dyn Iterator<Item = (Placement, Option<BTreeSet<ItemId>>)> + '_> {
        let scope = self.touched.users.get(&user);
        if self.touched.all || scope.is_some_and(|scope| scope.all) {
            let first = from.or_else(|| self.before.place_after(None));
            let all = std::iter::successors(first, |place| self.before.place_after(Some(*place)));
            return Box::new(all.map(|place| (place, None)));
        }
        let mut places: BTreeMap<Placement, Option<BTreeSet<ItemId>>> = BTreeMap::new();
        let Some(Scope {
            places: whole,
            behind,
            ..
        }) = scope
        else {
            return Box::new(std::iter::empty());
        };
        for jumpoint in behind {
            for item in self.before.items_behind(*jumpoint) {
                let some = places
                    .entry(item.placement)
                    .or_insert_with(|| Some(BTreeSet::new()));
                if let Some(some) = some {
                    some.insert(item.id);
                }
            }
        }
        places.extend(whole.iter().map(|place| (*place, None)));
        Box::new(places.into_iter().filter(move |(place, _)| Some(*place) >= from))
    }

    fn compare(
        &self,
        user: UserId,
        place: Option<Placement>,
        item: ItemId,
        question: &Question,
        pager: &mut Pager<DiffCursor, Difference>,
    ) -> std::result::Result<(), Full<DiffCursor>> {
        let at = DiffCursor {
            user,
            place,
            item: Some(item),
        };
        let before = answer(&self.before, user, item, question);
        let after = answer(&self.after, user, item, question);
        if !before.same_effect(&after) {
            let difference = Difference {
                user,
                item,
                before,
                after,
            };
            pager.push(at, difference)?;
        }
        pager.step(1, || at)
    }
}
