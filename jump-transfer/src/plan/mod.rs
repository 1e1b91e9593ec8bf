//! What an import would change: planned on a world, shown, and then made in one commit.

mod build;
mod document;
mod ids;
mod items;
mod names;

use std::collections::BTreeSet;

use jump_core::model::Change;
use jump_core::store::IdKind;

use crate::diff::Difference;

pub use document::{DocumentOptions, plan_document};
pub use ids::FreshIds;
pub use items::{OnConflict, plan_items};

/// What an import would change. The changes are made all or none; an empty plan means that the site is already as
/// it is to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The changes, in an order in which they can be made.
    pub changes: Vec<Change>,
    /// What they change, for people: what is found by comparing the site before with the site after, so that what goes with
    /// something else that is removed is there too.
    pub differences: Vec<Difference>,
    /// How many rows were left out because their item exists ([`OnConflict::Skip`]).
    pub skipped: u64,
}

impl Plan {
    /// The kinds of which it adds objects, and so needs ids.
    #[must_use]
    pub fn adds(&self, world: &jump_core::model::World) -> BTreeSet<IdKind> {
        let new = |change: &&Change| match change {
            Change::PutUser(one) => world.user(one.id).is_none(),
            Change::PutGroup(one) => world.group(one.id).is_none(),
            Change::PutJumpoint(one) => world.jumpoint(one.id).is_none(),
            Change::PutItem(one) => world.item(one.id).is_none(),
            Change::PutRole(one) => world.role(one.id).is_none(),
            Change::PutPolicy(one) => world.policy(one.id).is_none(),
            Change::PutSessionPolicy(one) => world.session_policy(one.id).is_none(),
            Change::PutGroupPolicy(one) => world.group_policy(one.id).is_none(),
            Change::PutTeam(one) => world.team(one.id).is_none(),
            _ => false,
        };
        self.changes
            .iter()
            .filter(new)
            .filter_map(IdKind::of_put)
            .map(|(kind, _)| kind)
            .collect()
    }
}
