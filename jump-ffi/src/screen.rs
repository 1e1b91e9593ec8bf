//! Screens: picture, keyboard, pointer, clipboard.

use std::ffi::c_char;
use std::sync::Arc;

use jump_core::protocol::{Frame, Keysym, PointerButtons, ScreenSession};
use jump_core::{Error, ErrorKind, Result};

use crate::buffer::{Buffer, jump_buf};
use crate::context::patience;
use crate::error::jump_error;
use crate::guard::{guard, guard_free};
use crate::pointer::{Out, invalid, text};
use crate::session::{SessionObject, jump_session, session_of};
use crate::status::jump_status;
use crate::table::{self, Handle};

/// The picture of a screen, locked: as long as it is not freed the session takes nothing from the target. Look, and free it.
pub struct jump_frame {
    _private: [u8; 0],
}

/// What is behind the handle: it is held, not looked at.
pub(crate) struct FrameObject {
    _held: Frame,
}

impl Handle for FrameObject {
    type C = jump_frame;
    const KIND: u8 = 12;
    const NAME: &'static str = "jump_frame";
}

/// Where the pixels of a frame are.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct jump_frame_view {
    /// The first pixel of the upper row: red, green, blue, alpha (255), 8 bits each. Not to be written to, and gone when the frame is
    /// freed.
    pub pixels: *const u8,
    /// Bytes from the begin of a row to that of the next.
    pub stride: usize,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// The left button of the pointer.
pub const JUMP_BUTTON_LEFT: u16 = 1;
/// The middle one.
pub const JUMP_BUTTON_MIDDLE: u16 = 2;
/// The right one.
pub const JUMP_BUTTON_RIGHT: u16 = 4;
/// The one that leads back.
pub const JUMP_BUTTON_BACK: u16 = 128;
/// The one that leads forward.
pub const JUMP_BUTTON_FORWARD: u16 = 256;

/// The session of a handle, and its screen.
fn screen_of(session: *const jump_session) -> Result<(Arc<SessionObject>, Arc<dyn ScreenSession>)> {
    let session = session_of(session)?;
    let screen = session.screen()?;
    Ok((session, screen))
}

/// Waits until the whole screen has been painted once, at most `timeout_ms` milliseconds, for ever for less than 0.
/// `JUMP_ERR_TIMEOUT` if it was not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_screen_painted(
    session: *const jump_session,
    timeout_ms: i64,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let (session, screen) = screen_of(session)?;
        session.wait(async {
            match patience(timeout_ms) {
                None => screen.painted().await,
                Some(time) => tokio::time::timeout(time, screen.painted())
                    .await
                    .unwrap_or_else(|_| {
                        let message = "the screen is not there yet";
                        Err(Error::new(ErrorKind::Timeout, "wait for the picture", message))
                    }),
            }
        })
    })
}

/// Locks the picture and says where it is: nothing is copied. Free the frame soon: it holds the target back. It may hold a part of an
/// update whose rest is still under way.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_screen_frame_acquire(
    session: *const jump_session,
    frame_out: *mut *mut jump_frame,
    view_out: *mut jump_frame_view,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (frame_out, view_out, error_out) =
        unsafe { (Out::handle(frame_out), Out::new(view_out), Out::handle(error_out)) };
    guard(&error_out, || {
        frame_out.needed("frame_out")?;
        view_out.needed("view_out")?;
        let (session, screen) = screen_of(session)?;
        let frame = session.wait(screen.frame())?;
        let view = jump_frame_view {
            pixels: frame.pixels().as_ptr(),
            stride: frame.stride(),
            width: frame.width(),
            height: frame.height(),
        };
        frame_out.give(FrameObject { _held: frame })?;
        view_out.set(view);
        Ok(())
    })
}

/// Lets go of a frame; its pixels may not be looked at any more. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_frame_free(frame: *mut jump_frame) -> jump_status {
    guard_free(|| table::take::<FrameObject>(frame, "frame").map(drop))
}

/// A copy of the picture, once the screen has been painted, as a PNG file. Takes the permission `screenshot`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_screen_png(
    session: *const jump_session,
    png_out: *mut *mut jump_buf,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (png_out, error_out) = unsafe { (Out::handle(png_out), Out::handle(error_out)) };
    guard(&error_out, || {
        png_out.needed("png_out")?;
        let (session, screen) = screen_of(session)?;
        let picture = session.wait(screen.screenshot())?;
        let mut png = Vec::new();
        jump_playback::png(&picture, &mut png)?;
        png_out.give(Buffer::new(png))
    })
}

/// Presses or releases a key, by its X11 keysym: what it means, not where it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_screen_key(
    session: *const jump_session,
    keysym: u32,
    pressed: bool,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let (session, screen) = screen_of(session)?;
        session.wait(screen.key(Keysym(keysym), pressed))
    })
}

/// Types a text: each character is pressed and released. A line end is Return.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_screen_type(
    session: *const jump_session,
    typed: *const c_char,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let (session, screen) = screen_of(session)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let typed = unsafe { text(typed, "typed") }?;
        session.wait(async {
            for keysym in typed.chars().map(Keysym::of) {
                screen.key(keysym, true).await?;
                screen.key(keysym, false).await?;
            }
            Ok(())
        })
    })
}

/// Moves the pointer to a pixel and says which buttons are held there, `JUMP_BUTTON_…` added up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_screen_pointer(
    session: *const jump_session,
    x: u32,
    y: u32,
    buttons: u16,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let (session, screen) = screen_of(session)?;
        let known = JUMP_BUTTON_LEFT
            | JUMP_BUTTON_MIDDLE
            | JUMP_BUTTON_RIGHT
            | JUMP_BUTTON_BACK
            | JUMP_BUTTON_FORWARD;
        if buttons & !known != 0 {
            return Err(invalid("`buttons` has one that there is not"));
        }
        session.wait(screen.pointer(x, y, PointerButtons(buttons)))
    })
}

/// Turns the wheel at the pointer's place: steps to the right and down, negative to the left and up, −100 to 100 each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_screen_scroll(
    session: *const jump_session,
    right: i32,
    down: i32,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let (session, screen) = screen_of(session)?;
        session.wait(screen.scroll(right, down))
    })
}

/// Gives the target's clipboard a text of at most 1 MiB.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_screen_set_clipboard(
    session: *const jump_session,
    clipboard: *const c_char,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let (session, screen) = screen_of(session)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let clipboard = unsafe { text(clipboard, "clipboard") }?;
        session.wait(screen.set_clipboard(clipboard))
    })
}

/// Asks for another size of the screen in pixels; `JUMP_EVENT_RESIZED` says when it has one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_screen_resize(
    session: *const jump_session,
    width: u32,
    height: u32,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let (session, screen) = screen_of(session)?;
        session.wait(screen.resize(width, height))
    })
}

/// The desktop's name, as the target says it: escape it where you show it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_screen_name(
    session: *const jump_session,
    name_out: *mut *mut jump_buf,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (name_out, error_out) = unsafe { (Out::handle(name_out), Out::handle(error_out)) };
    guard(&error_out, || {
        name_out.needed("name_out")?;
        let (_, screen) = screen_of(session)?;
        name_out.give(Buffer::new(screen.name().into_bytes()))
    })
}
