//! Passes messages on in both directions, as the filter says.

use std::collections::BTreeSet;
use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use jump_core::protocol::SessionEvent;
use jump_core::recording::RecordKind;
use jump_core::session::EndReason;
use jump_core::stream::BoxStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use super::Shared;
use super::filter::{Filter, Forward, RefusedChannel};
use super::record::{RdpRecord, Refused};
use crate::wire::{Head, RdpError};

/// How much is read at once.
const CHUNK: usize = 64 * 1024;
const FROM_REP: &str = "read the rep's messages";
const FROM_TARGET: &str = "read the target's messages";

/// The filter; a verdict is never given while another one is.
pub(super) fn lock(filter: &Mutex<Filter>) -> MutexGuard<'_, Filter> {
    filter.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(error: RdpError, operation: &'static str) -> EndReason {
    EndReason::from_error(&error.into_error(operation))
}

/// Takes the next whole message out of a buffer.
fn next(buffer: &mut BytesMut) -> Result<Option<BytesMut>, RdpError> {
    let head = Head::read(buffer)?;
    Ok(head
        .filter(|head| head.length <= buffer.len())
        .map(|head| buffer.split_to(head.length)))
}

/// What is told of what does not pass: all of it in the recording, each kind once as an event.
struct Drops<'a> {
    shared: &'a Shared,
    /// What was dropped last, and how often, and is not recorded yet.
    last: Option<(Refused, u32)>,
    reported: BTreeSet<Refused>,
}

impl<'a> Drops<'a> {
    const fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            last: None,
            reported: BTreeSet::new(),
        }
    }

    async fn note(
        &mut self,
        dropped: Option<Refused>,
        channels: Vec<RefusedChannel>,
    ) -> Result<(), EndReason> {
        for RefusedChannel { name, what } in channels {
            let record = RdpRecord::ChannelRefused { name, what };
            self.shared.record(RecordKind::Event, record.payload()).await?;
            self.report(what).await;
        }
        let Some(what) = dropped else { return Ok(()) };
        match &mut self.last {
            Some((last, count)) if *last == what => *count = count.saturating_add(1),
            _ => {
                self.flush().await?;
                self.last = Some((what, 1));
            }
        }
        self.report(what).await;
        Ok(())
    }

    async fn report(&mut self, what: Refused) {
        if self.reported.insert(what) {
            self.shared
                .events
                .report(SessionEvent::RequestRefused {
                    what: what.text().to_owned(),
                })
                .await;
        }
    }

    async fn flush(&mut self) -> Result<(), EndReason> {
        let Some((what, messages)) = self.last.take() else {
            return Ok(());
        };
        let record = RdpRecord::Dropped { what, messages };
        self.shared.record(RecordKind::Event, record.payload()).await
    }
}

/// From the rep's client to the target.
pub(super) struct Up<'a> {
    shared: &'a Shared,
    drops: Drops<'a>,
    /// What passes with the next write.
    output: BytesMut,
}

impl<'a> Up<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            drops: Drops::new(shared),
            output: BytesMut::new(),
        }
    }

    /// Passes messages on until something ends the session; says what.
    pub(super) async fn run(
        mut self,
        mut rep: ReadHalf<BoxStream>,
        mut buffer: BytesMut,
        target: &mut WriteHalf<BoxStream>,
    ) -> EndReason {
        loop {
            if let Err(reason) = self.pass(&mut buffer, target).await {
                return reason;
            }
            buffer.reserve(CHUNK);
            tokio::select! {
                read = rep.read_buf(&mut buffer) => match read {
                    Ok(0) => return EndReason::RepClosed,
                    Ok(_) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                        return EndReason::RepClosed;
                    }
                    Err(_) => return EndReason::RepLost,
                },
                () = self.shared.told_target.notified() => {}
            }
        }
    }

    async fn pass(
        &mut self,
        buffer: &mut BytesMut,
        target: &mut WriteHalf<BoxStream>,
    ) -> Result<(), EndReason> {
        while let Some(message) = next(buffer).map_err(|error| failed(error, FROM_REP))? {
            let verdict = {
                let mut filter = lock(&self.shared.filter);
                let verdict = filter.client(message);
                if filter.waits_for_client() {
                    self.shared.told_client.notify_one();
                }
                verdict.map_err(|error| failed(error, FROM_REP))?
            };
            self.drops.note(verdict.dropped, verdict.channels).await?;
            match verdict.forward {
                Forward::Nothing => {}
                Forward::Bytes(bytes) => self.output.extend_from_slice(&bytes),
                Forward::Login { bytes, recorded } => {
                    self.flush(target).await?;
                    self.shared.record(RecordKind::FromRep, recorded.into()).await?;
                    self.send(&bytes, target).await?;
                }
            }
            self.answer();
        }
        self.answer();
        self.flush(target).await
    }

    /// Adds what the target is told in the rep's place.
    fn answer(&mut self) {
        let mut filter = lock(&self.shared.filter);
        if filter.waits_for_target() {
            self.output.extend_from_slice(&filter.take_for_target());
        }
    }

    /// Records what passes and sends it.
    async fn flush(&mut self, target: &mut WriteHalf<BoxStream>) -> Result<(), EndReason> {
        self.drops.flush().await?;
        if self.output.is_empty() {
            return Ok(());
        }
        let bytes = mem::take(&mut self.output).freeze();
        self.shared.record(RecordKind::FromRep, bytes.clone()).await?;
        self.send(&bytes, target).await
    }

    async fn send(&self, bytes: &[u8], target: &mut WriteHalf<BoxStream>) -> Result<(), EndReason> {
        let sent = async {
            target.write_all(bytes).await?;
            target.flush().await
        };
        self.shared.sending_up.store(true, Ordering::Relaxed);
        sent.await.map_err(|_: std::io::Error| EndReason::TargetClosed)?;
        self.shared.sending_up.store(false, Ordering::Relaxed);
        self.shared
            .from_rep
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// From the target to the rep's client.
pub(super) struct Down<'a> {
    shared: &'a Shared,
    drops: Drops<'a>,
    /// Whether something is being sent to the client.
    sending: bool,
}

impl<'a> Down<'a> {
    pub(super) const fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            drops: Drops::new(shared),
            sending: false,
        }
    }

    /// Whether the client has whole messages only.
    pub(super) const fn between_messages(&self) -> bool {
        !self.sending
    }

    /// Passes messages on until something ends the session; says what.
    pub(super) async fn run(
        &mut self,
        mut target: ReadHalf<BoxStream>,
        mut buffer: BytesMut,
        rep: &mut WriteHalf<BoxStream>,
    ) -> EndReason {
        loop {
            if let Err(reason) = self.pass(&mut buffer, rep).await {
                return reason;
            }
            buffer.reserve(CHUNK);
            tokio::select! {
                // It goes away without a word, as most servers do.
                read = target.read_buf(&mut buffer) => if !matches!(read, Ok(1..)) {
                    return EndReason::TargetClosed;
                },
                () = self.shared.told_client.notified() => {}
            }
        }
    }

    async fn pass(&mut self, buffer: &mut BytesMut, rep: &mut WriteHalf<BoxStream>) -> Result<(), EndReason> {
        let mut output = BytesMut::new();
        let judged = self.judge(buffer, &mut output).await;
        // What came before something wrong is still to be seen.
        self.drops.flush().await?;
        if !output.is_empty() {
            let bytes = output.freeze();
            self.shared.record(RecordKind::FromTarget, bytes.clone()).await?;
            self.sending = true;
            let sent = async {
                rep.write_all(&bytes).await?;
                rep.flush().await
            };
            sent.await.map_err(|_: std::io::Error| EndReason::RepLost)?;
            self.sending = false;
            self.shared
                .from_target
                .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        judged
    }

    async fn judge(&mut self, buffer: &mut BytesMut, output: &mut BytesMut) -> Result<(), EndReason> {
        while let Some(message) = next(buffer).map_err(|error| failed(error, FROM_TARGET))? {
            let verdict = {
                let mut filter = lock(&self.shared.filter);
                let verdict = filter.server(message);
                if filter.waits_for_target() {
                    self.shared.told_target.notify_one();
                }
                verdict.map_err(|error| failed(error, FROM_TARGET))?
            };
            self.drops.note(verdict.dropped, verdict.channels).await?;
            if let Forward::Bytes(bytes) = verdict.forward {
                output.extend_from_slice(&bytes);
            }
            self.answer(output);
        }
        self.answer(output);
        Ok(())
    }

    /// Adds what the client is told in the target's place.
    fn answer(&self, output: &mut BytesMut) {
        let mut filter = lock(&self.shared.filter);
        if filter.waits_for_client() {
            output.extend_from_slice(&filter.take_for_client());
        }
    }
}
