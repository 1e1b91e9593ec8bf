//! The session that an embedder drives.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use async_trait::async_trait;
use jump_core::protocol::{Frame, Keysym, Picture, PointerButtons, ScreenEvent, ScreenSession};
use jump_core::screen::ClientState as _;
use jump_core::screen::checks::{permit, place, wheel};
use jump_core::session::SessionPermissions;
use jump_core::{Error, ErrorKind, Result};
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use super::clipboard::MAX_BYTES;
use super::shared::{Resizing, Shared, State, Wish};
use super::size::Size;

/// How long a server may take to have another size.
const RESIZE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long it may take to say that it can, once it has painted its screen.
const RESIZE_OFFER: Duration = Duration::from_secs(5);

/// An RDP session. It ends when this value is dropped; keys and buttons that are held are let go.
pub(super) struct RdpSession {
    pub(super) shared: Arc<Shared>,
    pub(super) permissions: SessionPermissions,
    pub(super) task: AbortHandle,
    /// One wish for another size at a time: there are no answers to tell them apart.
    pub(super) resizing: Mutex<()>,
    /// How many pictures came as H.264.
    pub(super) h264_pictures: Arc<AtomicU64>,
}

#[async_trait]
impl ScreenSession for RdpSession {
    async fn painted(&self) -> Result<()> {
        self.shared.painted().await
    }

    async fn frame(&self) -> Result<Frame> {
        self.shared.frame().await
    }

    async fn screenshot(&self) -> Result<Picture> {
        permit(self.permissions.screenshot, "take a screenshot")?;
        self.painted().await?;
        Ok(self.frame().await?.to_picture())
    }

    async fn next_event(&self) -> Result<Option<ScreenEvent>> {
        self.shared.next_event().await
    }

    async fn key(&self, key: Keysym, pressed: bool) -> Result<()> {
        let operation = "send a key";
        permit(self.permissions.keyboard_mouse, operation)?;
        self.shared
            .send(operation, |state| {
                let bytes = state.input.key(key, pressed)?;
                state.outbox.push(&bytes);
                Ok(())
            })
            .await
    }

    async fn pointer(&self, x: u32, y: u32, buttons: PointerButtons) -> Result<()> {
        let operation = "move the pointer";
        permit(self.permissions.keyboard_mouse, operation)?;
        let send = |state: &mut State| {
            let (x, y) = place(x, y, state.size, operation)?;
            let (bytes, only_moved) = state.input.pointer(x, y, buttons)?;
            if only_moved {
                state.outbox.push_move(&bytes);
            } else {
                state.outbox.push(&bytes);
            }
            Ok(())
        };
        self.shared.send(operation, send).await
    }

    async fn scroll(&self, right: i32, down: i32) -> Result<()> {
        let operation = "turn the wheel";
        permit(self.permissions.keyboard_mouse, operation)?;
        wheel(right, down, operation)?;
        self.shared
            .send(operation, |state| {
                let bytes = state.input.wheel(right, down)?;
                state.outbox.push(&bytes);
                Ok(())
            })
            .await
    }

    async fn set_clipboard(&self, text: &str) -> Result<()> {
        let operation = "set the target's clipboard";
        permit(self.permissions.clipboard_to_target, operation)?;
        if text.len() > MAX_BYTES {
            let message = "a clipboard has at most 1 MiB";
            return Err(Error::new(ErrorKind::ResourceLimit, operation, message));
        }
        self.shared
            .send(operation, |state| {
                state.wishes.push_back(Wish::Clipboard(text.to_owned()));
                Ok(())
            })
            .await
    }

    /// Returns when the screen has another size: a server may round the one that was asked for, and an odd width is made even
    /// (MS-RDPEDISP §2.2.2.2.1).
    async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let operation = "resize the target's screen";
        permit(self.permissions.keyboard_mouse, operation)?;
        let failed = |kind, message: &str| Err(Error::new(kind, operation, message));
        let sides = 200..=u32::from(super::size::MAX_SIDE);
        let wanted = u16::try_from(width & !1).ok().zip(u16::try_from(height).ok());
        let wanted = wanted
            .map(|(width, height)| Size { width, height })
            .filter(|_| sides.contains(&width) && sides.contains(&height))
            .filter(|size| size.pixels() <= super::size::MAX_PIXELS);
        let Some(wanted) = wanted else {
            return failed(
                ErrorKind::InvalidArgument,
                "a screen has 200 to 8192 pixels either way and at most 35389440 in all",
            );
        };
        let _one = self.resizing.lock().await;
        self.painted().await?;
        let possible = self.shared.found(operation, |state| {
            (state.resizing == Resizing::Possible).then_some(())
        });
        match tokio::time::timeout(RESIZE_OFFER, possible).await {
            Ok(possible) => possible?,
            Err(_) => return failed(ErrorKind::Unsupported, "the server cannot change its size"),
        }
        let before = self.shared.send(operation, |state| {
            if state.size != wanted {
                state.wishes.push_back(Wish::Resize(wanted));
                return Ok(Some(state.sizes));
            }
            Ok(None)
        });
        let Some(before) = before.await? else {
            return Ok(());
        };
        let resized = self
            .shared
            .found(operation, |state| (state.sizes != before).then_some(()));
        match tokio::time::timeout(RESIZE_TIMEOUT, resized).await {
            Ok(resized) => resized,
            Err(_) => failed(ErrorKind::Denied, "the server did not change its size"),
        }
    }

    /// RDP has none: always empty.
    fn name(&self) -> String {
        String::new()
    }

    async fn close(&self) -> Result<()> {
        self.shared.close(&self.task).await;
        Ok(())
    }
}

impl Drop for RdpSession {
    fn drop(&mut self) {
        self.shared.dropped(&self.task);
    }
}

impl fmt::Debug for RdpSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut state = self.shared.lock();
        f.debug_struct("RdpSession")
            .field("size", &state.size)
            .field("ended", &state.ending().end().is_some())
            .field("h264_pictures", &self.h264_pictures)
            .finish_non_exhaustive()
    }
}
