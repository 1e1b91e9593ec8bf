//! The pointer's shape, as callers get it.

use std::sync::Arc;

use jump_core::protocol::{Cursor, Picture};

use crate::decode::CursorImage;

/// A shape; `None` if it is not to be seen.
pub(super) fn shape(image: CursorImage) -> Option<Arc<Cursor>> {
    (image.size.pixels() > 0).then(|| {
        Arc::new(Cursor {
            picture: Picture {
                width: image.size.width.into(),
                height: image.size.height.into(),
                rgba: image.pixels.into_flattened(),
            },
            hotspot_x: image.x.into(),
            hotspot_y: image.y.into(),
        })
    })
}
