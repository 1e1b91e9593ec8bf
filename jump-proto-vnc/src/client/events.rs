//! What a reader of events has not heard yet: the newest of each kind.

use std::sync::Arc;

use jump_core::protocol::{Area, Cursor, Picture, ScreenEvent};

use crate::Damage;
use crate::decode::CursorImage;
use crate::wire::{Rectangle, Size};

/// At most one event of each kind waits.
#[derive(Debug, Default)]
pub(super) struct Events {
    resized: Option<Size>,
    damage: Damage,
    cursor: Option<Option<Arc<Cursor>>>,
    moved: Option<(u16, u16)>,
    clipboard: Option<String>,
    bell: bool,
    name: Option<String>,
    /// The last event told was damage: it is the others' turn, so that neither keeps the other waiting.
    told_damage: bool,
}

impl Events {
    pub(super) fn damaged(&mut self, part: Rectangle) {
        self.damage.add(part);
    }

    /// Damage of the old size that is beyond the new one has nothing to show any more.
    pub(super) fn resized(&mut self, size: Size) {
        self.resized = Some(size);
        self.damage.clip(size);
    }

    pub(super) fn cursor(&mut self, image: CursorImage) {
        self.cursor = Some((image.size.pixels() > 0).then(|| {
            Arc::new(Cursor {
                picture: Picture {
                    width: image.size.width.into(),
                    height: image.size.height.into(),
                    rgba: image.pixels.as_flattened().to_vec(),
                },
                hotspot_x: image.x.into(),
                hotspot_y: image.y.into(),
            })
        }));
    }

    pub(super) const fn moved(&mut self, x: u16, y: u16) {
        self.moved = Some((x, y));
    }

    pub(super) fn clipboard(&mut self, text: String) {
        self.clipboard = Some(text);
    }

    pub(super) const fn bell(&mut self) {
        self.bell = true;
    }

    pub(super) fn name(&mut self, name: String) {
        self.name = Some(name);
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
        let damage = std::mem::take(&mut self.damage);
        self.told_damage = !damage.rectangles().is_empty();
        self.told_damage
            .then(|| ScreenEvent::Damage(damage.rectangles().iter().map(area).collect()))
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
        if let Some(text) = self.clipboard.take() {
            return Some(ScreenEvent::Clipboard(text));
        }
        if std::mem::take(&mut self.bell) {
            return Some(ScreenEvent::Bell);
        }
        self.name.take().map(ScreenEvent::Name)
    }
}

fn area(part: &Rectangle) -> Area {
    Area {
        x: part.x.into(),
        y: part.y.into(),
        width: part.width.into(),
        height: part.height.into(),
    }
}
