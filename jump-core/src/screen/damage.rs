//! What of a picture changed, in few places.

use super::Size;
use crate::protocol::Area;

/// The most places that are kept apart.
const MAX_AREAS: usize = 64;

/// The places that changed since somebody last looked: at most 64, which may overlap. More are joined, so that a place may be
/// named that did not change, and never the other way round.
#[derive(Clone, Debug, Default)]
pub struct Damage(Vec<Area>);

impl Damage {
    /// The places, in no order.
    #[must_use]
    pub fn areas(&self) -> &[Area] {
        &self.0
    }

    /// Adds a place. One without pixels is none.
    pub fn add(&mut self, place: impl Into<Area>) {
        let mut place = place.into();
        // Servers send a large place in tiles, row by row: joined, they are few again.
        while let Some(joined) = self.0.last().and_then(|last| join(*last, place)) {
            place = joined;
            self.0.pop();
        }
        if pixels(place) == 0 || self.0.iter().any(|known| contains(*known, place)) {
            return;
        }
        self.0.retain(|known| !contains(place, *known));
        if self.0.len() < MAX_AREAS {
            self.0.push(place);
            return;
        }
        let nearest = self
            .0
            .iter_mut()
            .min_by_key(|known| pixels(union(**known, place)).saturating_sub(pixels(**known)));
        if let Some(nearest) = nearest {
            *nearest = union(*nearest, place);
        }
    }

    /// Forgets what lies beyond a screen of this size.
    pub fn clip(&mut self, size: impl Into<Size>) {
        let size = size.into();
        for place in &mut self.0 {
            place.width = place.width.min(size.width.saturating_sub(place.x));
            place.height = place.height.min(size.height.saturating_sub(place.y));
        }
        self.0.retain(|place| pixels(*place) > 0);
    }

    /// All of them, and none is left.
    #[must_use]
    pub fn take(&mut self) -> Vec<Area> {
        std::mem::take(&mut self.0)
    }
}

fn pixels(place: Area) -> u64 {
    u64::from(place.width) * u64::from(place.height)
}

const fn right(place: Area) -> u32 {
    place.x.saturating_add(place.width)
}

const fn bottom(place: Area) -> u32 {
    place.y.saturating_add(place.height)
}

const fn contains(outer: Area, inner: Area) -> bool {
    outer.x <= inner.x && outer.y <= inner.y && right(outer) >= right(inner) && bottom(outer) >= bottom(inner)
}

/// Both as one, if together they are a rectangle.
fn join(one: Area, other: Area) -> Option<Area> {
    let beside =
        one.y == other.y && one.height == other.height && (right(one) == other.x || right(other) == one.x);
    let above =
        one.x == other.x && one.width == other.width && (bottom(one) == other.y || bottom(other) == one.y);
    (pixels(one) > 0 && pixels(other) > 0 && (beside || above)).then(|| union(one, other))
}

fn union(one: Area, other: Area) -> Area {
    let (x, y) = (one.x.min(other.x), one.y.min(other.y));
    Area {
        x,
        y,
        width: right(one).max(right(other)).saturating_sub(x),
        height: bottom(one).max(bottom(other)).saturating_sub(y),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(x: u32, y: u32, width: u32, height: u32) -> Area {
        Area { x, y, width, height }
    }

    #[test]
    fn tiles_are_one_place_when_all_of_it_is_there() {
        let mut damage = Damage::default();
        for y in 0..20 {
            for x in 0..20 {
                damage.add(at(100 + x * 64, 50 + y * 64, 64, 64));
                assert!(damage.areas().len() <= 2);
            }
        }
        assert_eq!(damage.take(), [at(100, 50, 1280, 1280)]);
        assert!(damage.take().is_empty());
        // From right to left and from below, too.
        for place in [at(10, 10, 5, 5), at(5, 10, 5, 5), at(5, 5, 10, 5)] {
            damage.add(place);
        }
        assert_eq!(damage.areas(), [at(5, 5, 10, 10)]);
        // What only touches at a corner, or has another side, is another place.
        for place in [at(15, 15, 3, 3), at(15, 5, 2, 9)] {
            damage.add(place);
        }
        assert_eq!(damage.areas().len(), 3);
    }

    #[test]
    fn thousands_of_places_stay_few_and_are_all_covered() {
        let mut damage = Damage::default();
        let places: Vec<_> = (0..3000u32)
            .map(|n| at(n * 7 % 1000, n * 13 % 900, 3, 2))
            .collect();
        for place in &places {
            damage.add(*place);
        }
        damage.add(at(5, 5, 0, 9));
        damage.clip(Size {
            width: 1003,
            height: 902,
        });
        let named = damage.take();
        assert!(named.len() <= MAX_AREAS);
        for place in places {
            assert!(named.iter().any(|known| contains(*known, place)));
        }
    }

    #[test]
    fn what_is_beyond_a_smaller_screen_is_forgotten() {
        let mut damage = Damage::default();
        damage.add(at(10, 10, 20, 20));
        damage.add(at(50, 0, 5, 5));
        damage.clip(Size {
            width: 20,
            height: 15,
        });
        assert_eq!(damage.take(), [at(10, 10, 10, 5)]);
    }
}
