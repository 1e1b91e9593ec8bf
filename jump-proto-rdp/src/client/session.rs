//! The session that an embedder drives.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use async_trait::async_trait;
use jump_core::protocol::{Frame, Keysym, Picture as Copied, PointerButtons, ScreenEvent, ScreenSession};
use jump_core::session::SessionPermissions;
use jump_core::{Error, ErrorKind, Result};
use tokio::sync::{Mutex, OwnedRwLockReadGuard};
use tokio::task::AbortHandle;

use super::CLOSE_TIMEOUT;
use super::clipboard::MAX_BYTES;
use super::picture::Picture;
use super::shared::{End, Resizing, Shared, State, Wish};
use super::size::Size;

/// How long a server may take to have another size.
const RESIZE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long it may take to say that it can, once it has painted its screen.
const RESIZE_OFFER: Duration = Duration::from_secs(5);
/// The most steps of the wheel at once.
const MAX_STEPS: i32 = 100;

/// An RDP session. It ends when this value is dropped; keys and buttons that are held are let go.
pub(super) struct RdpSession {
    pub(super) shared: Arc<Shared>,
    pub(super) permissions: SessionPermissions,
    pub(super) task: AbortHandle,
    /// What is said before the stream is closed.
    pub(super) goodbye: Vec<u8>,
    /// One wish for another size at a time: there are no answers to tell them apart.
    pub(super) resizing: Mutex<()>,
    /// How many pictures came as H.264.
    pub(super) h264_pictures: Arc<AtomicU64>,
}

/// The picture, for as long as somebody looks at it.
struct Pixels(OwnedRwLockReadGuard<Picture>);

impl Deref for Pixels {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl RdpSession {
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

    /// Waits until `look` finds something in a session that goes on.
    async fn until<T>(
        &self,
        operation: &'static str,
        mut look: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T> {
        let shared = &self.shared;
        shared
            .until(&shared.news, |state| match (look(state), &state.end) {
                (Some(found), _) => Some(Ok(found)),
                (None, Some(end)) => Some(Err(end.error(operation))),
                (None, None) => None,
            })
            .await
    }
}

#[async_trait]
impl ScreenSession for RdpSession {
    async fn painted(&self) -> Result<()> {
        self.until("wait for the target's screen", |state| {
            state.unpainted.is_none().then_some(())
        })
        .await
    }

    async fn frame(&self) -> Result<Frame> {
        let picture = self.shared.picture.clone().read_owned().await;
        let size = picture.size();
        let stride = usize::from(size.width) * jump_core::protocol::BYTES_PER_PIXEL;
        Frame::new(size.width.into(), size.height.into(), stride, Pixels(picture))
    }

    async fn screenshot(&self) -> Result<Copied> {
        self.permit(self.permissions.screenshot, "take a screenshot")?;
        self.painted().await?;
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
        self.permit(self.permissions.keyboard_mouse, operation)?;
        let send = |state: &mut State| {
            let place = u16::try_from(x).ok().zip(u16::try_from(y).ok());
            let Some((x, y)) = place.filter(|(x, y)| *x < state.size.width && *y < state.size.height) else {
                let message = "the place is beyond the screen";
                return Err(Error::new(ErrorKind::InvalidArgument, operation, message));
            };
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
        self.permit(self.permissions.keyboard_mouse, operation)?;
        let limits = -MAX_STEPS..=MAX_STEPS;
        if !limits.contains(&right) || !limits.contains(&down) {
            let message = "the wheel turns by at most 100 steps at once";
            return Err(Error::new(ErrorKind::InvalidArgument, operation, message));
        }
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
        self.permit(self.permissions.clipboard_to_target, operation)?;
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
        self.permit(self.permissions.keyboard_mouse, operation)?;
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
        let possible = self.until(operation, |state| {
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
        let resized = self.until(operation, |state| (state.sizes != before).then_some(()));
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
        self.shared.close(&self.goodbye);
        let shared = &self.shared;
        let ended = shared.until(&shared.news, |state| state.end.clone());
        if tokio::time::timeout(CLOSE_TIMEOUT, ended).await.is_err() {
            self.task.abort();
            self.shared.finish(End::Closed);
        }
        Ok(())
    }
}

impl Drop for RdpSession {
    /// What is held is let go first: nobody else would, and the task ends by itself then.
    fn drop(&mut self) {
        if !self.shared.close(&self.goodbye) {
            self.task.abort();
        }
        self.shared.finish(End::Closed);
    }
}

impl fmt::Debug for RdpSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("RdpSession")
            .field("size", &state.size)
            .field("ended", &state.end.is_some())
            .field("h264_pictures", &self.h264_pictures)
            .finish_non_exhaustive()
    }
}
