//! What the task that owns the stream and the callers of a session share.

use std::collections::VecDeque;

use jump_core::screen::{self, ClientState, Coverage, Ending, Events, MAX_WAITING, Outbox};

use super::input::{Channel, Input};
use super::picture::Picture;
use super::size::Size;

/// Wishes that only the task can fulfil, at most so many.
const MAX_WISHES: usize = 4;

/// The state, the picture, and who is to look at them again. Wishes ring the bell of who sends.
pub(super) type Shared = screen::Shared<Picture, State>;

/// What a caller wants and only the owner of the channels can do.
#[derive(Debug)]
pub(super) enum Wish {
    /// The server's clipboard is to have this text.
    Clipboard(String),
    /// The screen is to have another size.
    Resize(Size),
}

/// Whether the server's screen can have another size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resizing {
    /// It has not said so yet.
    Unknown,
    /// It can.
    Possible,
}

/// Everything but the picture. Locked for moments only.
pub(super) struct State {
    pub(super) size: Size,
    /// How often the screen has got another size.
    pub(super) sizes: u64,
    pub(super) events: Events,
    pub(super) outbox: Outbox,
    pub(super) input: Input,
    pub(super) wishes: VecDeque<Wish>,
    pub(super) resizing: Resizing,
    /// Until the whole screen has been painted.
    pub(super) unpainted: Option<Coverage>,
    /// What is said before the stream is closed.
    goodbye: Vec<u8>,
    ending: Ending,
}

impl State {
    pub(super) fn new(size: Size, channel: Channel, goodbye: Vec<u8>) -> Self {
        Self {
            size,
            sizes: 0,
            events: Events::default(),
            outbox: Outbox::default(),
            input: Input::new(channel),
            wishes: VecDeque::new(),
            resizing: Resizing::Unknown,
            unpainted: Some(Coverage::new(size)),
            goodbye,
            ending: Ending::default(),
        }
    }
}

impl ClientState for State {
    fn ending(&mut self) -> &mut Ending {
        &mut self.ending
    }

    fn events(&mut self) -> &mut Events {
        &mut self.events
    }

    fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    fn is_painted(&self) -> bool {
        self.unpainted.is_none()
    }

    fn has_room(&mut self) -> bool {
        self.outbox.len() <= MAX_WAITING && self.wishes.len() < MAX_WISHES
    }

    fn leave(&mut self) -> bool {
        let held = self.input.holds_anything();
        // Events of a fixed length can always be written.
        if let Ok(released) = self.input.release() {
            self.outbox.push(&released);
        }
        self.outbox.push(&self.goodbye);
        held
    }

    fn ended(&mut self) {
        self.wishes.clear();
    }
}
