//! How a broker reaches the world outside: notifications by webhook and by e-mail, and ticket systems that are asked by webhook.
//!
//! Nothing here is on by default: feature `webhook` brings HTTP, feature `email` SMTP. Both verify the server's certificate,
//! against Mozilla's roots or those that are given instead; there is no way to turn that off. Without TLS they talk to this
//! machine only.

#[cfg(feature = "email")]
mod email;
#[cfg(feature = "webhook")]
mod endpoint;
#[cfg(feature = "webhook")]
mod signature;
#[cfg(feature = "webhook")]
mod ticket;
#[cfg(feature = "webhook")]
mod webhook;

#[cfg(feature = "email")]
pub use email::{Email, EmailOptions, SmtpTls};
#[cfg(feature = "webhook")]
pub use endpoint::WebhookOptions;
#[cfg(feature = "webhook")]
pub use signature::{SIGNATURE_HEADER, verify_signature};
#[cfg(feature = "webhook")]
pub use ticket::TicketWebhook;
#[cfg(feature = "webhook")]
pub use webhook::Webhook;

/// Runs a blocking call beside the runtime.
#[cfg(any(feature = "email", feature = "webhook"))]
async fn beside<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> jump_core::Result<T> + Send + 'static,
) -> jump_core::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        let kind = jump_core::ErrorKind::Internal;
        Err(jump_core::Error::new(kind, operation, "it failed").with_source(error))
    })
}

/// Whether TLS is what failed, however deep it says so.
#[cfg(any(feature = "email", feature = "webhook"))]
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        // An I/O error's own source is what its inner error has for one, not that error itself.
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        if error.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        next = error.source();
    }
    false
}
