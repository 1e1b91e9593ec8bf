//! Where a syslog server is.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::error::{Error, ErrorKind, Result};

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyslogTransport {
    /// One datagram each (RFC 5426); default port 514.
    Udp,
    /// Over TCP, each with its length before it (RFC 6587 §3.4.1); default port 514.
    Tcp,
    /// The same over TLS (RFC 5425); default port 6514.
    Tls,
}

/// A syslog server: `udp://HOST[:PORT]`, `tcp://HOST[:PORT]` or `tls://HOST[:PORT]`.
#[derive(Clone)]
pub struct SyslogTarget {
    transport: SyslogTransport,
    host: String,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        "read a syslog server's address",
        message,
    )
}

impl SyslogTarget {
    /// How messages travel there.
    #[must_use]
    pub const fn transport(&self) -> SyslogTransport {
        self.transport
    }

    /// Whether it says all that is needed to connect.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for `tls://` without authorities.
    pub fn check(&self) -> Result<()> {
        if self.transport == SyslogTransport::Tls && self.tls.is_none() {
            return Err(wrong(
                "a tls:// server needs the certificates of the authorities that sign for it",
            ));
        }
        Ok(())
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn tls(&self) -> Option<(Arc<ClientConfig>, ServerName<'static>)> {
        let name = ServerName::try_from(self.host.clone()).ok()?;
        self.tls.clone().map(|tls| (tls, name))
    }

    /// Trusts servers whose certificate for their host name was signed by one of these authorities, given as PEM. Needed for
    /// `tls://`, and only there.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if there is no certificate in it, or the target is not `tls://`.
    pub fn trusting(mut self, authorities: &[u8]) -> Result<Self> {
        if self.transport != SyslogTransport::Tls {
            return Err(wrong("only tls:// has certificates"));
        }
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities) {
            let certificate =
                certificate.map_err(|error| wrong("the certificates are no PEM").with_source(error))?;
            roots
                .add(certificate)
                .map_err(|error| wrong("a certificate cannot be used").with_source(error))?;
        }
        if roots.is_empty() {
            return Err(wrong("there is no certificate in the file of authorities"));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong("TLS cannot be used").with_source(error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        self.tls = Some(Arc::new(config));
        Ok(self)
    }
}

impl FromStr for SyslogTarget {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let form =
            "a syslog server is udp://HOST, tcp://HOST or tls://HOST, each with a :PORT if it is another";
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong(form))?;
        let (transport, default) = match scheme {
            "udp" => (SyslogTransport::Udp, 514),
            "tcp" => (SyslogTransport::Tcp, 514),
            "tls" => (SyslogTransport::Tls, 6514),
            _ => return Err(wrong(form)),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            // An IPv6 address.
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or_else(|| wrong(form))?)),
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let port = match port {
            None => default,
            Some(port) => port
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| wrong("a port is 1 to 65535"))?,
        };
        if ServerName::try_from(host).is_err() {
            return Err(wrong(form));
        }
        Ok(Self {
            transport,
            host: host.to_owned(),
            port,
            tls: None,
        })
    }
}

impl fmt::Display for SyslogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            SyslogTransport::Udp => "udp",
            SyslogTransport::Tcp => "tcp",
            SyslogTransport::Tls => "tls",
        };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for SyslogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SyslogTarget({self})")
    }
}
