//! What must hold for any bytes that are taken for a CSV file of items. An ordinary test replays the corpus through this.

use jump_core::id::{GroupId, JumpointId};
use jump_core::model::{Change, JumpGroup, JumpMethod, Jumpoint, Name, World};
use jump_transfer::csv::{self, formula};
use jump_transfer::{FreshIds, OnConflict, Refusal, plan_items};

/// A site with one group and one Jumpoint.
fn site() -> World {
    let group = JumpGroup::new(
        GroupId::new(1).expect("in range"),
        Name::new("servers").expect("a name"),
    );
    let jumpoint = Jumpoint::new(
        JumpointId::new(1).expect("in range"),
        Name::new("vienna").expect("a name"),
    );
    let mut world = World::new().expect("a world");
    world
        .apply(&[Change::PutGroup(group), Change::PutJumpoint(jumpoint)])
        .expect("names are free");
    world
}

/// The first byte chooses the type, the rest is the file.
pub(crate) fn check(data: &[u8]) {
    let Some((kind, file)) = data.split_first() else {
        return;
    };
    let methods = JumpMethod::ALL;
    let method = methods[usize::from(*kind) % methods.len()];
    let rows = match csv::read(file, method) {
        Ok(rows) => rows,
        Err(Refusal::Problems(problems)) => {
            assert!(problems.count() > 0 && !problems.list().is_empty());
            return;
        }
        Err(Refusal::Error(error)) => panic!("{error}"),
    };
    for cell in rows.rows.iter().flat_map(|row| &row.cells) {
        assert_eq!(formula::unguarded(&formula::guarded(cell.clone())), cell);
    }
    let world = site();
    let plan = match plan_items(&world, &rows, OnConflict::Fail, &FreshIds::beyond(&world)) {
        Ok(plan) => plan,
        Err(Refusal::Problems(problems)) => {
            assert!(problems.count() > 0);
            return;
        }
        Err(Refusal::Error(error)) => panic!("{error}"),
    };
    let mut after = world.clone();
    after.apply(&plan.changes).expect("what is planned can be made");
    assert_eq!(after.items().count(), rows.rows.len());
    // What was accepted comes out again, and back in, and changes nothing.
    let out = csv::write(&after, method, None).expect("it has a form");
    let again = csv::read(out.as_slice(), method).expect("what we write, we read");
    let same = plan_items(&after, &again, OnConflict::Update, &FreshIds::beyond(&after));
    assert!(same.expect("it fits").changes.is_empty());
}
