//! How many peers that have proven nothing yet may be connected at once.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use super::transport::PeerAddress;
use crate::error::{Error, ErrorKind, Result};

/// Bounds the connections that are not authenticated yet, in all and from each source. Clones share the count.
///
/// A source is an IPv4 address or an IPv6 /64 network (one customer's network, RFC 6177). Peers in memory count in
/// the total only.
#[derive(Clone)]
pub struct Admission(Arc<Inner>);

struct Inner {
    global: usize,
    per_source: usize,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    total: usize,
    by_source: HashMap<IpAddr, usize>,
}

impl Admission {
    /// At most `global` unauthenticated connections at once, at most `per_source` of them from one source.
    #[must_use]
    pub fn new(global: usize, per_source: usize) -> Self {
        Self(Arc::new(Inner {
            global,
            per_source,
            counts: Mutex::default(),
        }))
    }

    /// Lets a new connection in until its [`Permit`] is dropped: drop it as soon as the peer is authenticated.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`] if the peer's source or the whole has reached its bound.
    pub fn admit(&self, peer: &PeerAddress) -> Result<Permit> {
        let full = |context| Error::new(ErrorKind::ResourceLimit, "admit a connection", context);
        let source = peer.ip().map(source);
        let mut counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= self.0.global {
            return Err(full(
                "too many connections are not authenticated yet, try again later",
            ));
        }
        if let Some(source) = source {
            let count = counts.by_source.entry(source).or_default();
            if *count >= self.0.per_source {
                return Err(full(
                    "too many connections from this address are not authenticated yet, try again later",
                ));
            }
            *count += 1;
        }
        counts.total += 1;
        Ok(Permit {
            admission: self.clone(),
            source,
        })
    }

    /// How many connections are admitted and not authenticated yet.
    #[must_use]
    pub fn admitted(&self) -> usize {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

impl Default for Admission {
    /// 1024 in all, 16 from each source.
    fn default() -> Self {
        Self::new(1024, 16)
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Admission({} of {})", self.admitted(), self.0.global)
    }
}

/// The right of one unauthenticated connection to be there; dropping it makes room for another.
#[derive(Debug)]
pub struct Permit {
    admission: Admission,
    source: Option<IpAddr>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self
            .admission
            .0
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        counts.total = counts.total.saturating_sub(1);
        if let Some(source) = self.source
            && let Some(count) = counts.by_source.get_mut(&source)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.by_source.remove(&source);
            }
        }
    }
}

/// What counts as one source.
fn source(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(ip: &str) -> PeerAddress {
        PeerAddress::tcp(std::net::SocketAddr::new(ip.parse().unwrap(), 1))
    }

    #[test]
    fn one_source_cannot_take_the_places_of_others() {
        let admission = Admission::new(10, 2);
        let _held = [
            admission.admit(&peer("192.0.2.1")).unwrap(),
            admission.admit(&peer("192.0.2.1")).unwrap(),
        ];
        let refused = admission.admit(&peer("192.0.2.1")).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ResourceLimit);
        assert!(admission.admit(&peer("192.0.2.2")).is_ok());
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_source() {
        let admission = Admission::new(10, 1);
        let _held = admission.admit(&peer("2001:db8:1:2::1")).unwrap();
        assert!(admission.admit(&peer("2001:db8:1:2:ffff::9")).is_err());
        assert!(admission.admit(&peer("2001:db8:1:3::1")).is_ok());
    }

    #[test]
    fn a_dropped_permit_makes_room_and_leaves_nothing_behind() {
        let admission = Admission::new(2, 2);
        let held = [
            admission.admit(&peer("192.0.2.1")).unwrap(),
            admission.admit(&PeerAddress::memory("x")).unwrap(),
        ];
        assert!(
            admission.admit(&PeerAddress::memory("y")).is_err(),
            "the total holds"
        );
        drop(held);
        assert!(admission.0.counts.lock().unwrap().by_source.is_empty());
        assert!(admission.admit(&peer("192.0.2.1")).is_ok());
    }
}
