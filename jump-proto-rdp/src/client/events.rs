//! What a reader of events has not heard yet: the newest of each kind.

use std::sync::Arc;

use jump_core::protocol::{Area, Cursor, ScreenEvent};

use super::damage::Damage;
use super::size::Size;

/// At most one event of each kind waits.
#[derive(Debug, Default)]
pub(super) struct Events {
    resized: Option<Size>,
    damage: Damage,
    cursor: Option<Option<Arc<Cursor>>>,
    moved: Option<(u16, u16)>,
    clipboard: Option<String>,
    /// The last event told was damage: it is the others' turn, so that neither keeps the other waiting.
    told_damage: bool,
}

impl Events {
    pub(super) fn damaged(&mut self, part: Area) {
        self.damage.add(part);
    }

    /// Damage of the old size that is beyond the new one has nothing to show any more.
    pub(super) fn resized(&mut self, size: Size) {
        self.resized = Some(size);
        self.damage.clip(size);
    }

    pub(super) fn cursor(&mut self, cursor: Option<Arc<Cursor>>) {
        self.cursor = Some(cursor);
    }

    pub(super) const fn moved(&mut self, x: u16, y: u16) {
        self.moved = Some((x, y));
    }

    pub(super) fn clipboard(&mut self, text: String) {
        self.clipboard = Some(text);
    }

    /// The next one. The size comes before what is painted in it.
    pub(super) fn next(&mut self) -> Option<ScreenEvent> {
        if let Some(size) = self.resized.take() {
            return Some(ScreenEvent::Resized {
                width: size.width.into(),
                height: size.height.into(),
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
            return Some(ScreenEvent::PointerMoved {
                x: x.into(),
                y: y.into(),
            });
        }
        self.clipboard.take().map(ScreenEvent::Clipboard)
    }
}
