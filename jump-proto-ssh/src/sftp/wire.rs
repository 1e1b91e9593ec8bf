//! The packets of draft-ietf-secsh-filexfer-02: numbers, fields, and the few that are made here.

use bytes::{BufMut, Bytes, BytesMut};

/// Packet types (§3).
pub(crate) mod kind {
    pub(crate) const INIT: u8 = 1;
    pub(crate) const VERSION: u8 = 2;
    pub(crate) const OPEN: u8 = 3;
    pub(crate) const CLOSE: u8 = 4;
    pub(crate) const READ: u8 = 5;
    pub(crate) const WRITE: u8 = 6;
    pub(crate) const LSTAT: u8 = 7;
    pub(crate) const FSTAT: u8 = 8;
    pub(crate) const SETSTAT: u8 = 9;
    pub(crate) const FSETSTAT: u8 = 10;
    pub(crate) const OPENDIR: u8 = 11;
    pub(crate) const READDIR: u8 = 12;
    pub(crate) const REMOVE: u8 = 13;
    pub(crate) const MKDIR: u8 = 14;
    pub(crate) const RMDIR: u8 = 15;
    pub(crate) const REALPATH: u8 = 16;
    pub(crate) const STAT: u8 = 17;
    pub(crate) const RENAME: u8 = 18;
    pub(crate) const READLINK: u8 = 19;
    pub(crate) const SYMLINK: u8 = 20;
    pub(crate) const STATUS: u8 = 101;
    pub(crate) const HANDLE: u8 = 102;
    pub(crate) const DATA: u8 = 103;
    pub(crate) const NAME: u8 = 104;
    pub(crate) const ATTRS: u8 = 105;
    pub(crate) const EXTENDED: u8 = 200;
    pub(crate) const EXTENDED_REPLY: u8 = 201;
}

/// Codes of `SSH_FXP_STATUS` (§7).
pub(crate) mod code {
    pub(crate) const OK: u32 = 0;
    pub(crate) const EOF: u32 = 1;
    pub(crate) const NO_SUCH_FILE: u32 = 2;
    pub(crate) const PERMISSION_DENIED: u32 = 3;
    pub(crate) const FAILURE: u32 = 4;
    pub(crate) const NO_CONNECTION: u32 = 6;
    pub(crate) const CONNECTION_LOST: u32 = 7;
    pub(crate) const OP_UNSUPPORTED: u32 = 8;
}

/// Bits of `pflags` (§6.3).
pub(crate) mod open {
    pub(crate) const READ: u32 = 0x01;
    pub(crate) const WRITE: u32 = 0x02;
    pub(crate) const APPEND: u32 = 0x04;
    pub(crate) const CREAT: u32 = 0x08;
    pub(crate) const TRUNC: u32 = 0x10;
    pub(crate) const EXCL: u32 = 0x20;
    pub(crate) const ALL: u32 = READ | WRITE | APPEND | CREAT | TRUNC | EXCL;
}

/// Bits of the attributes' flags (§5).
mod attr {
    pub(super) const SIZE: u32 = 0x01;
    pub(super) const UIDGID: u32 = 0x02;
    pub(super) const PERMISSIONS: u32 = 0x04;
    pub(super) const ACMODTIME: u32 = 0x08;
    pub(super) const EXTENDED: u32 = 0x8000_0000;
    pub(super) const ALL: u32 = SIZE | UIDGID | PERMISSIONS | ACMODTIME | EXTENDED;
}

/// The version that is spoken (§4).
pub(crate) const VERSION: u32 = 3;
/// The longest packet, without its length field, that is taken: what OpenSSH takes, too.
pub(crate) const LONGEST: u32 = 256 * 1024;
/// The longest packet of a client that carries no file data, and of a target that answers the filter: what every server
/// takes (§3).
pub(super) const LONGEST_PLAIN: u32 = 34_000;
/// The extension with the server's limits (OpenSSH's PROTOCOL, §4.8).
pub(crate) const LIMITS: &[u8] = b"limits@openssh.com";
/// The longest handle (§6.3).
pub(super) const HANDLE: usize = 256;

/// The fields of a packet, from the front. `None`: there is no such field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    pub(crate) fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        let (field, rest) = self.0.split_at_checked(length as usize)?;
        self.0 = rest;
        Some(field)
    }

    /// A handle (§6.3).
    pub(crate) fn handle(&mut self) -> Option<&'a [u8]> {
        self.string().filter(|handle| handle.len() <= HANDLE)
    }

    /// Skips attributes (§5).
    pub(super) fn attributes(&mut self) -> Option<()> {
        self.size().map(|_| ())
    }

    /// Attributes (§5): the size among them, if it is.
    pub(crate) fn size(&mut self) -> Option<Option<u64>> {
        let flags = self.u32()?;
        if flags & !attr::ALL != 0 {
            return None;
        }
        let size = if flags & attr::SIZE == 0 {
            None
        } else {
            Some(self.u64()?)
        };
        if flags & attr::UIDGID != 0 {
            self.u64()?;
        }
        if flags & attr::PERMISSIONS != 0 {
            self.u32()?;
        }
        if flags & attr::ACMODTIME != 0 {
            self.u64()?;
        }
        if flags & attr::EXTENDED != 0 {
            for _ in 0..self.u32()? {
                self.string()?;
                self.string()?;
            }
        }
        Some(size)
    }

    /// Nothing may follow.
    pub(crate) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// A packet: its length is written when it is done.
struct Packet(BytesMut);

impl Packet {
    fn new(kind: u8) -> Self {
        let mut bytes = BytesMut::with_capacity(64);
        bytes.put_u32(0);
        bytes.put_u8(kind);
        Self(bytes)
    }

    fn string(mut self, text: &[u8]) -> Self {
        self.0.put_u32(u32::try_from(text.len()).unwrap_or_default());
        self.0.put_slice(text);
        self
    }

    fn u32(mut self, number: u32) -> Self {
        self.0.put_u32(number);
        self
    }

    fn u64(mut self, number: u64) -> Self {
        self.0.put_u64(number);
        self
    }

    fn done(self) -> Bytes {
        self.done_before(0)
    }

    /// The same of a packet that goes on with so many bytes.
    fn done_before(mut self, more: u32) -> Bytes {
        let length = u32::try_from(self.0.len().saturating_sub(4)).unwrap_or_default();
        let length = length.saturating_add(more);
        if let Some(field) = self.0.first_chunk_mut::<4>() {
            *field = length.to_be_bytes();
        }
        self.0.freeze()
    }
}

/// `SSH_FXP_INIT` (§4) of version 3.
pub(crate) fn init() -> Bytes {
    Packet::new(kind::INIT).u32(VERSION).done()
}

/// `SSH_FXP_VERSION` (§4) of version 3 with these extensions.
pub(super) fn version<'a>(extensions: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Bytes {
    let start = Packet::new(kind::VERSION).u32(VERSION);
    extensions
        .fold(start, |packet, (name, data)| packet.string(name).string(data))
        .done()
}

/// `SSH_FXP_STATUS` (§7).
pub(crate) fn status(id: u32, code: u32, message: &str) -> Bytes {
    Packet::new(kind::STATUS)
        .u32(id)
        .u32(code)
        .string(message.as_bytes())
        .string(b"en")
        .done()
}

/// A request about one path: `SSH_FXP_REALPATH` (§6.11), `SSH_FXP_LSTAT` (§6.8).
pub(super) fn about_path(kind: u8, id: u32, path: &[u8]) -> Bytes {
    Packet::new(kind).u32(id).string(path).done()
}

/// The answer to `limits@openssh.com` (OpenSSH's PROTOCOL, §4.8).
pub(super) fn limits(id: u32, numbers: [u64; 4]) -> Bytes {
    let start = Packet::new(kind::EXTENDED_REPLY).u32(id);
    numbers.into_iter().fold(start, Packet::u64).done()
}

/// `SSH_FXP_OPEN` (§6.3); `mode` is the Unix mode of a file that is made.
pub(crate) fn open(id: u32, path: &str, flags: u32, mode: Option<u32>) -> Bytes {
    let start = Packet::new(kind::OPEN).u32(id).string(path.as_bytes()).u32(flags);
    match mode {
        Some(mode) => start.u32(attr::PERMISSIONS).u32(mode),
        None => start.u32(0),
    }
    .done()
}

/// A request about one handle: `SSH_FXP_CLOSE` (§6.3), `SSH_FXP_FSTAT` (§6.8).
pub(crate) fn about_handle(kind: u8, id: u32, handle: &[u8]) -> Bytes {
    Packet::new(kind).u32(id).string(handle).done()
}

/// `SSH_FXP_READ` (§6.4).
pub(crate) fn read(id: u32, handle: &[u8], offset: u64, length: u32) -> Bytes {
    let start = Packet::new(kind::READ).u32(id).string(handle);
    start.u64(offset).u32(length).done()
}

/// `SSH_FXP_WRITE` (§6.4) up to its data, of which there are `length` bytes.
pub(crate) fn write_front(id: u32, handle: &[u8], offset: u64, length: u32) -> Bytes {
    let start = Packet::new(kind::WRITE).u32(id).string(handle);
    start.u64(offset).u32(length).done_before(length)
}

/// The question of `limits@openssh.com` (OpenSSH's PROTOCOL, §4.8).
pub(crate) fn ask_limits(id: u32) -> Bytes {
    Packet::new(kind::EXTENDED).u32(id).string(LIMITS).done()
}
