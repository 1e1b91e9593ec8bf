//! A session with a screen, and its picture in place.

use std::sync::{Arc, Mutex, Weak};

use bytes::Bytes;
use jump_core::protocol::{
    BYTES_PER_PIXEL, Frame as CoreFrame, Keysym, PointerButtons, ScreenEvent, ScreenSession,
};
use jump_core::{Error, ErrorKind, Result};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_bytes::PyBytes as SharedBytes;

use crate::call::Call;
use crate::engine::{Engine, Kept, lock};

type Session = Arc<Kept<Box<dyn ScreenSession>>>;

fn gone() -> Error {
    Error::new(ErrorKind::Closed, "screen session", "the session is closed")
}

/// A session with a screen.
#[pyclass(frozen, module = "jump._jump")]
pub(crate) struct Screen {
    session: Session,
    engine: Arc<Engine>,
    /// The frame that somebody looks at.
    looked_at: Arc<Mutex<Weak<Held>>>,
}

impl Screen {
    pub(crate) fn new(session: Box<dyn ScreenSession>, engine: &Arc<Engine>) -> Self {
        Self {
            session: Arc::new(Kept::new(session, engine.clone())),
            engine: engine.clone(),
            looked_at: Arc::default(),
        }
    }

    fn unit<F: Future<Output = Result<()>> + Send + 'static>(&self, work: impl FnOnce(Session) -> F) -> Call {
        Call::unit(&self.engine, work(self.session.clone()))
    }
}

/// The picture, for as long as somebody looks at it.
struct Held(CoreFrame);

impl Held {
    /// Whether one row follows the other without a gap, so that the picture is one piece of memory.
    fn without_gaps(&self) -> bool {
        self.0.stride() == self.0.width() as usize * BYTES_PER_PIXEL
    }
}

/// The pixels of a frame that is held.
struct Pixels(Arc<Held>);

impl AsRef<[u8]> for Pixels {
    fn as_ref(&self) -> &[u8] {
        let frame = &self.0.0;
        frame
            .pixels()
            .get(..frame.stride() * frame.height() as usize)
            .unwrap_or_default()
    }
}

#[pymethods]
impl Screen {
    /// Waits until the whole screen has been painted once.
    fn painted(&self) -> Call {
        self.unit(|session| async move { session.value().ok_or_else(gone)?.painted().await })
    }

    /// The picture as it is now, in place. Two who look at once are shown the same: what is held is not painted.
    fn frame(&self) -> Call {
        let (session, looked_at) = (self.session.clone(), self.looked_at.clone());
        let frame = async move {
            let seen = lock(&looked_at).upgrade();
            if let Some(seen) = seen {
                return Ok(seen);
            }
            let frame = session.value().ok_or_else(gone)?.frame().await?;
            let held = Arc::new(Held(frame));
            *lock(&looked_at) = Arc::downgrade(&held);
            Ok(held)
        };
        Call::short(&self.engine, frame, |py, held| {
            let (width, height) = (held.0.width(), held.0.height());
            let pixels = if held.without_gaps() {
                Bytes::from_owner(Pixels(held.clone()))
            } else {
                held.0.to_picture().rgba.into()
            };
            let frame = Frame {
                width,
                height,
                seen: Arc::downgrade(&held),
                pixels: Mutex::new(Some(Py::new(py, SharedBytes::new(pixels))?)),
            };
            Ok(Py::new(py, frame)?.into_any())
        })
    }

    /// A copy of the picture once the screen has been painted: width, height and RGBA bytes.
    fn screenshot(&self) -> Call {
        let session = self.session.clone();
        let take = async move { session.value().ok_or_else(gone)?.screenshot().await };
        Call::new(&self.engine, take, |py, picture| {
            let rgba = PyBytes::new(py, &picture.rgba);
            Ok((picture.width, picture.height, rgba)
                .into_pyobject(py)?
                .into_any()
                .unbind())
        })
    }

    /// The next event, as a tuple that begins with its kind; `None` after the session was closed in order.
    fn next_event(&self) -> Call {
        let session = self.session.clone();
        let next = async move { session.value().ok_or_else(gone)?.next_event().await };
        Call::short(&self.engine, next, |py, event| match event {
            Some(event) => event_parts(py, event),
            None => Ok(py.None()),
        })
    }

    /// Presses (`true`) and releases keys in this order, by their keysyms.
    fn keys(&self, keys: Vec<(u32, bool)>) -> Call {
        self.unit(|session| async move {
            let session = session.value().ok_or_else(gone)?;
            for (key, pressed) in keys {
                session.key(Keysym(key), pressed).await?;
            }
            Ok(())
        })
    }

    /// Moves the pointer through these places, with these buttons held at each.
    fn pointer(&self, places: Vec<(u32, u32, u16)>) -> Call {
        self.unit(|session| async move {
            let session = session.value().ok_or_else(gone)?;
            for (x, y, buttons) in places {
                session.pointer(x, y, PointerButtons(buttons)).await?;
            }
            Ok(())
        })
    }

    /// Turns the wheel: steps to the right and down.
    fn scroll(&self, right: i32, down: i32) -> Call {
        self.unit(|session| async move { session.value().ok_or_else(gone)?.scroll(right, down).await })
    }

    /// Gives the target's clipboard a text.
    fn set_clipboard(&self, text: String) -> Call {
        self.unit(|session| async move { session.value().ok_or_else(gone)?.set_clipboard(&text).await })
    }

    /// Asks for another size.
    fn resize(&self, width: u32, height: u32) -> Call {
        self.unit(|session| async move { session.value().ok_or_else(gone)?.resize(width, height).await })
    }

    /// The desktop's name, as the target says it.
    fn name(&self) -> String {
        self.session
            .value()
            .map(|session| session.name())
            .unwrap_or_default()
    }

    /// Closes the session.
    fn close(&self) -> Call {
        self.unit(|session| async move {
            match session.value() {
                Some(session) => session.close().await,
                None => Ok(()),
            }
        })
    }
}

fn event_parts(py: Python<'_>, event: ScreenEvent) -> PyResult<Py<PyAny>> {
    let parts = match event {
        ScreenEvent::Damage(areas) => {
            let areas: Vec<_> = areas
                .iter()
                .map(|area| (area.x, area.y, area.width, area.height))
                .collect();
            ("damage", areas).into_pyobject(py)?.into_any()
        }
        ScreenEvent::Resized { width, height } => ("resized", width, height).into_pyobject(py)?.into_any(),
        ScreenEvent::Cursor(None) => ("cursor",).into_pyobject(py)?.into_any(),
        ScreenEvent::Cursor(Some(cursor)) => {
            let rgba = PyBytes::new(py, &cursor.picture.rgba);
            let (width, height) = (cursor.picture.width, cursor.picture.height);
            ("cursor", width, height, rgba, cursor.hotspot_x, cursor.hotspot_y)
                .into_pyobject(py)?
                .into_any()
        }
        ScreenEvent::PointerMoved { x, y } => ("pointer", x, y).into_pyobject(py)?.into_any(),
        ScreenEvent::Clipboard(text) => ("clipboard", text).into_pyobject(py)?.into_any(),
        ScreenEvent::Bell => ("bell",).into_pyobject(py)?.into_any(),
        ScreenEvent::Name(name) => ("name", name).into_pyobject(py)?.into_any(),
        // One that is newer than this package.
        _ => ("other",).into_pyobject(py)?.into_any(),
    };
    Ok(parts.unbind())
}

/// The picture on the screen, not copied. While it is held, the session takes nothing from the target.
#[pyclass(frozen, module = "jump._jump")]
pub(crate) struct Frame {
    #[pyo3(get)]
    width: u32,
    #[pyo3(get)]
    height: u32,
    seen: Weak<Held>,
    /// `None` once it was released.
    pixels: Mutex<Option<Py<SharedBytes>>>,
}

#[pymethods]
impl Frame {
    /// The pixels, RGBA, row by row, as an object with the buffer protocol; `None` once it was released.
    fn pixels(&self, py: Python<'_>) -> Option<Py<SharedBytes>> {
        lock(&self.pixels).as_ref().map(|pixels| pixels.clone_ref(py))
    }

    /// Lets go of the picture; gives how many others still hold it.
    fn release(&self) -> usize {
        let pixels = lock(&self.pixels).take();
        drop(pixels);
        self.seen.strong_count()
    }
}
