//! What the task that owns the stream and the callers of a session share.

use std::sync::Arc;

use jump_core::Result;
use jump_core::screen::{self, ClientState, Coverage, Ending, Events, Painted};
use jump_core::session::SessionPermissions;
use tokio::sync::oneshot;

use super::exact::Exact;
use super::outbox::Outbox;
use crate::decode::{Screen, UpdateDecoder};
use crate::wire::clipboard::Actions;
use crate::wire::{ClientMessage, Encoding, Size};

/// The state, the picture, and who is to look at them again.
pub(super) type Shared = screen::Shared<UpdateDecoder, State>;

/// What the server can do beyond RFC 6143.
#[derive(Debug, Default)]
pub(super) struct Abilities {
    /// Marks in the stream.
    pub(super) fences: bool,
    /// Scan codes.
    pub(super) extended_keys: bool,
    /// Its screens, once it has said them: it may then be asked for others.
    pub(super) screens: Option<Vec<Screen>>,
    /// The extended clipboard, and what it does with it.
    pub(super) clipboard: Option<Actions>,
}

/// Everything but the picture. Locked for moments only.
#[derive(Debug)]
pub(super) struct State {
    pub(super) size: Size,
    pub(super) name: String,
    pub(super) events: Events,
    pub(super) outbox: Outbox,
    pub(super) server: Abilities,
    /// What of the encodings the link's speed decides.
    pub(super) hints: Vec<Encoding>,
    /// What the callers may do.
    pub(super) permissions: SessionPermissions,
    /// JPEG was allowed since every pixel was exact.
    pub(super) lossy: bool,
    /// Somebody wants exact pixels.
    pub(super) exact: Option<Exact>,
    /// Until the whole screen has been painted.
    pub(super) unpainted: Option<Coverage>,
    /// Where the pointer was last sent to, and its buttons.
    pub(super) pointer: (u16, u16, u16),
    /// The text that the server may ask for.
    pub(super) clipboard: Option<Arc<str>>,
    /// Who waits for the answer to a wish for another size.
    pub(super) resizing: Option<oneshot::Sender<u16>>,
    ending: Ending,
}

impl Painted for UpdateDecoder {
    fn size(&self) -> screen::Size {
        self.screen().size().into()
    }

    fn bytes(&self) -> &[u8] {
        self.screen().bytes()
    }
}

impl ClientState for State {
    fn ending(&mut self) -> &mut Ending {
        &mut self.ending
    }

    fn events(&mut self) -> &mut Events {
        &mut self.events
    }

    fn outbox(&mut self) -> &mut screen::Outbox {
        &mut self.outbox.waiting
    }

    fn is_painted(&self) -> bool {
        self.unpainted.is_none()
    }

    fn leave(&mut self) -> bool {
        self.outbox.release()
    }

    fn ended(&mut self) {
        self.resizing = None;
    }
}

impl State {
    pub(super) fn new(
        size: Size,
        name: String,
        hints: Vec<Encoding>,
        permissions: SessionPermissions,
    ) -> Self {
        Self {
            size,
            name,
            events: Events::default(),
            outbox: Outbox::default(),
            server: Abilities::default(),
            hints,
            permissions,
            lossy: false,
            exact: None,
            unpainted: Some(Coverage::new(size)).filter(|coverage| !coverage.is_whole()),
            pointer: (0, 0, 0),
            clipboard: None,
            resizing: None,
            ending: Ending::default(),
        }
    }

    /// Appends a message of a caller.
    pub(super) fn push(&mut self, operation: &'static str, message: &ClientMessage<'_>) -> Result<()> {
        self.outbox
            .push(message)
            .map_err(|error| error.into_error(operation))
    }
}
