//! What comes from C: text, bytes, and places to write results to.
//!
//! A C caller passes NULL, or what the header asks for: that cannot be checked beyond NULL, and every `unsafe` block of the exports
//! rests on it. What can be checked is checked here: NULL, lengths that no memory has, text that is no UTF-8.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

use jump_core::{Error, ErrorKind, Result};

use crate::table::{self, Handle};

/// The longest text that is taken: JSON of a whole site fits.
const LONGEST_TEXT: usize = 64 << 20;

pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, "call libjump", message)
}

fn null(parameter: &str) -> Error {
    invalid(format!("`{parameter}` is NULL"))
}

/// NUL-terminated UTF-8; `None` for NULL.
///
/// # Safety
/// `text` is NULL, or points to NUL-terminated bytes that nobody changes before `'a` is over.
pub(crate) unsafe fn optional_text<'a>(text: *const c_char, parameter: &str) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so it is as the caller of this function promises.
    let text = unsafe { CStr::from_ptr(text) };
    if text.count_bytes() > LONGEST_TEXT {
        return Err(invalid(format!("`{parameter}` is longer than 64 MiB")));
    }
    let text = text.to_str();
    text.map(Some)
        .map_err(|_| invalid(format!("`{parameter}` is not UTF-8")))
}

/// NUL-terminated UTF-8.
///
/// # Safety
/// As [`optional_text`].
pub(crate) unsafe fn text<'a>(text: *const c_char, parameter: &str) -> Result<&'a str> {
    // SAFETY: as the caller of this function promises.
    unsafe { optional_text(text, parameter) }?.ok_or_else(|| null(parameter))
}

/// `length` bytes; NULL is an empty slice if the length is 0.
///
/// # Safety
/// `bytes` is NULL, or points to `length` bytes that nobody changes before `'a` is over.
pub(crate) unsafe fn bytes<'a>(bytes: *const u8, length: usize, parameter: &str) -> Result<&'a [u8]> {
    if length == 0 {
        return Ok(&[]);
    }
    if bytes.is_null() {
        return Err(null(parameter));
    }
    if length > isize::MAX as usize {
        return Err(invalid(format!("`{parameter}` is longer than any memory")));
    }
    // SAFETY: not NULL and of a length that can be, so it is as the caller of this function promises.
    Ok(unsafe { std::slice::from_raw_parts(bytes, length) })
}

/// A place for one result; it may be NULL until [`Out::needed`] says no.
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Safety
    /// `place` is NULL, or valid for writing a `T` as long as the value lives.
    pub(crate) const unsafe fn new(place: *mut T) -> Self {
        Self(place)
    }

    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is NULL.
    pub(crate) fn needed(&self, parameter: &str) -> Result<()> {
        if self.0.is_null() {
            return Err(null(parameter));
        }
        Ok(())
    }

    /// Writes the result, if there is a place for it.
    pub(crate) fn set(&self, value: T) {
        if !self.0.is_null() {
            // SAFETY: not NULL, so it is valid for writing, as whoever made this value promised.
            unsafe { self.0.write(value) };
        }
    }
}

impl<C> Out<*mut C> {
    /// A place for a handle, in which NULL stands until there is one.
    ///
    /// # Safety
    /// As [`Out::new`].
    pub(crate) unsafe fn handle(place: *mut *mut C) -> Self {
        let out = Self(place);
        out.set(std::ptr::null_mut());
        out
    }

    /// Makes a handle for the object and writes it.
    ///
    /// # Errors
    /// As [`table::put`].
    pub(crate) fn give<T: Handle<C = C>>(&self, object: T) -> Result<()> {
        self.set(table::put(object)?);
        Ok(())
    }
}

/// A place for bytes.
pub(crate) struct OutBytes {
    place: *mut u8,
    capacity: usize,
}

// SAFETY: it is a pointer that only whoever has the value writes through, and the memory is the caller's, of no thread.
unsafe impl Send for OutBytes {}

impl OutBytes {
    /// # Safety
    /// `place` is NULL, or valid for writing `capacity` bytes as long as the value lives, and nobody else looks at them meanwhile.
    pub(crate) const unsafe fn new(place: *mut u8, capacity: usize) -> Self {
        Self { place, capacity }
    }

    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is NULL, empty or longer than any memory.
    pub(crate) fn needed(&self, parameter: &str) -> Result<()> {
        if self.place.is_null() {
            return Err(null(parameter));
        }
        if self.capacity == 0 || self.capacity > isize::MAX as usize {
            return Err(invalid(format!("`{parameter}` has a length that cannot be")));
        }
        Ok(())
    }

    /// The memory, which may be uninitialized. Empty if it was not [`needed`](Self::needed).
    pub(crate) fn memory(&mut self) -> &mut [MaybeUninit<u8>] {
        if self.needed("buffer").is_err() {
            return &mut [];
        }
        // SAFETY: not NULL and of a length that can be, so it is valid for writing, as whoever made this value promised; the
        // borrow of `self` keeps it the only reference.
        unsafe { std::slice::from_raw_parts_mut(self.place.cast::<MaybeUninit<u8>>(), self.capacity) }
    }

    /// Copies as much of `bytes` as there is room for, and says how much.
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> usize {
        let memory = self.memory();
        let length = bytes.len().min(memory.len());
        for (to, from) in memory.iter_mut().zip(bytes) {
            to.write(*from);
        }
        length
    }
}
