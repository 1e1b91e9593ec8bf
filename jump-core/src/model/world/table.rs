//! A table by id whose clones share what they have in common.
//!
//! A radix tree over the numbers of ids: these are given by counting, so its pages are full. Finding one costs as many steps
//! as the highest number has digits to the base 64 or so, and only the last one is likely to wait for memory. An edit copies
//! the pages on the way.

use std::marker::PhantomData;
use std::slice;
use std::sync::Arc;

use crate::id::{
    ApprovalId, GroupId, GroupPolicyId, ItemId, JumpointId, PolicyId, RoleId, SessionPolicyId, TeamId, UserId,
};

/// Bits of a number that choose a value in a page of values.
const VALUE_BITS: u32 = 5;
/// Bits of a number that choose a page among those below a branch.
const BRANCH_BITS: u32 = 6;

const VALUES: usize = 1 << VALUE_BITS;
const BRANCHES: usize = 1 << BRANCH_BITS;

/// An id, for a [`Table`].
pub(super) trait Key: Copy {
    /// Its number.
    fn number(self) -> u32;
}

macro_rules! keys {
    ($($id:ty),+) => {$(
        impl Key for $id {
            fn number(self) -> u32 {
                self.get()
            }
        }
    )+};
}

keys!(
    ApprovalId,
    GroupId,
    GroupPolicyId,
    ItemId,
    JumpointId,
    PolicyId,
    RoleId,
    SessionPolicyId,
    TeamId,
    UserId
);

#[derive(Clone, Debug)]
enum Page<V> {
    Values(Arc<[Option<V>; VALUES]>),
    Branch(Arc<[Option<Page<V>>; BRANCHES]>),
}

/// Values by id.
#[derive(Clone, Debug)]
pub(super) struct Table<K, V> {
    root: Option<Page<V>>,
    /// How far a number is shifted to the right to choose in the root.
    shift: u32,
    key: PhantomData<K>,
}

/// The place of a number in a page that is chosen in with this shift.
const fn place(number: u32, shift: u32) -> usize {
    let width = if shift == 0 { VALUES } else { BRANCHES };
    (number >> shift) as usize & (width - 1)
}

/// The shift below this one.
const fn below(shift: u32) -> u32 {
    if shift > VALUE_BITS {
        shift - BRANCH_BITS
    } else {
        0
    }
}

/// The shift above this one.
const fn above(shift: u32) -> u32 {
    if shift == 0 {
        VALUE_BITS
    } else {
        shift + BRANCH_BITS
    }
}

impl<K: Key, V> Table<K, V> {
    pub(super) const fn new() -> Self {
        Self {
            root: None,
            shift: 0,
            key: PhantomData,
        }
    }

    /// Whether the number is among those that the root reaches.
    fn reaches(&self, number: u32) -> bool {
        number.checked_shr(above(self.shift)).unwrap_or(0) == 0
    }

    pub(super) fn get(&self, key: K) -> Option<&V> {
        let number = key.number();
        if !self.reaches(number) {
            return None;
        }
        let mut page = self.root.as_ref()?;
        let mut shift = self.shift;
        loop {
            let place = place(number, shift);
            match page {
                Page::Values(values) => return values.get(place)?.as_ref(),
                Page::Branch(pages) => page = pages.get(place)?.as_ref()?,
            }
            shift = below(shift);
        }
    }

    pub(super) fn contains(&self, key: K) -> bool {
        self.get(key).is_some()
    }

    /// The values, by id.
    pub(super) fn values(&self) -> Values<'_, V> {
        Values {
            pages: vec![slice::from_ref(&self.root).iter()],
            values: [].iter(),
        }
    }
}

impl<K: Key, V: Clone> Table<K, V> {
    /// The value, to be changed where it lies.
    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        // A miss copies nothing.
        self.get(key)?;
        let number = key.number();
        let mut page = self.root.as_mut()?;
        let mut shift = self.shift;
        loop {
            let place = place(number, shift);
            match page {
                Page::Values(values) => return Arc::make_mut(values).get_mut(place)?.as_mut(),
                Page::Branch(pages) => page = Arc::make_mut(pages).get_mut(place)?.as_mut()?,
            }
            shift = below(shift);
        }
    }

    /// Puts a value and gives the one that was there.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let number = key.number();
        while !self.reaches(number) {
            if let Some(root) = self.root.take() {
                let mut pages = [const { None }; BRANCHES];
                if let Some(first) = pages.first_mut() {
                    *first = Some(root);
                }
                self.root = Some(Page::Branch(Arc::new(pages)));
            }
            self.shift = above(self.shift);
        }
        put(&mut self.root, number, self.shift, value)
    }

    /// Takes a value out.
    pub(super) fn remove(&mut self, key: K) -> Option<V> {
        // A miss copies nothing.
        self.get(key)?;
        take(&mut self.root, key.number(), self.shift)
    }
}

fn put<V: Clone>(page: &mut Option<Page<V>>, number: u32, shift: u32, value: V) -> Option<V> {
    let page = page.get_or_insert_with(|| {
        if shift == 0 {
            Page::Values(Arc::new([const { None }; VALUES]))
        } else {
            Page::Branch(Arc::new([const { None }; BRANCHES]))
        }
    });
    let place = place(number, shift);
    match page {
        Page::Values(values) => Arc::make_mut(values).get_mut(place)?.replace(value),
        Page::Branch(pages) => put(Arc::make_mut(pages).get_mut(place)?, number, below(shift), value),
    }
}

/// Ids are not given again, so a page that has become empty goes.
fn take<V: Clone>(slot: &mut Option<Page<V>>, number: u32, shift: u32) -> Option<V> {
    let place = place(number, shift);
    let (taken, empty) = match slot.as_mut()? {
        Page::Values(values) => {
            let values = Arc::make_mut(values);
            (values.get_mut(place)?.take(), values.iter().all(Option::is_none))
        }
        Page::Branch(pages) => {
            let pages = Arc::make_mut(pages);
            let taken = take(pages.get_mut(place)?, number, below(shift));
            (taken, pages.iter().all(Option::is_none))
        }
    };
    if empty {
        *slot = None;
    }
    taken
}

/// The values of a [`Table`], by id.
#[derive(Debug)]
pub(super) struct Values<'t, V> {
    /// From the root down, the pages that are still to be walked.
    pages: Vec<slice::Iter<'t, Option<Page<V>>>>,
    values: slice::Iter<'t, Option<V>>,
}

impl<'t, V> Iterator for Values<'t, V> {
    type Item = &'t V;

    fn next(&mut self) -> Option<&'t V> {
        loop {
            if let Some(value) = self.values.by_ref().flatten().next() {
                return Some(value);
            }
            match self.pages.last_mut()?.next() {
                Some(Some(Page::Values(values))) => self.values = values.iter(),
                Some(Some(Page::Branch(pages))) => self.pages.push(pages.iter()),
                Some(None) => {}
                None => {
                    self.pages.pop();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn id(number: u32) -> ItemId {
        ItemId::new(number).unwrap()
    }

    fn pages<V>(page: &Option<Page<V>>) -> usize {
        match page {
            None => 0,
            Some(Page::Values(_)) => 1,
            Some(Page::Branch(below)) => 1 + below.iter().map(pages).sum::<usize>(),
        }
    }

    proptest! {
        /// Near numbers share pages; far ones make the tree grow at its root.
        #[test]
        fn it_holds_what_an_ordered_map_holds(
            steps in prop::collection::vec(
                (prop_oneof![1u32..100, 1u32..10_000, 1u32..=i32::MAX as u32], any::<bool>(), any::<bool>()),
                1..200,
            ),
        ) {
            let mut table = Table::new();
            let mut map = BTreeMap::new();
            let mut copies = vec![];
            for (step, (number, put, copy)) in steps.into_iter().enumerate() {
                if put {
                    prop_assert_eq!(table.insert(id(number), step), map.insert(number, step));
                } else {
                    prop_assert_eq!(table.remove(id(number)), map.remove(&number));
                }
                if let Some(value) = table.get_mut(id(number)) {
                    *value += 1000;
                    *map.get_mut(&number).unwrap() += 1000;
                }
                if copy {
                    copies.push((table.clone(), map.clone()));
                }
            }
            copies.push((table, map));
            for (table, map) in copies {
                prop_assert!(table.values().eq(map.values()));
                for (number, value) in &map {
                    prop_assert_eq!(table.get(id(*number)), Some(value));
                    for near in [number - 1, number + 1, number ^ (1 << 30)] {
                        if let Ok(key) = ItemId::new(near) {
                            prop_assert_eq!(table.get(key), map.get(&near));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn pages_that_have_become_empty_are_given_back() {
        let mut table = Table::new();
        for number in 1..100_000 {
            table.insert(id(number), ());
            if number > 10 {
                table.remove(id(number - 10));
            }
        }
        assert_eq!(table.values().count(), 10);
        assert!(pages(&table.root) < 10, "{}", pages(&table.root));
    }

    #[test]
    fn an_edit_shares_all_other_pages() {
        let mut table = Table::new();
        for number in 1..10_000 {
            table.insert(id(number), Arc::new(number));
        }
        let before = table.clone();
        table.insert(id(5_000), Arc::new(0));
        // The values in the page that was copied are counted twice now; the rest are as they were.
        let copied = before
            .values()
            .filter(|value| Arc::strong_count(value) > 1)
            .count();
        assert_eq!(copied, VALUES - 1);
    }
}
