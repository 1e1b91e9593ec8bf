//! The cookie by which a session that was cut is joined again without a password (MS-RDPBCGR §1.3.1.5).

use std::fmt;

use ironrdp_pdu::rdp::session_info::ServerAutoReconnect;
use tokio::sync::watch;

/// What joins a session again. It is as good as a password for that session: it is neither printed nor kept for longer than
/// the session's user may. A gate of ours lets none through.
#[derive(Clone)]
pub struct ReconnectCookie(pub(super) ServerAutoReconnect);

impl fmt::Debug for ReconnectCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReconnectCookie")
    }
}

impl Drop for ReconnectCookie {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0.random_bits);
    }
}

/// Both ends of the cookies of one session.
#[must_use]
pub fn reconnect_cookies() -> (ReconnectEnd, ReconnectCookies) {
    let newest = watch::Sender::new(None);
    let watched = newest.subscribe();
    (ReconnectEnd(newest), ReconnectCookies(watched))
}

/// The end for [`RdpClientOptions::reconnect_cookies`](super::RdpClientOptions::reconnect_cookies).
#[derive(Debug)]
pub struct ReconnectEnd(watch::Sender<Option<ReconnectCookie>>);

impl ReconnectEnd {
    pub(super) fn note(&self, cookie: ServerAutoReconnect) {
        self.0.send_replace(Some(ReconnectCookie(cookie)));
    }
}

/// The cookies of a session, which a server changes from time to time.
#[derive(Debug)]
pub struct ReconnectCookies(watch::Receiver<Option<ReconnectCookie>>);

impl ReconnectCookies {
    /// The newest one, for [`RdpClientOptions::reconnect`](super::RdpClientOptions::reconnect), also after the session has
    /// ended; `None` if the server gave none.
    #[must_use]
    pub fn newest(&self) -> Option<ReconnectCookie> {
        self.0.borrow().clone()
    }
}
