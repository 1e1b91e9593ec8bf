//! Sites for the tests.

use jump_core::model::{Change, World};
use jump_testkit::random_world::{Parts, RandomSite};
use jump_transfer::{FreshIds, Plan};

/// The random site of a seed.
pub(crate) fn random(parts: &Parts, seed: u64) -> World {
    let changes = RandomSite::new(parts, seed).changes().unwrap();
    let changes: Vec<Change> = changes.into_iter().flatten().collect();
    let mut world = World::new().unwrap();
    world.apply(&changes).unwrap();
    world
}

/// The site after a plan.
pub(crate) fn made(world: &World, plan: &Plan) -> World {
    let mut after = world.clone();
    after.apply(&plan.changes).unwrap();
    after
}

/// Ids for a plan.
pub(crate) fn ids(world: &World) -> FreshIds {
    FreshIds::beyond(world)
}
