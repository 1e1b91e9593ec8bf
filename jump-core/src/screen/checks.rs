//! What is checked before anything is sent.

use super::Size;
use crate::error::{Error, ErrorKind, Result};

/// The most steps of the wheel at once.
const MAX_STEPS: i32 = 100;

/// Lets pass what the grant permits.
///
/// # Errors
/// [`ErrorKind::Denied`].
pub fn permit(permitted: bool, operation: &'static str) -> Result<()> {
    if permitted {
        return Ok(());
    }
    let message = "the grant does not permit it";
    Err(Error::new(ErrorKind::Denied, operation, message))
}

/// A place that is on the screen, for protocols whose screens have at most 65535 pixels either way.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`].
pub fn place(x: u32, y: u32, size: impl Into<Size>, operation: &'static str) -> Result<(u16, u16)> {
    let size = size.into();
    let place = u16::try_from(x).ok().zip(u16::try_from(y).ok());
    place
        .filter(|_| x < size.width && y < size.height)
        .ok_or_else(|| {
            let message = "the place is beyond the screen";
            Error::new(ErrorKind::InvalidArgument, operation, message)
        })
}

/// Steps of the wheel that may be sent at once.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`].
pub fn wheel(right: i32, down: i32, operation: &'static str) -> Result<()> {
    let limits = -MAX_STEPS..=MAX_STEPS;
    if limits.contains(&right) && limits.contains(&down) {
        return Ok(());
    }
    let message = "the wheel turns by at most 100 steps at once";
    Err(Error::new(ErrorKind::InvalidArgument, operation, message))
}
