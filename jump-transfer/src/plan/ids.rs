//! Ids for what an import adds.

use std::collections::BTreeMap;

use jump_core::error::{Error, ErrorKind, Result};
use jump_core::model::World;
use jump_core::store::IdKind;

/// The ids that an import may give: of each kind from a first one up. A site never gives an id twice, so those of a
/// running site come from its broker; those of a plan that is only shown may be any that are free.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FreshIds(BTreeMap<IdKind, u32>);

impl FreshIds {
    /// Those behind the highest ids in the world: free now, but maybe used once.
    #[must_use]
    pub fn beyond(world: &World) -> Self {
        fn highest(ids: impl Iterator<Item = u32>) -> u32 {
            ids.max().unwrap_or(0)
        }
        let mut first = BTreeMap::new();
        for kind in IdKind::ALL {
            let last = match kind {
                IdKind::User => highest(world.users().map(|one| one.id.get())),
                IdKind::Group => highest(world.groups().map(|one| one.id.get())),
                IdKind::Jumpoint => highest(world.jumpoints().map(|one| one.id.get())),
                IdKind::Item => highest(world.items().map(|one| one.id.get())),
                IdKind::Role => highest(world.roles().map(|one| one.id.get())),
                IdKind::Policy => highest(world.policies().map(|one| one.id.get())),
                IdKind::SessionPolicy => highest(world.session_policies().map(|one| one.id.get())),
                IdKind::GroupPolicy => highest(world.group_policies().map(|one| one.id.get())),
                IdKind::Team => highest(world.teams().map(|one| one.id.get())),
                // An import adds none.
                _ => continue,
            };
            first.insert(*kind, last.saturating_add(1));
        }
        Self(first)
    }

    /// From these first ones up.
    #[must_use]
    pub fn from_first(first: impl IntoIterator<Item = (IdKind, u32)>) -> Self {
        Self(first.into_iter().collect())
    }

    /// The next one.
    pub(super) fn next<T>(&mut self, kind: IdKind, id: impl FnOnce(u32) -> Result<T>) -> Result<T> {
        let next = self.0.get_mut(&kind).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidArgument,
                "plan an import",
                format!("it adds a {}, and there is no id for one", kind.name()),
            )
        })?;
        let number = *next;
        *next = next.saturating_add(1);
        id(number)
    }
}
