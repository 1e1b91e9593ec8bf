//! The filter between a client and a server of SFTP.

mod client;
mod target;

use std::collections::HashMap;

use bytes::Bytes;
use jump_core::protocol::SessionEvent;

use super::check::Check;
use super::error::Violation;
use super::rules::{Rules, Why};
use super::stream::Stream;
use super::tally::{Pending, Tally};
use super::wire;

/// Requests that the target has not answered; beyond that the client waits.
const REQUESTS: usize = 1024;
/// Among them, those that hold a path.
const NAMED: usize = 64;
/// Files and folders open at once.
const OPEN: usize = 256;
/// Answers of the filter's own that nobody has taken; beyond that the client waits.
const ANSWERS: usize = 64;
/// Length field, type and id.
const FRONT: usize = 9;

/// What came of the bytes that were put in and was not taken yet. What goes to one side is in order and consists of
/// whole packets, but for file data, which passes as it arrives. Whoever sends takes its list (`std::mem::take`).
#[derive(Debug, Default)]
pub struct Output {
    /// For the target.
    pub to_target: Vec<Bytes>,
    /// For the client: what the target sent.
    pub to_client: Vec<Bytes>,
    /// For the client: whole answers of the filter's own. They may be sent when `to_client` was and
    /// [`Filter::client_between_packets`].
    pub answers: Vec<Bytes>,
    /// What happened.
    pub events: Vec<SessionEvent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Nothing,
    Asked,
    Done,
}

/// See [the module](super). It does not block and holds at most a few hundred KiB, whatever the sides send; after a
/// [`Violation`] it must not be used again but for [`Filter::unfinished`].
#[derive(Debug)]
pub struct Filter {
    rules: Rules,
    start: Start,
    client: Stream,
    target: Stream,
    pending: HashMap<u32, Pending>,
    named: usize,
    tally: Tally,
    check: Option<Check>,
    out: Output,
}

impl Filter {
    /// A filter for one file transfer from its beginning.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            start: Start::Nothing,
            client: Stream::default(),
            target: Stream::default(),
            pending: HashMap::new(),
            named: 0,
            tally: Tally::default(),
            check: None,
            out: Output::default(),
        }
    }

    /// Takes bytes of the client. Do not call it while [`Filter::is_waiting`]: what cannot be looked at is held.
    ///
    /// # Errors
    /// The client broke the protocol.
    pub fn from_client(&mut self, bytes: Bytes) -> Result<(), Violation> {
        self.client.push(bytes);
        self.advance()
    }

    /// Goes on with what the client sent before, if the target's answers now allow it.
    ///
    /// # Errors
    /// The client broke the protocol.
    pub fn advance(&mut self) -> Result<(), Violation> {
        let done = loop {
            if let Some(check) = self.check.as_mut().filter(|check| check.asked.is_none()) {
                let id = (0..=u32::MAX).rev().find(|id| !self.pending.contains_key(id));
                let question = id.and_then(|id| check.question(id));
                self.client.flush(&mut self.out.to_target);
                self.out.to_target.extend(question);
            }
            // What is under way goes on: it was dealt with.
            if !self.client.at_boundary() {
                if self.client.go_on(&mut self.out.to_target) {
                    continue;
                }
                break Ok(());
            }
            if self.is_waiting() {
                break Ok(());
            }
            match self.client_packet() {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(violation) => break Err(violation),
            }
        };
        self.client.flush(&mut self.out.to_target);
        done
    }

    /// Takes bytes of the target.
    ///
    /// # Errors
    /// The target broke the protocol.
    pub fn from_target(&mut self, bytes: Bytes) -> Result<(), Violation> {
        self.target.push(bytes);
        let done = loop {
            match self.target_packet() {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(violation) => break Err(violation),
            }
        };
        self.target.flush(&mut self.out.to_client);
        done
    }

    /// The client sends nothing more.
    ///
    /// # Errors
    /// It ended in the middle of a packet.
    pub fn client_ended(&self) -> Result<(), Violation> {
        if self.client.is_empty() {
            Ok(())
        } else {
            Err(Violation::Truncated)
        }
    }

    /// Whether the client has to wait, until the target has answered or the answers for the client are taken: then call
    /// [`Filter::advance`].
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        let asking = self.check.as_ref().is_some_and(|check| check.asked.is_some());
        asking
            || self.start == Start::Asked
            || self.pending.len() >= REQUESTS
            || self.named >= NAMED
            || self.out.answers.len() >= ANSWERS
    }

    /// Whether all that was given out for the client ends with a whole packet.
    #[must_use]
    pub const fn client_between_packets(&self) -> bool {
        self.target.at_boundary()
    }

    /// What came of it all.
    pub const fn output(&mut self) -> &mut Output {
        &mut self.out
    }

    /// What is to be said of the files that are still open, when the transfer has ended.
    #[must_use]
    pub fn unfinished(&mut self) -> Vec<SessionEvent> {
        self.tally.left()
    }

    fn expect(&mut self, id: u32, pending: Pending) {
        self.named += usize::from(pending.is_named());
        self.pending.insert(id, pending);
    }

    /// Answers a request here, with a code of `SSH_FXP_STATUS`, and says what was refused.
    fn refuse(&mut self, id: u32, code: u32, why: Why, refused: Option<Pending>) {
        self.out.answers.push(wire::status(id, code, why));
        match refused {
            Some(Pending::Open(file)) => file.refused(why, &mut self.out.events),
            Some(pending) => {
                let what = format!("{}: {why}", pending.what());
                self.out.events.push(SessionEvent::RequestRefused { what });
            }
            None => {}
        }
    }
}
