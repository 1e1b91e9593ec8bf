//! Notifications by HTTP POST.

use std::sync::Arc;

use async_trait::async_trait;
use jump_core::notify::{Notification, Notifier};
use jump_core::{Error, ErrorKind, Result};

use crate::beside;
use crate::endpoint::{Endpoint, WebhookOptions};

const WHAT: &str = "notify by webhook";

/// Posts each [`Notification`] as JSON to a URL. A status of 200 to 299 says that it was taken; 408, 429 and 500 to 599 that it
/// is worth trying again; any other that it is refused for good. It may be posted more than once: its `id` says so.
#[derive(Debug)]
pub struct Webhook(Arc<Endpoint>);

impl Webhook {
    /// To this URL: `https`, or `http` to this machine.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another URL, a secret that is too short or certificates that cannot be read.
    pub fn new(url: &str, options: WebhookOptions) -> Result<Self> {
        Endpoint::new(url, options).map(Self)
    }
}

#[async_trait]
impl Notifier for Webhook {
    fn name(&self) -> &str {
        "webhook"
    }

    async fn deliver(&self, part: &Notification) -> Result<()> {
        let body = serde_json::to_vec(part).map_err(|error| {
            Error::new(ErrorKind::Internal, WHAT, "it has no form in JSON").with_source(error)
        })?;
        let endpoint = self.0.clone();
        let (status, _) = beside(WHAT, move || endpoint.post(WHAT, &body)).await?;
        match status {
            200..=299 => Ok(()),
            408 | 429 | 500..=599 => {
                let message = format!("it answered with status {status}");
                Err(Error::new(ErrorKind::Unavailable, WHAT, message).retryable(true))
            }
            _ => {
                let message = format!("it refused with status {status}");
                Err(Error::new(ErrorKind::Denied, WHAT, message))
            }
        }
    }
}
