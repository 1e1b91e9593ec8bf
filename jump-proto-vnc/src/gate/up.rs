//! From the rep's viewer to the target: one verdict per message.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use bytes::{Buf, Bytes, BytesMut};
use jump_core::protocol::SessionEvent;
use jump_core::recording::RecordKind;
use jump_core::session::EndReason;
use jump_core::stream::BoxStream;
use tokio::io::{AsyncReadExt, ReadHalf};
use tokio::time::timeout;

use super::leg::Writer;
use super::record::{Refused, VncRecord};
use super::{GOODBYE, Shared, encodings, failed};
use crate::RfbError;
use crate::held::Held;
use crate::wire::{ClientFramer, ClientMessage, ClientMessageKind as Kind, Input};

/// How much is read at once.
const CHUNK: usize = 64 * 1024;
const READ: &str = "read the rep's messages";

/// What becomes of a message.
enum Verdict {
    Pass,
    Drop(Refused),
}

pub(super) struct Up<'a> {
    shared: &'a Shared,
    target: Writer,
    framer: ClientFramer,
    /// What passes with the next write.
    output: Vec<u8>,
    /// What was dropped last, and how often, and is not recorded yet.
    dropped: Option<(Refused, u32)>,
    reported: BTreeSet<&'static str>,
    /// What is held once the output has passed.
    held: Held,
    /// What is held at the target.
    held_there: Held,
}

impl<'a> Up<'a> {
    pub(super) fn new(target: Writer, shared: &'a Shared) -> Self {
        Self {
            shared,
            target,
            framer: ClientFramer::new(),
            output: Vec::with_capacity(CHUNK),
            dropped: None,
            reported: BTreeSet::new(),
            held: Held::default(),
            held_there: Held::default(),
        }
    }

    /// Passes messages on until something ends the session; says what. Cancelled, it leaves no message half sent once
    /// [`release`](Self::release) was called.
    pub(super) async fn run(&mut self, mut rep: ReadHalf<BoxStream>, early: Vec<u8>) -> EndReason {
        let mut buffer = BytesMut::from(early.as_slice());
        loop {
            if let Err(reason) = self.pass(&mut buffer).await {
                return reason;
            }
            buffer.reserve(CHUNK);
            match rep.read_buf(&mut buffer).await {
                Ok(0) => return EndReason::RepClosed,
                Ok(_) => {}
                Err(_) => return EndReason::RepLost,
            }
        }
    }

    /// Lets go of what the rep still holds at the target: nobody else would.
    pub(super) async fn release(&mut self) {
        // What did not get as far as the target is not to be let go there either.
        self.output.clear();
        let released = self.held_there.release(&self.framer, &mut self.output);
        if released.is_err() || self.output.is_empty() {
            return;
        }
        let bytes = Bytes::copy_from_slice(&self.output);
        // The target is not to suffer from a recording that is late or has failed.
        let _ = timeout(GOODBYE, self.shared.record(RecordKind::FromRep, bytes)).await;
        let _ = timeout(GOODBYE, self.target.send(&self.output)).await;
    }

    /// Passes on every whole message that may; what is left is the beginning of one, at most 1 MiB. What came before one
    /// that ends the session passes, too.
    async fn pass(&mut self, buffer: &mut BytesMut) -> Result<(), EndReason> {
        let judged = self.judge_all(buffer).await;
        if judged.is_ok() {
            return self.flush().await;
        }
        // The session is over: neither recording nor target may keep it up.
        let _ = timeout(GOODBYE, self.flush()).await;
        judged
    }

    async fn judge_all(&mut self, buffer: &mut BytesMut) -> Result<(), EndReason> {
        loop {
            let head = self.framer.head(buffer).map_err(|error| failed(error, READ))?;
            let Some(head) = head.filter(|head| head.length <= buffer.len()) else {
                return Ok(());
            };
            match self.judge(head.kind) {
                Verdict::Drop(what) => self.drop_one(what).await?,
                Verdict::Pass => self.take(head.kind, buffer).await?,
            }
            buffer.advance(head.length);
        }
    }

    const fn judge(&self, kind: Kind) -> Verdict {
        let permissions = self.shared.permissions;
        match kind {
            Kind::Key | Kind::Pointer | Kind::QemuKey if !permissions.keyboard_mouse => {
                Verdict::Drop(Refused::KeyboardMouse)
            }
            // Another size is control of the target as well.
            Kind::SetDesktopSize if !permissions.keyboard_mouse => Verdict::Drop(Refused::Resize),
            Kind::CutText if !permissions.clipboard_to_target => Verdict::Drop(Refused::ClipboardToTarget),
            // Without both directions it was not agreed on.
            Kind::ExtendedClipboard
                if !permissions.clipboard_to_target || !permissions.clipboard_from_target =>
            {
                Verdict::Drop(Refused::ClipboardToTarget)
            }
            // Its encoding is never agreed on, and no permission speaks of it.
            Kind::Xvp => Verdict::Drop(Refused::Power),
            _ => Verdict::Pass,
        }
    }

    /// Adds the message at the front of the buffer to what passes, changed where that has to be.
    async fn take(&mut self, kind: Kind, buffer: &BytesMut) -> Result<(), EndReason> {
        let matters = matches!(
            kind,
            Kind::SetPixelFormat
                | Kind::SetEncodings
                | Kind::ContinuousUpdates
                | Kind::UpdateRequest
                | Kind::Key
                | Kind::QemuKey
                | Kind::Pointer
        );
        if !matters {
            // Found whole by its head; what it says does not matter here.
            let head = self.framer.head(buffer).map_err(|error| failed(error, READ))?;
            let length = head.map_or(0, |head| head.length);
            self.output
                .extend_from_slice(buffer.get(..length).unwrap_or_default());
            return Ok(());
        }
        let mut input = Input::new(buffer);
        let frame = self
            .framer
            .next(&mut input)
            .map_err(|error| failed(error, READ))?
            .ok_or_else(|| failed(RfbError::Protocol("a message is not whole"), READ))?;
        match frame.message {
            ClientMessage::SetEncodings(listed) => {
                let permissions = self.shared.permissions;
                let clipboard = permissions.clipboard_to_target && permissions.clipboard_from_target;
                encodings::message(encodings::clamp(listed, clipboard), &mut self.output)
                    .map_err(|error| failed(error, READ))?;
            }
            ClientMessage::SetPixelFormat(format) => {
                let raw = frame.raw;
                self.flush().await?;
                if !self.shared.formats.quiet().await {
                    let record = VncRecord::UpdatesAnswered.payload();
                    self.shared.record(RecordKind::Event, record).await?;
                }
                if !self.shared.formats.change(format) {
                    let error = RfbError::Limit("the pixel format is changed again and again");
                    return Err(failed(error, READ));
                }
                self.output.extend_from_slice(raw);
                self.flush().await?;
            }
            message => {
                self.held
                    .note(&message, &self.framer, &mut self.output)
                    .map_err(|error| failed(error, READ))?;
                match message {
                    ClientMessage::UpdateRequest { .. } => self.shared.formats.asked(),
                    ClientMessage::ContinuousUpdates { enabled, .. } => {
                        self.shared.formats.continuous(enabled);
                    }
                    _ => {}
                }
                self.output.extend_from_slice(frame.raw);
            }
        }
        Ok(())
    }

    /// Counts a message that does not pass; the first of its kind is an event.
    async fn drop_one(&mut self, what: Refused) -> Result<(), EndReason> {
        match &mut self.dropped {
            Some((last, count)) if *last == what => *count = count.saturating_add(1),
            _ => {
                self.record_dropped().await?;
                self.dropped = Some((what, 1));
            }
        }
        if self.reported.insert(what.text()) {
            self.shared
                .events
                .report(SessionEvent::RequestRefused {
                    what: what.text().to_owned(),
                })
                .await;
        }
        Ok(())
    }

    async fn record_dropped(&mut self) -> Result<(), EndReason> {
        let Some((what, messages)) = self.dropped.take() else {
            return Ok(());
        };
        let record = VncRecord::Dropped { what, messages };
        self.shared.record(RecordKind::Event, record.payload()).await
    }

    /// Records what passes and sends it.
    async fn flush(&mut self) -> Result<(), EndReason> {
        self.record_dropped().await?;
        if self.output.is_empty() {
            return Ok(());
        }
        self.shared
            .record(RecordKind::FromRep, Bytes::copy_from_slice(&self.output))
            .await?;
        // From here on it goes out, even if this is cancelled, and is not recorded once more if it fails.
        let mut output = std::mem::take(&mut self.output);
        self.held_there.clone_from(&self.held);
        self.target
            .send(&output)
            .await
            .map_err(|_| EndReason::TargetClosed)?;
        self.shared
            .from_rep
            .fetch_add(output.len() as u64, Ordering::Relaxed);
        output.clear();
        self.output = output;
        Ok(())
    }
}
