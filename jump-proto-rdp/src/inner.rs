//! How our own client and our own gate know each other.
//!
//! Between them lies the session's tunnel, which is encrypted end to end already. So the client asks for TLS in its X.224
//! Connection Request (MS-RDPBCGR §2.2.1.1), the gate selects it (§2.2.1.2), so that everything behind it is as with TLS, and
//! both leave the TLS handshake out. The client says that it does so by its cookie, where a native client names its user.
//!
//! A native client that said the same would begin a TLS handshake where the gate expects the next message, and be refused:
//! the cookie gives nobody anything.

/// The `mstshash` cookie of our own client. The name of no Windows account has a semicolon in it.
pub const COOKIE: &str = "jump;tunnel";
