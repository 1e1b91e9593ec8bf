//! From the target to the rep's viewer: walked over, and passed on as it came.

use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use jump_core::protocol::SessionEvent;
use jump_core::recording::RecordKind;
use jump_core::screen::ResizePace;
use jump_core::session::EndReason;
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind};
use tokio::io::{AsyncWriteExt, WriteHalf};

use super::leg::{CHUNK, Reader};
use super::record::{Refused, VncRecord};
use super::{Shared, failed};
use crate::RfbError;
use crate::walk::{Followed, Follower};

const READ: &str = "read the target's messages";

struct Down<'a> {
    shared: &'a Shared,
    follower: Follower,
    pace: ResizePace,
    /// Bytes at the front of the buffer that were passed on, or not, and are to be looked at again.
    judged: usize,
    reported: bool,
}

/// Passes messages on until something ends the session; says what.
pub(super) async fn run(
    mut target: Reader,
    mut buffer: BytesMut,
    follower: Follower,
    rep: &mut WriteHalf<BoxStream>,
    shared: &Shared,
) -> EndReason {
    let mut down = Down {
        shared,
        follower,
        pace: ResizePace::new(),
        judged: 0,
        reported: false,
    };
    loop {
        while buffer.len() > down.judged {
            if let Err(reason) = down.pass(&mut buffer, rep).await {
                return reason;
            }
        }
        match target.read(&mut buffer).await {
            Ok(0) => return EndReason::TargetClosed,
            Ok(_) => {}
            Err(error) => {
                let error = Error::from_io(ErrorKind::Network, READ, error);
                return match error.kind() {
                    // It went away without a word, as most servers do.
                    ErrorKind::Network => EndReason::TargetClosed,
                    _ => EndReason::from_error(&error),
                };
            }
        }
    }
}

impl Down<'_> {
    /// Passes on what of the buffer may pass, at least some of it, and waits if the target changes its size too often.
    async fn pass(&mut self, buffer: &mut BytesMut, rep: &mut WriteHalf<BoxStream>) -> Result<(), EndReason> {
        for format in self.shared.formats.changes() {
            let changed = self.follower.may_change(format);
            changed.map_err(|error| failed(error, READ))?;
        }
        let most = self.pace.left();
        let followed = self.follower.follow(buffer, most);
        let followed = followed.map_err(|error| failed(error, READ))?;
        self.shared.formats.began(followed.updates);
        let passed = self.take(buffer, &followed)?;
        if followed.clipboards_ended > 0 && !self.shared.permissions.clipboard_from_target {
            self.note(followed.clipboards_ended).await?;
        }
        if !passed.is_empty() {
            let length = passed.len() as u64;
            self.shared.record(RecordKind::FromTarget, passed.clone()).await?;
            let sent = async {
                rep.write_all(&passed).await?;
                rep.flush().await
            };
            sent.await.map_err(|_| EndReason::RepLost)?;
            self.shared.from_target.fetch_add(length, Ordering::Relaxed);
        }
        self.pace.took(followed.resizes).await;
        Ok(())
    }

    /// Takes from the buffer what is done with; what of the bytes that are newly judged may pass, without a copy unless
    /// something is left out.
    fn take(&mut self, buffer: &mut BytesMut, followed: &Followed) -> Result<Bytes, EndReason> {
        let (seen, judged) = (self.judged, followed.judged);
        let left_out = if self.shared.permissions.clipboard_from_target {
            &[][..]
        } else {
            let undecided =
                "what is the target's clipboard cannot be told from its pixels since their format changed";
            followed
                .clipboards
                .as_deref()
                .ok_or_else(|| failed(RfbError::Protocol(undecided), READ))?
        };
        let mut kept = None;
        if !left_out.is_empty() {
            let mut bytes = Vec::with_capacity(judged.saturating_sub(seen));
            let mut from = seen;
            for part in left_out {
                bytes.extend_from_slice(buffer.get(from..part.start).unwrap_or_default());
                from = part.end;
            }
            bytes.extend_from_slice(buffer.get(from..judged).unwrap_or_default());
            kept = Some(bytes);
        }
        // What is looked at again is short; what was never looked at is long only where the target's size changes too often.
        let again = buffer.get(followed.consumed..).unwrap_or_default().to_vec();
        let done = buffer.split().freeze();
        if !again.is_empty() {
            buffer.reserve(again.len() + CHUNK);
            buffer.extend_from_slice(&again);
        }
        self.judged = judged - followed.consumed;
        Ok(kept.map_or_else(|| done.slice(seen..judged), Bytes::from))
    }

    async fn note(&mut self, messages: u32) -> Result<(), EndReason> {
        let what = Refused::ClipboardFromTarget;
        let record = VncRecord::Dropped { what, messages };
        self.shared.record(RecordKind::Event, record.payload()).await?;
        if !self.reported {
            self.reported = true;
            self.shared
                .events
                .report(SessionEvent::RequestRefused {
                    what: what.text().to_owned(),
                })
                .await;
        }
        Ok(())
    }
}
