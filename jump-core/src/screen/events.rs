//! What a reader of events has not heard yet: the newest of each kind.

use std::sync::Arc;

use super::{Damage, Size};
use crate::protocol::{Area, Cursor, ScreenEvent};

/// At most one event of each kind waits.
#[derive(Debug, Default)]
pub struct Events {
    resized: Option<Size>,
    damage: Damage,
    cursor: Option<Option<Arc<Cursor>>>,
    moved: Option<(u32, u32)>,
    clipboard: Option<String>,
    bell: bool,
    name: Option<String>,
    /// The last event told was damage: it is the others' turn, so that neither keeps the other waiting.
    told_damage: bool,
}

impl Events {
    /// A part of the picture changed.
    pub fn damaged(&mut self, part: impl Into<Area>) {
        self.damage.add(part);
    }

    /// The screen has another size. Damage of the old one that is beyond the new one has nothing to show any more.
    pub fn resized(&mut self, size: impl Into<Size>) {
        let size = size.into();
        self.resized = Some(size);
        self.damage.clip(size);
    }

    /// The pointer has another shape; `None` if it is not to be seen.
    pub fn cursor(&mut self, cursor: Option<Arc<Cursor>>) {
        self.cursor = Some(cursor);
    }

    /// The target moved the pointer.
    pub fn moved(&mut self, x: u16, y: u16) {
        self.moved = Some((x.into(), y.into()));
    }

    /// The target's clipboard has this text.
    pub fn clipboard(&mut self, text: String) {
        self.clipboard = Some(text);
    }

    /// The target rang its bell.
    pub const fn bell(&mut self) {
        self.bell = true;
    }

    /// The desktop has another name.
    pub fn name(&mut self, name: String) {
        self.name = Some(name);
    }

    /// Takes the next one. The size comes before what is painted in it.
    pub fn take(&mut self) -> Option<ScreenEvent> {
        if let Some(size) = self.resized.take() {
            return Some(ScreenEvent::Resized {
                width: size.width,
                height: size.height,
            });
        }
        if !self.told_damage
            && let Some(damage) = self.next_damage()
        {
            return Some(damage);
        }
        self.told_damage = false;
        self.next_other().or_else(|| self.next_damage())
    }

    fn next_damage(&mut self) -> Option<ScreenEvent> {
        let areas = self.damage.take();
        self.told_damage = !areas.is_empty();
        self.told_damage.then_some(ScreenEvent::Damage(areas))
    }

    fn next_other(&mut self) -> Option<ScreenEvent> {
        if let Some(cursor) = self.cursor.take() {
            return Some(ScreenEvent::Cursor(cursor));
        }
        if let Some((x, y)) = self.moved.take() {
            return Some(ScreenEvent::PointerMoved { x, y });
        }
        if let Some(text) = self.clipboard.take() {
            return Some(ScreenEvent::Clipboard(text));
        }
        if std::mem::take(&mut self.bell) {
            return Some(ScreenEvent::Bell);
        }
        self.name.take().map(ScreenEvent::Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_reader_hears_the_newest_of_each_kind_and_the_size_first() {
        let mut events = Events::default();
        let whole = |width, height| Size { width, height }.whole();
        for n in 1..=3 {
            events.damaged(whole(n, 90));
            events.moved(n as u16, 7);
            events.clipboard(format!("text {n}"));
            events.bell();
            events.name(format!("name {n}"));
        }
        events.resized(Size {
            width: 100,
            height: 80,
        });
        let told: Vec<_> = std::iter::from_fn(|| events.take()).collect();
        assert_eq!(
            told,
            [
                ScreenEvent::Resized {
                    width: 100,
                    height: 80
                },
                ScreenEvent::Damage(vec![whole(3, 80)]),
                ScreenEvent::PointerMoved { x: 3, y: 7 },
                ScreenEvent::Clipboard("text 3".to_owned()),
                ScreenEvent::Bell,
                ScreenEvent::Name("name 3".to_owned()),
            ]
        );
    }

    #[test]
    fn damage_without_end_keeps_nothing_else_waiting() {
        let mut events = Events::default();
        let mut heard = Vec::new();
        events.bell();
        for n in 0..4 {
            events.damaged(
                Size {
                    width: n + 1,
                    height: 1,
                }
                .whole(),
            );
            heard.push(matches!(events.take(), Some(ScreenEvent::Damage(_))));
        }
        assert_eq!(heard, [true, false, true, true]);
    }
}
