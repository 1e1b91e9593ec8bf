//! What the clients of all protocols with a screen have in common: a [`ScreenSession`](crate::protocol::ScreenSession) is served
//! by one task that owns the stream and paints, while callers share its picture and its state.
//!
//! Of everything that happens only the newest is kept ([`Events`], [`Damage`]), so that a slow reader costs no memory. What
//! callers send waits in an [`Outbox`]; who sends more than [`MAX_WAITING`] waits, too.

pub mod checks;
mod coverage;
mod damage;
mod events;
mod outbox;
mod pace;
mod shared;
mod task;

pub use coverage::Coverage;
pub use damage::Damage;
pub use events::Events;
pub use outbox::{MAX_WAITING, Outbox};
pub use pace::ResizePace;
pub use shared::{ClientState, End, Ending, Painted, Shared};
pub use task::{deliver, run};

use crate::protocol::Area;

/// The size of a screen in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Size {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

impl Size {
    /// How many pixels.
    #[must_use]
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The whole of the screen.
    #[must_use]
    pub const fn whole(self) -> Area {
        Area {
            x: 0,
            y: 0,
            width: self.width,
            height: self.height,
        }
    }
}
