//! Adding or changing items by the rows of a CSV file.

use std::collections::HashMap;

use jump_core::id::ItemId;
use jump_core::model::{Change, JumpItem, Placement, World};
use jump_core::store::IdKind;

use super::build;
use super::names::Names;
use super::{FreshIds, Plan};
use crate::csv::{Column, Row, Rows, blank, codes, columns, set};
use crate::diff::item_difference;
use crate::document::{Item, Originals, item_of};
use crate::names::fold;
use crate::problem::Problems;
use crate::refusal::Refusal;

/// What happens with a row whose item, of the same name in the same group, exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// It is a problem.
    #[default]
    Fail,
    /// The item is changed to what the row says: a blank cell sets the default, a column that is not in the file leaves
    /// the field as it is.
    Update,
    /// The item stays as it is.
    Skip,
}

/// Plans to add and change items as the rows say.
///
/// # Errors
/// [`Refusal::Problems`] with everything that is wrong with the rows; nothing of them can be made then.
pub fn plan_items(
    world: &World,
    rows: &Rows,
    on_conflict: OnConflict,
    ids: &FreshIds,
) -> Result<Plan, Refusal> {
    let mut ids = ids.clone();
    let mut problems = Problems::default();
    let mut planner = Planner {
        world,
        rows,
        names: Names::of(world, true),
        originals: Originals::of(world)?,
    };
    let mut plan = Plan::default();
    let mut wanted: Vec<(&Row, ItemId)> = Vec::new();
    let mut seen: HashMap<(Placement, String), u64> = HashMap::new();
    for row in &rows.rows {
        let Some(key) = planner.key(row, &mut problems) else {
            continue;
        };
        if let Some(first) = seen.insert(key.clone(), row.number) {
            let message = format!("row {first} names the same item of the same group");
            problems.add(row.problem(Some(Column::Name), message));
            continue;
        }
        match (world.item_in(key.0, &key.1), on_conflict) {
            (None, _) => {
                let id = ids.next(IdKind::Item, ItemId::new)?;
                planner.names.new_items.insert(key, id);
                wanted.push((row, id));
            }
            (Some(_), OnConflict::Fail) => {
                let message = "the group has an item of this name already";
                problems.add(row.problem(Some(Column::Name), message));
                // What else is wrong with it is said, too.
                planner.check(row, &mut problems)?;
            }
            (Some(_), OnConflict::Skip) => {
                plan.skipped += 1;
                planner.check(row, &mut problems)?;
            }
            (Some(item), OnConflict::Update) => {
                if item.details.method() == rows.method {
                    wanted.push((row, item.id));
                } else {
                    let message = format!(
                        "the group has an item of this name already; it is a {}",
                        item.details
                    );
                    problems.add(row.problem(Some(Column::Name), message));
                }
            }
        }
    }
    let mut built: Vec<(&Row, JumpItem)> = Vec::new();
    for (row, id) in wanted {
        if let Some(item) = planner.build(row, id, &mut problems)? {
            built.push((row, item));
        }
    }
    if !problems.is_empty() {
        return Err(problems.sorted().into());
    }
    let mut after = world.clone();
    for (row, item) in built {
        if world.item(item.id).is_some_and(|old| **old == item) {
            continue;
        }
        let change = Change::PutItem(item);
        match after.apply(std::slice::from_ref(&change)) {
            Ok(_) => plan.changes.push(change),
            Err(error) => problems.add(row.problem(None, error.context())),
        }
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let originals = Originals::of(&after)?;
    for change in &plan.changes {
        let Change::PutItem(item) = change else { continue };
        let before = world
            .item(item.id)
            .map(|old| item_of(world, &planner.originals, old))
            .transpose()?;
        let now = item_of(&after, &originals, item)?;
        plan.differences
            .extend(item_difference(before.as_ref(), Some(&now))?);
    }
    Ok(plan)
}

struct Planner<'a> {
    world: &'a World,
    rows: &'a Rows,
    names: Names,
    originals: Originals,
}

impl Planner<'_> {
    fn cell<'r>(&self, row: &'r Row, column: Column) -> &'r str {
        let at = self.rows.columns.iter().position(|one| *one == column);
        at.and_then(|at| row.cells.get(at)).map_or("", String::as_str)
    }

    /// Which item a row is about.
    fn key(&self, row: &Row, problems: &mut Problems) -> Option<(Placement, String)> {
        let group = self.cell(row, Column::JumpGroup);
        match self.names.groups.named(group) {
            Ok(id) => Some((Placement::Shared(id), fold(self.cell(row, Column::Name)))),
            Err(reason) => {
                let reason = if group.starts_with('@') {
                    "importing into a personal list is not allowed: name a jump group".to_owned()
                } else {
                    reason
                };
                problems.add(row.problem(Some(Column::JumpGroup), reason));
                // What else is wrong with it is said, too; only the group is known to be.
                self.references(row, problems);
                None
            }
        }
    }

    /// Says what is wrong with the references of a row besides its group; whether nothing is.
    fn references(&self, row: &Row, problems: &mut Problems) -> bool {
        let before = problems.count();
        for column in &self.rows.columns {
            let text = self.cell(row, *column);
            if text.is_empty() {
                continue;
            }
            let found = match column {
                Column::Jumpoint => self.names.jumpoints.named(text).map(drop),
                Column::JumpPolicy => self.names.policies.named(text).map(drop),
                Column::SessionPolicy | Column::AttendedSessionPolicy | Column::UnattendedSessionPolicy => {
                    self.names.session_policies.named(text).map(drop)
                }
                _ => Ok(()),
            };
            if let Err(reason) = found {
                problems.add(row.problem(Some(*column), reason));
            }
        }
        problems.count() == before
    }

    /// Says what is wrong with a row that makes no item.
    fn check(&self, row: &Row, problems: &mut Problems) -> Result<(), Refusal> {
        if self.references(row, problems) {
            let item = self.overlay(row, blank(self.rows.method)?, problems);
            if let Some(item) = item {
                self.finish(row, ItemId::HIGHEST, None, &item, problems);
            }
        }
        Ok(())
    }

    fn build(&self, row: &Row, id: ItemId, problems: &mut Problems) -> Result<Option<JumpItem>, Refusal> {
        if !self.references(row, problems) {
            return Ok(None);
        }
        let old = self.world.item(id);
        let (base, original) = match old {
            Some(old) => (
                codes(self.world, item_of(self.world, &self.originals, old)?)?,
                self.originals.named(self.world, old),
            ),
            None => (blank(self.rows.method)?, None),
        };
        let Some(item) = self.overlay(row, base, problems) else {
            return Ok(None);
        };
        Ok(self.finish(row, id, original, &item, problems))
    }

    /// The item with what the row says.
    fn overlay(&self, row: &Row, mut item: Item, problems: &mut Problems) -> Option<Item> {
        let before = problems.count();
        // A port that is blank follows the protocol: the documented order, not the file's.
        for column in columns(self.rows.method) {
            if !self.rows.columns.contains(&column) {
                continue;
            }
            if let Err(reason) = set(&mut item, column, self.cell(row, column)) {
                problems.add(row.problem(Some(column), reason));
            }
        }
        (problems.count() == before).then_some(item)
    }

    fn finish(
        &self,
        row: &Row,
        id: ItemId,
        original: Option<ItemId>,
        item: &Item,
        problems: &mut Problems,
    ) -> Option<JumpItem> {
        match build::item(self.world, &self.names, original, id, item) {
            Ok(item) => Some(item),
            Err(reason) => {
                // Rules begin with the field they are about.
                let word = reason.split([' ', ':']).next().unwrap_or_default();
                let named = |column: &&Column| column.header() == word;
                let column = self.rows.columns.iter().find(named).copied();
                problems.add(row.problem(column, reason));
                None
            }
        }
    }
}
