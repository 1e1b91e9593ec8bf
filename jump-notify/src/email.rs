//! Notifications by e-mail over SMTP.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jump_core::model::Field;
use jump_core::notify::{Notification, NotificationEvent, Notifier};
use jump_core::secret::Secret;
use jump_core::text::Escaped;
use jump_core::{Error, ErrorKind, Result};
use lettre::address::Address;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{SmtpTransport, Transport};

use crate::beside;

const WHAT: &str = "notify by e-mail";
/// How long one command of the exchange may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SmtpTls {
    /// TLS from the first byte (RFC 8314 §3.3), port 465 as a rule.
    Implicit,
    /// STARTTLS (RFC 3207), required: without it nothing is sent. Port 587 as a rule.
    #[default]
    StartTls,
    /// None; to this machine only.
    None,
}

/// How mail is sent.
#[derive(Debug)]
#[non_exhaustive]
pub struct EmailOptions {
    /// The mail server's name, which its certificate must bear.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: SmtpTls,
    /// From which address mail comes.
    pub from: String,
    /// User name and password.
    pub credentials: Option<(String, Secret<String>)>,
    /// Certificates (PEM) that are trusted instead of Mozilla's roots.
    pub roots: Option<String>,
}

impl EmailOptions {
    /// Mail from this address through this server, with STARTTLS.
    pub fn new(host: impl Into<String>, port: u16, from: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            tls: SmtpTls::default(),
            from: from.into(),
            credentials: None,
            roots: None,
        }
    }
}

/// Sends each [`Notification`] to the addresses that its Jump Policy names, one message each, so that one address that is
/// refused keeps no other from hearing.
pub struct Email {
    transport: SmtpTransport,
    from: Mailbox,
    /// The part of message ids after the `@`.
    domain: String,
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email")
    }
}

fn wrong(rule: &'static str) -> Error {
    Error::new(ErrorKind::InvalidArgument, "set up e-mail", rule)
}

fn tls_parameters(options: &EmailOptions) -> Result<TlsParameters> {
    let mut parameters = TlsParameters::builder(options.host.clone());
    parameters = match &options.roots {
        None => parameters.certificate_store(CertificateStore::WebpkiRoots),
        Some(pem) => {
            let unreadable = |_| wrong("the certificates are not PEM");
            let mut parameters = parameters.certificate_store(CertificateStore::None);
            let found = Certificate::from_pem(pem.as_bytes()).map_err(unreadable)?;
            parameters = parameters.add_root_certificate(found);
            parameters
        }
    };
    parameters
        .build_rustls()
        .map_err(|error| wrong("its TLS cannot be set up").with_source(error))
}

impl Email {
    /// Through this server.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for an address or certificates that cannot be read, or a server elsewhere without TLS.
    pub fn new(options: EmailOptions) -> Result<Self> {
        let here = options
            .host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
        let tls = match options.tls {
            SmtpTls::Implicit => Tls::Wrapper(tls_parameters(&options)?),
            SmtpTls::StartTls => Tls::Required(tls_parameters(&options)?),
            SmtpTls::None if here => Tls::None,
            SmtpTls::None => return Err(wrong("without TLS the server is 127.0.0.1 or ::1")),
        };
        let from: Address = options
            .from
            .parse()
            .map_err(|_| wrong("the address that mail comes from is user@host"))?;
        let domain = from.domain().to_owned();
        let mut transport = SmtpTransport::builder_dangerous(&options.host)
            .port(options.port)
            .timeout(Some(PATIENCE))
            .tls(tls);
        if let Some((user, password)) = options.credentials {
            transport = transport.credentials(Credentials::new(user, password.expose().clone()));
        }
        Ok(Self {
            transport: transport.build(),
            from: Mailbox::new(Some("Jump".to_owned()), from),
            domain,
        })
    }

    fn message(&self, part: &Notification, to: &Field) -> Result<Message> {
        let refused = |rule| Error::new(ErrorKind::InvalidArgument, WHAT, rule);
        let address: Address = to
            .as_str()
            .parse()
            .map_err(|_| refused("an address of the jump policy is none"))?;
        let name = Escaped(part.display_name.as_str()).to_string();
        let name = Some(name).filter(|name| !name.is_empty());
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(name, address))
            .subject(subject(part))
            .message_id(Some(format!("<{}@{}>", part.id, self.domain)))
            .header(ContentType::TEXT_PLAIN)
            .body(body(part))
            .map_err(|error| refused("it makes no message").with_source(error))
    }
}

/// One line: everything that others wrote is escaped, so that nothing in it ends the header.
fn subject(part: &Notification) -> String {
    let what = match &part.event {
        NotificationEvent::SessionStarted(session) => {
            format!("{} started a session on {}", session.user, session.item)
        }
        NotificationEvent::SessionEnded { session, .. } => {
            format!("the session of {} on {} ended", session.user, session.item)
        }
        NotificationEvent::ApprovalRequested(facts) => {
            format!("{} asks for an approval for {}", facts.requester, facts.item)
        }
        other => other.word().to_owned(),
    };
    format!("[Jump] {}", Escaped(&what))
}

fn body(part: &Notification) -> String {
    let mut lines: Vec<(&str, String)> = Vec::new();
    match &part.event {
        NotificationEvent::SessionStarted(session) | NotificationEvent::SessionEnded { session, .. } => {
            lines.push(("User", session.user.clone()));
            lines.push(("Item", session.item.clone()));
            lines.push(("Protocol", session.protocol.clone()));
            lines.push(("Session", session.session.to_string()));
            lines.push(("Granted", format!("{:.0}", session.started)));
        }
        NotificationEvent::ApprovalRequested(facts) => {
            lines.push(("User", facts.requester.clone()));
            lines.push(("Item", facts.item.clone()));
            lines.push(("Request", facts.request.to_string()));
            lines.push(("From", format!("{:.0}", facts.start)));
            lines.push(("Until", format!("{:.0}", facts.end)));
            lines.push(("Reason", facts.reason.clone()));
            lines.push(("May answer", facts.approvers.join(", ")));
        }
        _ => {}
    }
    if let NotificationEvent::SessionEnded { end, .. } = &part.event {
        lines.push(("Ended", format!("{:.0}", part.time)));
        lines.push(("Because", end.to_string()));
    }
    lines.push(("Jump Policy", part.policy.to_string()));
    lines.push(("Site", part.site.clone()));
    let line = |(name, value): (&str, String)| format!("{name}: {}\r\n", Escaped(&value));
    let text: String = lines.into_iter().map(line).collect();
    format!("{}\r\n\r\n{text}", subject(part))
}

#[async_trait]
impl Notifier for Email {
    fn name(&self) -> &str {
        "e-mail"
    }

    fn parts(&self, notification: Arc<Notification>) -> Vec<Arc<Notification>> {
        let alone = |address: &Field| {
            let mut part = Notification::clone(&notification);
            part.email_addresses = vec![address.clone()];
            Arc::new(part)
        };
        notification.email_addresses.iter().map(alone).collect()
    }

    async fn deliver(&self, part: &Notification) -> Result<()> {
        let transport = self.transport.clone();
        let messages = part.email_addresses.iter().map(|to| self.message(part, to));
        let messages = messages.collect::<Result<Vec<_>>>()?;
        beside(WHAT, move || {
            for message in messages {
                transport.send(&message).map_err(failure)?;
            }
            Ok(())
        })
        .await
    }
}

/// What a failed exchange means. What the server said may hold anything, so it stays out of the message.
fn failure(error: lettre::transport::smtp::Error) -> Error {
    let (kind, rule, again) = if error.is_tls() || crate::is_tls(&error) {
        let rule = "the server's certificate or its TLS is not acceptable";
        (ErrorKind::UntrustedPeer, rule, false)
    } else if error.is_permanent() {
        (ErrorKind::Denied, "the server refuses it", false)
    } else if error.is_timeout() {
        (ErrorKind::Timeout, "it took too long", true)
    } else if error.is_transient() {
        (ErrorKind::Unavailable, "the server cannot take it now", true)
    } else if error.is_client() || error.is_response() {
        (
            ErrorKind::Protocol,
            "the server does not do what is asked for",
            false,
        )
    } else {
        (ErrorKind::Unavailable, "it cannot be reached", true)
    };
    Error::new(kind, WHAT, rule).with_source(error).retryable(again)
}
