//! The session that an embedder drives.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jump_core::protocol::{Frame, Keysym, Picture, PointerButtons, ScreenEvent, ScreenSession};
use jump_core::screen::checks::{permit, place, wheel};
use jump_core::screen::{ClientState as _, End};
use jump_core::session::SessionPermissions;
use jump_core::{Error, ErrorKind, Result};
use tokio::sync::{Mutex, oneshot};
use tokio::task::AbortHandle;

use super::exact::Hold;
use super::shared::{Shared, State};
use super::{clipboard, keys};
use crate::wire::{ClientMessage, Rectangle, Screen, Size};

/// How long a server may take to say whether its screen has another size.
const RESIZE_TIMEOUT: Duration = Duration::from_secs(30);
const UP: PointerButtons = PointerButtons(1 << 3);
const DOWN: PointerButtons = PointerButtons(1 << 4);
const LEFT: PointerButtons = PointerButtons(1 << 5);
const RIGHT: PointerButtons = PointerButtons(1 << 6);

/// A VNC session. It ends when this value is dropped; keys and buttons that are held are let go.
pub(super) struct VncSession {
    pub(super) shared: Arc<Shared>,
    pub(super) permissions: SessionPermissions,
    pub(super) task: AbortHandle,
    /// One wish for another size at a time: the answers have no numbers.
    pub(super) resizing: Mutex<()>,
    /// One wish for exact pixels at a time.
    pub(super) screenshots: Mutex<()>,
}

impl VncSession {
    /// Waits for the answer to a wish that was sent.
    async fn answer(&self, answer: oneshot::Receiver<u16>, operation: &'static str) -> Result<()> {
        let failed = |kind, message: &str| Err(Error::new(kind, operation, message));
        match tokio::time::timeout(RESIZE_TIMEOUT, answer).await {
            // rfbproto "ExtendedDesktopSize Pseudo-encoding", the status codes.
            Ok(Ok(0)) => Ok(()),
            Ok(Ok(1)) => failed(ErrorKind::Denied, "the server does not let its size be changed"),
            Ok(Ok(2)) => failed(
                ErrorKind::ResourceLimit,
                "the server has not enough memory for it",
            ),
            Ok(Ok(3)) => failed(
                ErrorKind::InvalidArgument,
                "the server cannot have a screen of this size",
            ),
            Ok(Ok(status)) => failed(
                ErrorKind::Unsupported,
                &format!("the server refused it with status {status}"),
            ),
            Ok(Err(_)) => Err(self.end().unwrap_or(End::Closed).error(operation)),
            Err(_) => failed(ErrorKind::Timeout, "the server did not answer in time"),
        }
    }

    fn end(&self) -> Option<End> {
        self.shared.lock().ending().end().cloned()
    }
}

#[async_trait]
impl ScreenSession for VncSession {
    async fn painted(&self) -> Result<()> {
        self.shared.painted().await
    }

    async fn frame(&self) -> Result<Frame> {
        self.shared.frame().await
    }

    async fn screenshot(&self) -> Result<Picture> {
        permit(self.permissions.screenshot, "take a screenshot")?;
        self.painted().await?;
        let _one = self.screenshots.lock().await;
        let _exact = Hold::start(&self.shared).await?;
        Ok(self.frame().await?.to_picture())
    }

    async fn next_event(&self) -> Result<Option<ScreenEvent>> {
        self.shared.next_event().await
    }

    async fn key(&self, key: Keysym, pressed: bool) -> Result<()> {
        let operation = "send a key";
        permit(self.permissions.keyboard_mouse, operation)?;
        let send = |state: &mut State| {
            let (down, keysym) = (pressed, key.0);
            let message = match keys::scan_code(keysym) {
                Some(keycode) if state.server.extended_keys => ClientMessage::QemuKey {
                    down,
                    keysym,
                    keycode,
                },
                _ => ClientMessage::Key { down, keysym },
            };
            state.push(operation, &message)
        };
        self.shared.send(operation, send).await
    }

    async fn pointer(&self, x: u32, y: u32, buttons: PointerButtons) -> Result<()> {
        let operation = "move the pointer";
        permit(self.permissions.keyboard_mouse, operation)?;
        let send = |state: &mut State| {
            let (x, y) = place(x, y, state.size, operation)?;
            let PointerButtons(buttons) = buttons;
            state.push(operation, &ClientMessage::Pointer { buttons, x, y })?;
            state.pointer = (x, y, buttons);
            Ok(())
        };
        self.shared.send(operation, send).await
    }

    async fn scroll(&self, right: i32, down: i32) -> Result<()> {
        let operation = "turn the wheel";
        permit(self.permissions.keyboard_mouse, operation)?;
        wheel(right, down, operation)?;
        let across = if right < 0 { LEFT } else { RIGHT };
        let along = if down < 0 { UP } else { DOWN };
        let send = |state: &mut State| {
            let (x, y, held) = state.pointer;
            for (steps, turn) in [(down, along), (right, across)] {
                for _ in 0..steps.unsigned_abs() {
                    for buttons in [held | turn.0, held & !turn.0] {
                        state.push(operation, &ClientMessage::Pointer { buttons, x, y })?;
                    }
                }
            }
            Ok(())
        };
        self.shared.send(operation, send).await
    }

    async fn set_clipboard(&self, text: &str) -> Result<()> {
        let operation = "set the target's clipboard";
        permit(self.permissions.clipboard_to_target, operation)?;
        self.shared
            .send(operation, |state| clipboard::offer(state, text))
            .await
    }

    async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let operation = "resize the target's screen";
        permit(self.permissions.keyboard_mouse, operation)?;
        let sides = u16::try_from(width).ok().zip(u16::try_from(height).ok());
        let size = sides
            .map(|(width, height)| Size { width, height })
            .filter(|size| size.pixels() > 0 && size.as_framebuffer().is_ok());
        let Some(size) = size else {
            let message = "a screen has 1 to 16384 pixels either way and at most 256 MiB";
            return Err(Error::new(ErrorKind::InvalidArgument, operation, message));
        };
        // Whether it can is in the first update.
        self.painted().await?;
        let _one = self.resizing.lock().await;
        let send = |state: &mut State| {
            let Some(first) = state.server.screens.as_ref().and_then(|screens| screens.first()) else {
                let message = "the server cannot change its size";
                return Err(Error::new(ErrorKind::Unsupported, operation, message));
            };
            let screen = Screen {
                id: first.id,
                rectangle: Rectangle::whole(size),
                flags: first.flags,
            };
            let screens = vec![screen];
            state.push(operation, &ClientMessage::SetDesktopSize { size, screens })?;
            let (asked, answer) = oneshot::channel();
            state.resizing = Some(asked);
            Ok(answer)
        };
        let answer = self.shared.send(operation, send).await?;
        self.answer(answer, operation).await
    }

    fn name(&self) -> String {
        self.shared.lock().name.clone()
    }

    async fn close(&self) -> Result<()> {
        self.shared.close(&self.task).await;
        Ok(())
    }
}

impl Drop for VncSession {
    fn drop(&mut self) {
        self.shared.dropped(&self.task);
    }
}

impl fmt::Debug for VncSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut state = self.shared.lock();
        f.debug_struct("VncSession")
            .field("size", &state.size)
            .field("ended", &state.ending().end().is_some())
            .finish_non_exhaustive()
    }
}
