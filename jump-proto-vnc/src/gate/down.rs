//! From the target to the rep's viewer: walked over, and passed on as it came.

use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use jump_core::protocol::SessionEvent;
use jump_core::recording::RecordKind;
use jump_core::session::EndReason;
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind};
use tokio::io::{AsyncWriteExt, WriteHalf};

use super::leg::Reader;
use super::record::{Refused, VncRecord};
use super::{Shared, failed};
use crate::walk::{ServerMessageKind, Walker};
use crate::wire::{PixelFormat, server_number};

const READ: &str = "read the target's messages";

struct Down<'a> {
    shared: &'a Shared,
    walker: Walker,
    /// Whether the message at the front has been looked at.
    begun: bool,
    reported: bool,
}

/// Passes messages on until something ends the session; says what.
pub(super) async fn run(
    mut target: Reader,
    mut buffer: BytesMut,
    format: PixelFormat,
    rep: &mut WriteHalf<BoxStream>,
    shared: &Shared,
) -> EndReason {
    let mut down = Down {
        shared,
        walker: Walker::new(format),
        begun: false,
        reported: false,
    };
    loop {
        match down.take(&mut buffer).await {
            Ok(passed) if passed.is_empty() => {}
            Ok(passed) => {
                let length = passed.len() as u64;
                if let Err(reason) = shared.record(RecordKind::FromTarget, passed.clone()).await {
                    return reason;
                }
                let sent = async {
                    rep.write_all(&passed).await?;
                    rep.flush().await
                };
                if sent.await.is_err() {
                    return EndReason::RepLost;
                }
                shared.from_target.fetch_add(length, Ordering::Relaxed);
            }
            Err(reason) => return reason,
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
    /// Takes from the buffer what has been walked over; what of it may pass, without a copy unless something is left out.
    async fn take(&mut self, buffer: &mut BytesMut) -> Result<Bytes, EndReason> {
        let mut at = 0;
        let mut kept: Option<Vec<u8>> = None;
        let mut dropped = 0u32;
        while let Some(rest) = buffer.get(at..).filter(|rest| !rest.is_empty()) {
            if !self.begun {
                self.begin(rest)?;
            }
            let walked = self.walker.walk(rest).map_err(|error| failed(error, READ))?;
            let part = rest.get(..walked.consumed).unwrap_or_default();
            if self.drops(walked.message) {
                kept.get_or_insert_with(|| buffer.get(..at).unwrap_or_default().to_vec());
                dropped += u32::from(walked.ends);
            } else if let Some(kept) = &mut kept {
                kept.extend_from_slice(part);
            }
            at += walked.consumed;
            self.begun = !walked.ends;
            if walked.consumed == 0 && !walked.ends {
                break;
            }
        }
        let passed = buffer.split_to(at).freeze();
        if dropped > 0 {
            self.note(dropped).await?;
        }
        Ok(kept.map_or(passed, Bytes::from))
    }

    /// A message begins: this may be where the pixel format changes.
    fn begin(&mut self, rest: &[u8]) -> Result<(), EndReason> {
        let next = match rest.first() {
            Some(&server_number::UPDATE) => self.shared.formats.update_begins(),
            Some(&server_number::END_OF_CONTINUOUS_UPDATES) => self.shared.formats.continuous_ended(),
            _ => None,
        };
        self.begun = true;
        match next {
            Some(format) => self
                .walker
                .set_format(format)
                .map_err(|error| failed(error, READ)),
            None => Ok(()),
        }
    }

    fn drops(&self, message: Option<ServerMessageKind>) -> bool {
        message == Some(ServerMessageKind::ServerCutText) && !self.shared.permissions.clipboard_from_target
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
