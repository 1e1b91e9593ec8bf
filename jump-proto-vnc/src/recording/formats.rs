//! From which update on the target writes pixels in another format.

use crate::wire::PixelFormat;

/// Follows what a gate guarantees: a change of the format was passed on when every update that was asked for had begun,
/// and continuous updates were switched off. The gate handles the two directions at the same time, so the bytes of those
/// updates may stand in the recording behind the change; they are in the old format nevertheless. Where the gate did not wait
/// for all of them, because they may never come, it says so.
#[derive(Debug, Default)]
pub(super) struct FormatChanges {
    /// Requests without an update.
    asked: u32,
    /// Ends of continuous updates that were asked for and have not come (rfbproto "EndOfContinuousUpdates").
    ends: u32,
    next: Option<Next>,
}

/// A format, and how many updates and ends of continuous updates come before it.
#[derive(Debug)]
struct Next {
    format: PixelFormat,
    asked: u32,
    ends: u32,
}

impl FormatChanges {
    /// The client asked for an update (RFC 6143 §7.5.3).
    pub(super) const fn asked(&mut self) {
        self.asked = self.asked.saturating_add(1);
    }

    /// What the client asked for counts as answered.
    pub(super) const fn answered(&mut self) {
        self.asked = 0;
    }

    /// The client switched continuous updates off (rfbproto "EnableContinuousUpdates").
    pub(super) const fn ending(&mut self) {
        self.ends = self.ends.saturating_add(1);
    }

    /// The client changed the format (RFC 6143 §7.5.1).
    pub(super) const fn change(&mut self, format: PixelFormat) {
        self.next = Some(Next {
            format,
            asked: self.asked,
            ends: self.ends,
        });
    }

    /// An update begins.
    pub(super) const fn update_begins(&mut self) {
        self.asked = self.asked.saturating_sub(1);
        if let Some(next) = &mut self.next {
            next.asked = next.asked.saturating_sub(1);
        }
    }

    /// Continuous updates ended.
    pub(super) const fn ended(&mut self) {
        self.ends = self.ends.saturating_sub(1);
        if let Some(next) = &mut self.next {
            next.ends = next.ends.saturating_sub(1);
            if next.ends == 0 {
                next.asked = 0;
            }
        }
    }

    /// Between two messages of the target: the format that holds from here on, if it is another.
    pub(super) fn due(&mut self) -> Option<PixelFormat> {
        let next = self.next.take_if(|next| next.asked == 0 && next.ends == 0)?;
        Some(next.format)
    }
}
