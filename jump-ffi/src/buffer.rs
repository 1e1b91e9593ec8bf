//! Results of any length, and secrets.

use std::ffi::c_char;

use jump_core::secret::Secret;
use jump_core::{Error, ErrorKind, Result};
use serde::Serialize;
use zeroize::{Zeroize, Zeroizing};

use crate::error::jump_error;
use crate::guard::{guard, guard_free, guard_value};
use crate::pointer::{Out, bytes};
use crate::status::jump_status;
use crate::table::{self, Handle};

/// Bytes that a call gave, with a NUL behind the last one: free them with `jump_buf_free`, which wipes them.
pub struct jump_buf {
    _private: [u8; 0],
}

/// What is behind the handle: the bytes and a NUL.
pub(crate) struct Buffer(Zeroizing<Vec<u8>>);

impl Handle for Buffer {
    type C = jump_buf;
    const KIND: u8 = 2;
    const NAME: &'static str = "jump_buf";
}

impl Buffer {
    pub(crate) fn new(mut bytes: Vec<u8>) -> Self {
        if bytes.len() == bytes.capacity() {
            // By hand, so that no copy is left behind when it grows.
            let mut longer = Vec::with_capacity(bytes.len() + 1);
            longer.extend_from_slice(&bytes);
            bytes.zeroize();
            bytes = longer;
        }
        bytes.push(0);
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, without the NUL.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.split_last().map_or(&[], |(_, bytes)| bytes)
    }

    /// The value as JSON.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if it has no such form.
    pub(crate) fn json(value: &impl Serialize) -> Result<Self> {
        let text = serde_json::to_vec(value);
        text.map(Self::new).map_err(|error| {
            Error::new(ErrorKind::Internal, "write JSON", "a value has no such form").with_source(error)
        })
    }
}

/// Copies bytes into a buffer: what a callback answers with.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_buf_new(
    data: *const u8,
    length: usize,
    buf_out: *mut *mut jump_buf,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (buf_out, error_out) = unsafe { (Out::handle(buf_out), Out::handle(error_out)) };
    guard(&error_out, || {
        buf_out.needed("buf_out")?;
        // SAFETY: the caller passes NULL or as many bytes as it says.
        let data = unsafe { bytes(data, length, "data") }?;
        let mut copy = Vec::with_capacity(data.len() + 1);
        copy.extend_from_slice(data);
        buf_out.give(Buffer::new(copy))
    })
}

/// The bytes; they live as long as the buffer. NULL for NULL and for what is no living buffer.
#[unsafe(no_mangle)]
pub extern "C" fn jump_buf_data(buf: *const jump_buf) -> *const u8 {
    guard_value(std::ptr::null(), || {
        table::get::<Buffer>(buf, "buf").map(|buffer| buffer.0.as_ptr())
    })
}

/// How many bytes, without the NUL behind the last. 0 for NULL and for what is no living buffer.
#[unsafe(no_mangle)]
pub extern "C" fn jump_buf_len(buf: *const jump_buf) -> usize {
    guard_value(0, || {
        table::get::<Buffer>(buf, "buf").map(|buffer| buffer.0.len().saturating_sub(1))
    })
}

/// The same bytes for what takes text, such as JSON: they end with a NUL. NULL for NULL and for what is no living buffer.
#[unsafe(no_mangle)]
pub extern "C" fn jump_buf_text(buf: *const jump_buf) -> *const c_char {
    jump_buf_data(buf).cast()
}

/// Wipes and frees a buffer. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_buf_free(buf: *mut jump_buf) -> jump_status {
    guard_free(|| table::take::<Buffer>(buf, "buf").map(drop))
}

/// A secret that goes in and is never given back: a password, an invitation, the text of a login.
pub struct jump_secret {
    _private: [u8; 0],
}

/// What is behind the handle.
pub(crate) struct SecretText(Secret<String>);

impl Handle for SecretText {
    type C = jump_secret;
    const KIND: u8 = 3;
    const NAME: &'static str = "jump_secret";
}

impl SecretText {
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    pub(crate) const fn secret(&self) -> &Secret<String> {
        &self.0
    }
}

/// Copies a secret, UTF-8 text of at most 64 KiB, into memory that is wiped when it is freed. Wipe your own copy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_secret_new(
    text: *const u8,
    length: usize,
    secret_out: *mut *mut jump_secret,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (secret_out, error_out) = unsafe { (Out::handle(secret_out), Out::handle(error_out)) };
    guard(&error_out, || {
        secret_out.needed("secret_out")?;
        let wrong = |rule| Error::new(ErrorKind::InvalidArgument, "take a secret", rule);
        if length > 64 << 10 {
            return Err(wrong("it is longer than 64 KiB"));
        }
        // SAFETY: the caller passes NULL or as many bytes as it says.
        let text = unsafe { bytes(text, length, "text") }?;
        let text = std::str::from_utf8(text).map_err(|_| wrong("it is not UTF-8"))?;
        secret_out.give(SecretText(Secret::new(text.to_owned())))
    })
}

/// Wipes and frees a secret. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_secret_free(secret: *mut jump_secret) -> jump_status {
    guard_free(|| table::take::<SecretText>(secret, "secret").map(drop))
}
