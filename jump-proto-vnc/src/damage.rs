//! What of a picture changed, in few rectangles.

use crate::wire::{Rectangle, Size};

/// The most rectangles that are kept apart.
const MAX_RECTANGLES: usize = 64;

/// The places that changed since somebody last looked: at most 64 rectangles, which may overlap. More are joined, so
/// that a place may be named that did not change, and never the other way round.
#[derive(Clone, Debug, Default)]
pub struct Damage {
    rectangles: Vec<Rectangle>,
}

impl Damage {
    /// The places, in no order.
    #[must_use]
    pub fn rectangles(&self) -> &[Rectangle] {
        &self.rectangles
    }

    /// Adds a place. One without pixels is none.
    pub fn add(&mut self, mut place: Rectangle) {
        // Servers send a large place in tiles, row by row: joined, they are few again.
        while let Some(joined) = self.rectangles.last().and_then(|last| join(*last, place)) {
            place = joined;
            self.rectangles.pop();
        }
        if place.pixels() == 0 || self.rectangles.iter().any(|known| contains(*known, place)) {
            return;
        }
        self.rectangles.retain(|known| !contains(place, *known));
        if self.rectangles.len() < MAX_RECTANGLES {
            self.rectangles.push(place);
            return;
        }
        let nearest = self
            .rectangles
            .iter_mut()
            .min_by_key(|known| union(**known, place).pixels() - known.pixels());
        if let Some(nearest) = nearest {
            *nearest = union(*nearest, place);
        }
    }

    /// Forgets what lies beyond a screen of this size.
    pub(crate) fn clip(&mut self, size: Size) {
        for place in &mut self.rectangles {
            place.width = place.width.min(size.width.saturating_sub(place.x));
            place.height = place.height.min(size.height.saturating_sub(place.y));
        }
        self.rectangles.retain(|place| place.pixels() > 0);
    }
}

fn right(place: Rectangle) -> u32 {
    u32::from(place.x) + u32::from(place.width)
}

fn bottom(place: Rectangle) -> u32 {
    u32::from(place.y) + u32::from(place.height)
}

fn contains(outer: Rectangle, inner: Rectangle) -> bool {
    outer.x <= inner.x && outer.y <= inner.y && right(outer) >= right(inner) && bottom(outer) >= bottom(inner)
}

/// Both as one, if together they are a rectangle.
fn join(one: Rectangle, other: Rectangle) -> Option<Rectangle> {
    let beside = one.y == other.y
        && one.height == other.height
        && (right(one) == u32::from(other.x) || right(other) == u32::from(one.x));
    let above = one.x == other.x
        && one.width == other.width
        && (bottom(one) == u32::from(other.y) || bottom(other) == u32::from(one.y));
    let both = union(one, other);
    (one.pixels() > 0 && other.pixels() > 0 && (beside || above))
        .then_some(both)
        .filter(|both| both.pixels() == one.pixels() + other.pixels())
}

fn union(one: Rectangle, other: Rectangle) -> Rectangle {
    let (x, y) = (one.x.min(other.x), one.y.min(other.y));
    let side = |end: u32, start: u16| u16::try_from(end - u32::from(start)).unwrap_or(u16::MAX);
    Rectangle {
        x,
        y,
        width: side(right(one).max(right(other)), x),
        height: side(bottom(one).max(bottom(other)), y),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_one_place_when_all_of_it_is_there() {
        let mut damage = Damage::default();
        for y in 0..20 {
            for x in 0..20 {
                damage.add(at(100 + x * 48, 50 + y * 48, 48, 48));
                assert!(damage.rectangles().len() <= 2);
            }
        }
        assert_eq!(damage.rectangles(), [at(100, 50, 960, 960)]);
        // From right to left and from below, too.
        let mut damage = Damage::default();
        for place in [at(10, 10, 5, 5), at(5, 10, 5, 5), at(5, 5, 10, 5)] {
            damage.add(place);
        }
        assert_eq!(damage.rectangles(), [at(5, 5, 10, 10)]);
        // What only touches at a corner, or has another side, is another place.
        for place in [at(15, 15, 3, 3), at(15, 5, 2, 9)] {
            damage.add(place);
        }
        assert_eq!(damage.rectangles().len(), 3);
        // A rectangle has no side of more than 65535.
        let mut damage = Damage::default();
        damage.add(at(0, 0, 65535, 1));
        damage.add(at(65535, 0, 65535, 1));
        assert_eq!(damage.rectangles().len(), 2);
    }

    fn at(x: u16, y: u16, width: u16, height: u16) -> Rectangle {
        Rectangle { x, y, width, height }
    }

    #[test]
    fn what_is_inside_another_is_not_kept() {
        let mut damage = Damage::default();
        damage.add(at(10, 10, 5, 5));
        damage.add(at(10, 10, 0, 5));
        damage.add(at(11, 11, 2, 2));
        assert_eq!(damage.rectangles(), [at(10, 10, 5, 5)]);
        damage.add(at(0, 0, 100, 100));
        assert_eq!(damage.rectangles(), [at(0, 0, 100, 100)]);
        damage.clip(Size { width: 20, height: 0 });
        assert!(damage.rectangles().is_empty());
    }

    #[test]
    fn thousands_of_places_stay_few_and_are_all_covered() {
        let mut damage = Damage::default();
        let places: Vec<_> = (0..3000u16)
            .map(|n| at(n * 7 % 1000, n * 13 % 900, 3, 2))
            .collect();
        for place in &places {
            damage.add(*place);
        }
        assert!(damage.rectangles().len() <= MAX_RECTANGLES);
        for place in places {
            assert!(damage.rectangles().iter().any(|known| contains(*known, place)));
        }
    }
}
