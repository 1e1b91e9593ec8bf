//! Asking a ticket system by HTTP POST.

use std::sync::Arc;

use async_trait::async_trait;
use jump_core::broker::{TicketChecker, TicketQuestion};
use jump_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::beside;
use crate::endpoint::{Endpoint, WebhookOptions};

const WHAT: &str = "ask the ticket system";

/// Posts `{"ticket", "user", "item": {"id", "name", "hostname", "tag", "comments"}}` to a URL, and lets in whom status 200 and
/// `{"allow": true}` let in. Any other answer, no answer within ten seconds, and an answer that cannot be read are a no. What else
/// is in the answer is ignored.
#[derive(Debug)]
pub struct TicketWebhook(Arc<Endpoint>);

#[derive(Serialize)]
struct Question<'a> {
    ticket: &'a str,
    user: &'a str,
    item: Item<'a>,
}

#[derive(Serialize)]
struct Item<'a> {
    id: u32,
    name: &'a str,
    hostname: &'a str,
    tag: &'a str,
    comments: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    allow: bool,
}

impl TicketWebhook {
    /// At this URL: `https`, or `http` to this machine.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another URL, a secret that is too short or certificates that cannot be read.
    pub fn new(url: &str, options: WebhookOptions) -> Result<Self> {
        Endpoint::new(url, options).map(Self)
    }
}

#[async_trait]
impl TicketChecker for TicketWebhook {
    async fn check(&self, question: TicketQuestion<'_>) -> Result<bool> {
        let item = question.item;
        let asked = Question {
            ticket: question.ticket,
            user: question.user_name,
            item: Item {
                id: item.id.get(),
                name: item.name.as_str(),
                hostname: item.hostname.as_str(),
                tag: item.tag.as_str(),
                comments: item.comments.as_str(),
            },
        };
        let body = serde_json::to_vec(&asked).map_err(|error| {
            Error::new(ErrorKind::Internal, WHAT, "the question has no form in JSON").with_source(error)
        })?;
        let endpoint = self.0.clone();
        let (status, answer) = beside(WHAT, move || endpoint.post(WHAT, &body)).await?;
        if status != 200 {
            let message = format!("it answered with status {status}");
            return Err(Error::new(ErrorKind::Unavailable, WHAT, message));
        }
        let answer: Answer = serde_json::from_slice(&answer).map_err(|_| {
            let rule = "its answer is no JSON object with \"allow\": true or false";
            Error::new(ErrorKind::Protocol, WHAT, rule)
        })?;
        Ok(answer.allow)
    }
}
