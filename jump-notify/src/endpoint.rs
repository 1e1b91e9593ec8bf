//! One URL to which signed JSON is posted.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jump_core::secret::Secret;
use jump_core::time::Timestamp;
use jump_core::{Error, ErrorKind, Result};
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::signature::{SIGNATURE_HEADER, sign};

/// How long one exchange may take, name look-up and TLS included.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read.
const LONGEST: u64 = 64 * 1024;

/// How a webhook is reached.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct WebhookOptions {
    /// The secret under which requests are signed, shared with the receiver: 16 bytes at least. Without one nothing is signed.
    pub secret: Option<Secret<Vec<u8>>>,
    /// Certificates (PEM) that are trusted instead of Mozilla's roots.
    pub roots: Option<String>,
}

/// Posts to one URL. Follows no redirects and uses no proxy: what is told goes where somebody said, or nowhere.
pub(crate) struct Endpoint {
    agent: Agent,
    url: String,
    secret: Option<Secret<Vec<u8>>>,
}

impl fmt::Debug for Endpoint {
    /// Without the URL, whose path may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoint")
    }
}

fn wrong(rule: &'static str) -> Error {
    Error::new(ErrorKind::InvalidArgument, "set up a webhook", rule)
}

/// Whether this host is this machine, whatever a name server says.
fn is_loopback(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    literal
        .parse::<std::net::IpAddr>()
        .is_ok_and(|address| address.is_loopback())
}

fn roots(pem: &str) -> Result<RootCerts> {
    let unreadable = |_| wrong("the certificates are not PEM");
    let mut found: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(pem.as_bytes()) {
        if let PemItem::Certificate(certificate) = item.map_err(unreadable)? {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        return Err(wrong("there is no certificate in the PEM"));
    }
    Ok(RootCerts::Specific(Arc::new(found)))
}

impl Endpoint {
    pub(crate) fn new(url: &str, options: WebhookOptions) -> Result<Arc<Self>> {
        let parsed: Uri = url.parse().map_err(|_| wrong("the url is not one"))?;
        let host = parsed.host().unwrap_or_default();
        match parsed.scheme_str() {
            Some("https") if !host.is_empty() => {}
            Some("http") if is_loopback(host) => {}
            Some("http") => return Err(wrong("a url is https, or http to 127.0.0.1 or [::1]")),
            _ => return Err(wrong("a url is https://HOST/…")),
        }
        if parsed
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            return Err(wrong("a url holds no user name or password: requests are signed"));
        }
        if options
            .secret
            .as_ref()
            .is_some_and(|secret| secret.expose().len() < 16)
        {
            return Err(wrong("the secret has at least 16 bytes"));
        }
        let mut tls = TlsConfig::builder();
        if let Some(pem) = &options.roots {
            tls = tls.root_certs(roots(pem)?);
        }
        let config = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .proxy(None)
            .user_agent("jump")
            .tls_config(tls.build())
            .build();
        Ok(Arc::new(Self {
            agent: config.into(),
            url: url.to_owned(),
            secret: options.secret,
        }))
    }

    /// Posts a body and gives the status and what came back. Blocks for ten seconds at most.
    pub(crate) fn post(&self, operation: &'static str, body: &[u8]) -> Result<(u16, Vec<u8>)> {
        let failed = |error| failure(operation, error);
        let mut request = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json");
        if let Some(secret) = &self.secret {
            let signature = sign(secret.expose(), Timestamp::now(), body);
            request = request.header(SIGNATURE_HEADER, signature);
        }
        let mut response = request.send(body).map_err(failed)?;
        let status = response.status().as_u16();
        let answer = response.body_mut().with_config().limit(LONGEST).read_to_vec();
        Ok((status, answer.map_err(failed)?))
    }
}

/// What a failed exchange means. The URL is not repeated.
fn failure(operation: &'static str, error: ureq::Error) -> Error {
    let untrusted = match &error {
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => true,
        ureq::Error::Io(error) => crate::is_tls(error),
        _ => false,
    };
    if untrusted {
        let rule = "the server's certificate or its TLS is not acceptable";
        return Error::new(ErrorKind::UntrustedPeer, operation, rule).with_source(error);
    }
    let (kind, rule, again) = match &error {
        ureq::Error::Timeout(_) => (ErrorKind::Timeout, "it took too long", true),
        ureq::Error::HostNotFound => (ErrorKind::Unavailable, "its host is not found", true),
        ureq::Error::ConnectionFailed | ureq::Error::Io(_) => {
            (ErrorKind::Unavailable, "it cannot be reached", true)
        }
        ureq::Error::BodyExceedsLimit(_) => (ErrorKind::Protocol, "its answer is too long", false),
        _ => (ErrorKind::Protocol, "it does not speak HTTP properly", false),
    };
    Error::new(kind, operation, rule)
        .with_source(error)
        .retryable(again)
}
