//! The session that an embedder drives.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jump_core::protocol::{Frame, Keysym, Picture, PointerButtons, ScreenEvent, ScreenSession};
use jump_core::session::SessionPermissions;
use jump_core::{Error, ErrorKind, Result};
use tokio::sync::{Mutex, OwnedRwLockReadGuard, oneshot};
use tokio::task::AbortHandle;

use super::exact::Hold;
use super::shared::{End, Shared};
use super::{CLOSE_TIMEOUT, clipboard, keys};
use crate::decode::UpdateDecoder;
use crate::wire::{ClientMessage, Rectangle, Screen, Size};

/// How long a server may take to say whether its screen has another size.
const RESIZE_TIMEOUT: Duration = Duration::from_secs(30);
/// The most steps of the wheel at once.
const MAX_STEPS: i32 = 100;
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

/// The picture, for as long as somebody looks at it.
struct Pixels(OwnedRwLockReadGuard<UpdateDecoder>);

impl Deref for Pixels {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.screen().bytes()
    }
}

impl VncSession {
    fn permit(&self, permitted: bool, operation: &'static str) -> Result<()> {
        if permitted {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Denied,
            operation,
            "the grant does not permit it",
        ))
    }

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
        self.shared.lock().end.clone()
    }
}

#[async_trait]
impl ScreenSession for VncSession {
    async fn painted(&self) -> Result<()> {
        let shared = &self.shared;
        shared
            .until(&shared.news, |state| match &state.end {
                _ if state.unpainted.is_none() => Some(Ok(())),
                Some(end) => Some(Err(end.error("wait for the target's screen"))),
                None => None,
            })
            .await
    }

    async fn frame(&self) -> Result<Frame> {
        let decoder = self.shared.picture.clone().read_owned().await;
        let size = decoder.screen().size();
        let stride = usize::from(size.width) * jump_core::protocol::BYTES_PER_PIXEL;
        Frame::new(size.width.into(), size.height.into(), stride, Pixels(decoder))
    }

    async fn screenshot(&self) -> Result<Picture> {
        self.permit(self.permissions.screenshot, "take a screenshot")?;
        self.painted().await?;
        let _one = self.screenshots.lock().await;
        let _exact = Hold::start(&self.shared).await?;
        Ok(self.frame().await?.to_picture())
    }

    async fn next_event(&self) -> Result<Option<ScreenEvent>> {
        let shared = &self.shared;
        shared
            .until(&shared.news, |state| {
                if let Some(event) = state.events.next() {
                    return Some(Ok(Some(event)));
                }
                match &state.end {
                    Some(End::Closed) => Some(Ok(None)),
                    Some(end) => Some(Err(end.error("wait for the target's screen"))),
                    None => None,
                }
            })
            .await
    }

    async fn key(&self, key: Keysym, pressed: bool) -> Result<()> {
        let operation = "send a key";
        self.permit(self.permissions.keyboard_mouse, operation)?;
        let send = |state: &mut super::shared::State| {
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
        self.permit(self.permissions.keyboard_mouse, operation)?;
        let send = |state: &mut super::shared::State| {
            let place = u16::try_from(x).ok().zip(u16::try_from(y).ok());
            let Some((x, y)) = place.filter(|(x, y)| *x < state.size.width && *y < state.size.height) else {
                let message = "the place is beyond the screen";
                return Err(Error::new(ErrorKind::InvalidArgument, operation, message));
            };
            let PointerButtons(buttons) = buttons;
            state.push(operation, &ClientMessage::Pointer { buttons, x, y })?;
            state.pointer = (x, y, buttons);
            Ok(())
        };
        self.shared.send(operation, send).await
    }

    async fn scroll(&self, right: i32, down: i32) -> Result<()> {
        let operation = "turn the wheel";
        self.permit(self.permissions.keyboard_mouse, operation)?;
        let limits = -MAX_STEPS..=MAX_STEPS;
        if !limits.contains(&right) || !limits.contains(&down) {
            let message = "the wheel turns by at most 100 steps at once";
            return Err(Error::new(ErrorKind::InvalidArgument, operation, message));
        }
        let across = if right < 0 { LEFT } else { RIGHT };
        let along = if down < 0 { UP } else { DOWN };
        let send = |state: &mut super::shared::State| {
            let (x, y, held) = state.pointer;
            for (steps, wheel) in [(down, along), (right, across)] {
                for _ in 0..steps.unsigned_abs() {
                    for buttons in [held | wheel.0, held & !wheel.0] {
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
        self.permit(self.permissions.clipboard_to_target, operation)?;
        self.shared
            .send(operation, |state| clipboard::offer(state, text))
            .await
    }

    async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let operation = "resize the target's screen";
        self.permit(self.permissions.keyboard_mouse, operation)?;
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
        let send = |state: &mut super::shared::State| {
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
        self.shared.close();
        let shared = &self.shared;
        let ended = shared.until(&shared.news, |state| state.end.clone());
        if tokio::time::timeout(CLOSE_TIMEOUT, ended).await.is_err() {
            self.shared.finish(End::Closed);
            self.task.abort();
        }
        Ok(())
    }
}

impl Drop for VncSession {
    /// What is held is let go first: nobody else would, and the task ends by itself then.
    fn drop(&mut self) {
        let goes = self.shared.close();
        self.shared.finish(End::Closed);
        if !goes {
            self.task.abort();
        }
    }
}

impl fmt::Debug for VncSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("VncSession")
            .field("size", &state.size)
            .field("ended", &state.end.is_some())
            .finish_non_exhaustive()
    }
}
