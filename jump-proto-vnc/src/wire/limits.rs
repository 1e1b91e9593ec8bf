//! The most of everything that a peer can make us hold.

/// The widest and highest framebuffer, in pixels.
pub const MAX_SIDE: u16 = 16_384;
/// The largest framebuffer, in bytes of RGBA8888.
pub const MAX_FRAMEBUFFER_BYTES: usize = 256 * 1024 * 1024;
/// The widest and highest cursor, in pixels.
pub const MAX_CURSOR_SIDE: u16 = 512;
/// The longest clipboard text, in bytes, before and after decompression.
pub const MAX_CLIPBOARD_BYTES: usize = 1024 * 1024;
/// The longest desktop name, in bytes.
pub const MAX_NAME_BYTES: usize = 4096;
/// The longest reason for a refusal, in bytes; the rest of a longer one is an error.
pub const MAX_REASON_BYTES: usize = 4096;
/// The most rectangles in one update, unless it says that the last one will be marked (65535).
pub const MAX_RECTANGLES: u16 = 65_535;
/// The most encodings that a client may list.
pub const MAX_ENCODINGS: usize = 256;
/// The most screens in a layout.
pub const MAX_SCREENS: u8 = 64;
/// The longest payload of a fence, in bytes (rfbproto "ClientFence").
pub const MAX_FENCE_BYTES: u8 = 64;
/// The longest message of a client, in bytes: a clipboard's.
pub const MAX_CLIENT_MESSAGE_BYTES: usize = 8 + MAX_CLIPBOARD_BYTES;
/// The most bytes that a handshake needs to see at once: an RSA key of 8192 bits, a name, a list of capabilities.
pub const MAX_HANDSHAKE_BYTES: usize = 32 * 1024;
/// The most capabilities of each kind that a server with TightVNC's extensions may list.
pub const MAX_CAPABILITIES: u32 = 512;
