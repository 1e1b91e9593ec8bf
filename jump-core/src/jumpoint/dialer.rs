//! Dialling a target: resolve once, check every address, connect only to a checked one.

use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::NetworkPolicy;
use crate::error::{Error, ErrorKind, Result};
use crate::model::TargetAddress;
use crate::protocol::Dialer;
use crate::stream::BoxStream;

/// Turns a name into addresses.
#[async_trait]
pub trait Resolver: Send + Sync + Debug + 'static {
    /// Every address of `name`.
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>>;
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>> {
        let failed = |error| Error::from_io(ErrorKind::TargetUnreachable, "resolve the target's name", error);
        let addresses = tokio::net::lookup_host((name, 0)).await.map_err(failed)?;
        Ok(addresses.map(|address| address.ip()).collect())
    }
}

/// The most addresses of one name that are tried.
const MOST_ADDRESSES: usize = 8;

/// Dials targets over TCP within a [`NetworkPolicy`].
#[derive(Clone, Debug)]
pub struct NetworkDialer {
    policy: NetworkPolicy,
    resolver: Arc<dyn Resolver>,
    patience: Duration,
}

impl NetworkDialer {
    /// A dialer with the system's resolver that gives up after ten seconds.
    #[must_use]
    pub fn new(policy: NetworkPolicy) -> Self {
        Self {
            policy,
            resolver: Arc::new(SystemResolver),
            patience: Duration::from_secs(10),
        }
    }

    /// Uses another resolver.
    #[must_use]
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = resolver;
        self
    }

    async fn connect(&self, target: &TargetAddress) -> Result<TcpStream> {
        let operation = "reach the target";
        let host = target.host().as_str();
        let addresses = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => self.resolver.resolve(host).await?,
        };
        let permitted: Vec<IpAddr> = addresses
            .iter()
            .copied()
            .filter(|address| self.policy.permits(*address))
            .filter(|address| self.policy.lists(*address) || !is_own(*address))
            .take(MOST_ADDRESSES)
            .collect();
        if permitted.is_empty() {
            let message = if addresses.is_empty() {
                format!("{host} has no address")
            } else {
                format!("the network policy does not permit {target}")
            };
            return Err(Error::new(ErrorKind::TargetUnreachable, operation, message).retryable(false));
        }
        let mut last = None;
        for address in permitted {
            match TcpStream::connect(SocketAddr::new(address, target.port())).await {
                Ok(stream) => {
                    stream
                        .set_nodelay(true)
                        .map_err(|error| Error::from_io(ErrorKind::Network, operation, error))?;
                    return Ok(stream);
                }
                Err(error) => last = Some(error),
            }
        }
        let error = Error::new(
            ErrorKind::TargetUnreachable,
            operation,
            format!("{target} does not answer"),
        );
        Err(match last {
            Some(cause) => error.with_source(cause),
            None => error,
        })
    }
}

/// Whether the address is one of this machine's: the system would then send from the very same. Nothing is sent.
fn is_own(address: IpAddr) -> bool {
    let unspecified: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // 9 is the discard port (RFC 863); any would do. An address that cannot be routed to is not reached either.
    let local = UdpSocket::bind((unspecified, 0)).and_then(|socket| {
        socket.connect((address, 9))?;
        socket.local_addr()
    });
    local.is_ok_and(|local| local.ip() == address)
}

#[async_trait]
impl Dialer for NetworkDialer {
    async fn dial(&self, target: &TargetAddress) -> Result<BoxStream> {
        match timeout(self.patience, self.connect(target)).await {
            Ok(stream) => Ok(Box::new(stream?)),
            Err(_) => {
                let message = format!("{target} did not answer within {} s", self.patience.as_secs());
                Err(Error::new(
                    ErrorKind::TargetUnreachable,
                    "reach the target",
                    message,
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Hostname;
    use std::sync::Mutex;
    use tokio::net::TcpListener;

    /// Answers with one list of addresses after another, and counts how often it was asked.
    #[derive(Debug)]
    struct Scripted(Mutex<Vec<Vec<IpAddr>>>, Mutex<u32>);

    #[async_trait]
    impl Resolver for Scripted {
        async fn resolve(&self, _name: &str) -> Result<Vec<IpAddr>> {
            *self.1.lock().unwrap() += 1;
            Ok(self.0.lock().unwrap().remove(0))
        }
    }

    fn dialer(policy: NetworkPolicy, answers: &[&[&str]]) -> (NetworkDialer, Arc<Scripted>) {
        let answers = answers
            .iter()
            .map(|list| list.iter().map(|a| a.parse().unwrap()).collect())
            .collect();
        let resolver = Arc::new(Scripted(Mutex::new(answers), Mutex::new(0)));
        (NetworkDialer::new(policy).resolver(resolver.clone()), resolver)
    }

    fn target(host: &str, port: u16) -> TargetAddress {
        TargetAddress::new(Hostname::new(host).unwrap(), port).unwrap()
    }

    #[tokio::test]
    async fn s24_a_name_that_leads_home_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (dialer, _) = dialer(NetworkPolicy::new(), &[&["127.0.0.1", "169.254.169.254", "::1"]]);
        let error = dialer
            .dial(&target("evil.example", port))
            .await
            .map(|_| ())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TargetUnreachable);
        assert!(error.to_string().contains("network policy"), "{error}");
    }

    #[tokio::test]
    async fn s23_the_jumpoints_own_addresses_are_shut_unless_listed() {
        // The address from which this machine would reach another; nothing is sent.
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        let own = match socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr()) {
            Ok(address) if !address.ip().is_loopback() => address.ip(),
            _ => return println!("skipped: this machine has no address of its own"),
        };
        let listener = TcpListener::bind((own, 0)).await.unwrap();
        let target = target(&own.to_string(), listener.local_addr().unwrap().port());
        let error = NetworkDialer::new(NetworkPolicy::new())
            .dial(&target)
            .await
            .map(|_| ())
            .unwrap_err();
        assert!(error.to_string().contains("network policy"), "{error}");
        let listed = NetworkPolicy::new().allowing([own.into()]);
        assert!(NetworkDialer::new(listed).dial(&target).await.is_ok());
    }

    #[tokio::test]
    async fn s24_a_name_is_resolved_once_and_only_permitted_addresses_of_a_mixed_set_are_dialled() {
        let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let elsewhere = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let policy = NetworkPolicy::new()
            .allowing(["127.0.0.2/32".parse().unwrap()])
            .only_listed();
        let (dialer, resolver) = dialer(policy, &[&["127.0.0.1", "127.0.0.2"], &["127.0.0.1"]]);
        let accepted = tokio::spawn(async move { listener.accept().await.unwrap().1 });
        let stream = dialer.dial(&target("mixed.example", port)).await.unwrap();
        accepted.await.unwrap();
        drop(stream);
        assert_eq!(*resolver.1.lock().unwrap(), 1);
        let refused = tokio::time::timeout(Duration::from_millis(50), elsewhere.accept()).await;
        assert!(refused.is_err(), "the forbidden address must not be dialled");
    }
}
