//! Whom a broker tells of sessions, and whom it asks about tickets.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use jump_core::Result;
use jump_core::broker::TicketChecker;
use jump_core::notify::Notifier;
use jump_core::secret::Secret;
use jump_notify::{Email, EmailOptions, SmtpTls, TicketWebhook, Webhook, WebhookOptions};

use crate::error::{Failure, usage};
use crate::secret_input;

#[derive(Debug, Default, Args)]
pub(crate) struct OutsideArguments {
    /// Ask this ticket system about the ticket ids that Jump Policies require
    #[arg(long, value_name = "URL")]
    ticket_url: Option<String>,
    /// Post what Jump Policies want others to know to this URL
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
    /// The file with the secret under which requests to the two above are signed, 16 bytes at least
    #[arg(long, value_name = "FILE")]
    webhook_secret_file: Option<PathBuf>,
    /// Send e-mail to whom Jump Policies name, through this mail server
    #[arg(long, value_name = "HOST:PORT", requires = "smtp_from")]
    smtp: Option<String>,
    /// From which address that e-mail comes
    #[arg(long, value_name = "ADDRESS", requires = "smtp")]
    smtp_from: Option<String>,
    /// How the connection to the mail server is encrypted
    #[arg(long, value_enum, default_value_t, requires = "smtp")]
    smtp_tls: Encryption,
    /// The user name at the mail server
    #[arg(long, value_name = "NAME", requires_all = ["smtp", "smtp_password_file"])]
    smtp_user: Option<String>,
    /// The file with the password at the mail server
    #[arg(long, value_name = "FILE", requires = "smtp_user")]
    smtp_password_file: Option<PathBuf>,
    /// The file with the certificate (PEM) that is trusted for all of these instead of Mozilla's roots
    #[arg(long, value_name = "FILE")]
    outside_ca: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Encryption {
    /// STARTTLS, required
    #[default]
    Starttls,
    /// TLS from the first byte
    Tls,
    /// None: to this machine only
    None,
}

/// What a broker is built with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outside {
    pub(crate) notifiers: Vec<Arc<dyn Notifier>>,
    pub(crate) tickets: Option<Arc<dyn TicketChecker>>,
}

impl OutsideArguments {
    pub(crate) fn set_up(&self) -> std::result::Result<Outside, Failure> {
        let mut outside = Outside::default();
        if let Some(url) = &self.ticket_url {
            outside.tickets = Some(Arc::new(TicketWebhook::new(url, self.webhook()?)?));
        }
        if let Some(url) = &self.webhook_url {
            outside
                .notifiers
                .push(Arc::new(Webhook::new(url, self.webhook()?)?));
        }
        if let (Some(server), Some(from)) = (&self.smtp, &self.smtp_from) {
            let wrong = || usage("--smtp is HOST:PORT");
            let (host, port) = server.rsplit_once(':').ok_or_else(wrong)?;
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let mut options = EmailOptions::new(host, port.parse().map_err(|_| wrong())?, from);
            options.tls = match self.smtp_tls {
                Encryption::Starttls => SmtpTls::StartTls,
                Encryption::Tls => SmtpTls::Implicit,
                Encryption::None => SmtpTls::None,
            };
            options.roots = self.roots()?;
            if let (Some(user), Some(file)) = (&self.smtp_user, &self.smtp_password_file) {
                options.credentials = Some((user.clone(), one_line(file)?));
            }
            outside.notifiers.push(Arc::new(Email::new(options)?));
        }
        Ok(outside)
    }

    fn webhook(&self) -> Result<WebhookOptions> {
        let mut options = WebhookOptions::default();
        options.roots = self.roots()?;
        if let Some(file) = &self.webhook_secret_file {
            options.secret = Some(Secret::new(one_line(file)?.expose().clone().into_bytes()));
        }
        Ok(options)
    }

    fn roots(&self) -> Result<Option<String>> {
        let read = |file: &PathBuf| Ok(secret_input::from_file(file)?.expose().clone());
        self.outside_ca.as_ref().map(read).transpose()
    }
}

/// A secret from a file, without the line break that editors leave at its end.
fn one_line(file: &Path) -> Result<Secret<String>> {
    let text = secret_input::from_file(file)?;
    Ok(Secret::new(
        text.expose().trim_end_matches(['\r', '\n']).to_owned(),
    ))
}
