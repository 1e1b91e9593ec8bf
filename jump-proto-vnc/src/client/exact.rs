//! Exact pixels for a moment, in a session that otherwise takes JPEG: for pictures that are to be kept.

use jump_core::Result;
use jump_core::screen::Coverage;

use super::shared::{Shared, State};
use super::{announce, is_lossy};
use crate::RfbResult;
use crate::wire::{ClientMessage, Rectangle};

const OPERATION: &str = "take a screenshot";
/// Sent back once the server knows that it is to be exact.
const MARK: &[u8] = b"exact";
/// Bit 31 asks for an answer, bit 0 for it to come after everything before it (rfbproto "ClientFence").
const MARK_FLAGS: u32 = 1 << 31 | 1;

/// How far a server is with painting the whole screen exactly.
#[derive(Debug)]
pub(super) enum Exact {
    /// What comes may have been written before it knew.
    Marked,
    /// The whole screen is painted; without fences once, so that what was under way is over, and then again.
    Round { last: bool, coverage: Coverage },
    /// Every pixel is exact, and stays so.
    Done,
}

/// As long as this is there, the server sends exact pixels.
pub(super) struct Hold<'a>(&'a Shared);

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.exact = None;
        if state.hints.iter().copied().any(is_lossy) {
            // The list always fits.
            let _ = announce(&mut state);
        }
        drop(state);
        self.0.outgoing.send_replace(());
    }
}

impl<'a> Hold<'a> {
    /// Waits until the picture is exact. Cancel-safe. One at a time.
    pub(super) async fn start(shared: &'a Shared) -> Result<Self> {
        let sent = shared.send(OPERATION, |state| {
            if !state.lossy {
                state.exact = Some(Exact::Done);
                return Ok(());
            }
            state.exact = Some(Exact::Marked);
            let marked = announce(state).and_then(|()| {
                if state.server.fences {
                    return state.outbox.push(&ClientMessage::Fence {
                        flags: MARK_FLAGS,
                        payload: MARK,
                    });
                }
                begin(state, false)
            });
            marked.map_err(|error| error.into_error(OPERATION))
        });
        let hold = sent.await.map(|()| Self(shared))?;
        shared
            .found(OPERATION, |state| {
                matches!(state.exact, Some(Exact::Done)).then_some(())
            })
            .await?;
        Ok(hold)
    }
}

/// The server answered a fence.
pub(super) fn fence(state: &mut State, payload: &[u8]) -> RfbResult<()> {
    if payload == MARK && matches!(state.exact, Some(Exact::Marked)) {
        begin(state, true)?;
    }
    Ok(())
}

fn begin(state: &mut State, last: bool) -> RfbResult<()> {
    let coverage = Coverage::new(state.size);
    state.exact = Some(if coverage.is_whole() {
        Exact::Done
    } else {
        Exact::Round { last, coverage }
    });
    state.outbox.push(&ClientMessage::UpdateRequest {
        incremental: false,
        rectangle: Rectangle::whole(state.size),
    })
}

/// The server painted a part.
pub(super) fn painted(state: &mut State, part: Rectangle) -> RfbResult<()> {
    let Some(Exact::Round { last, coverage }) = &mut state.exact else {
        return Ok(());
    };
    coverage.paint(part);
    match (coverage.is_whole(), *last) {
        (false, _) => {}
        (true, false) => begin(state, true)?,
        (true, true) => {
            state.exact = Some(Exact::Done);
            state.lossy = false;
        }
    }
    Ok(())
}

/// The screen has another size: all of it is painted again.
pub(super) fn resized(state: &mut State) -> RfbResult<()> {
    match state.exact {
        Some(Exact::Round { last, .. }) => begin(state, last),
        _ => Ok(()),
    }
}
