//! Pulls a recording through the decoder.

use std::io::Read;
use std::time::Duration;

use jump_core::recording::{Ending as Written, Record, RecordKind, RecordingReader};
use jump_core::{Error, Result};

use super::{Decoder, OPERATION};

/// How what can be played of a recording ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With its session.
    Clean,
    /// Its writer was killed, or it was cut off, or it is still being written: it plays to its last whole chunk.
    Unclean,
    /// With the first bytes that were lost while recording (`best_effort`): what came after cannot be decoded, because
    /// it depends on every byte before.
    Lost {
        /// How many payload bytes were lost when the first part that lacks some was written.
        bytes: u64,
    },
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// What happened at this time was taken.
    Taken(Duration),
    /// The next thing happened later than that.
    Later,
    /// Nothing follows.
    Ended(Ending),
}

/// Plays a recording through a decoder, as far as it is pulled. It holds one record.
#[derive(Debug)]
pub struct Player<D, R> {
    records: RecordingReader<R>,
    held: Option<Record>,
    ended: Option<Ending>,
    screen: D,
}

impl<D: Decoder, R: Read> Player<D, R> {
    /// Plays from the beginning; the reader is one that nothing was read from.
    #[must_use]
    pub fn new(records: RecordingReader<R>) -> Self {
        Self {
            records,
            held: None,
            ended: None,
            screen: D::for_playing(),
        }
    }

    /// What was painted so far.
    #[must_use]
    pub const fn screen(&self) -> &D {
        &self.screen
    }

    /// The same, to take from it what it has collected.
    pub const fn screen_mut(&mut self) -> &mut D {
        &mut self.screen
    }

    /// When the next thing happens, since the recording began; `None` if nothing follows.
    ///
    /// # Errors
    /// As for [`step`](Self::step).
    pub fn next_at(&mut self) -> Result<Option<Duration>> {
        while self.held.is_none() && self.ended.is_none() {
            let Some(record) = self.records.next().transpose()? else {
                self.ended = Some(match self.records.ending() {
                    Written::Clean { lost_bytes: 0 } => Ending::Clean,
                    Written::Clean { lost_bytes: bytes } => Ending::Lost { bytes },
                    Written::Unclean => Ending::Unclean,
                });
                break;
            };
            let bytes = self.records.lost_bytes();
            if bytes > 0 {
                self.ended = Some(Ending::Lost { bytes });
            } else if matches!(
                record.kind,
                RecordKind::FromTarget | RecordKind::FromRep | RecordKind::Event
            ) {
                self.held = Some(record);
            }
        }
        Ok(self.held.as_ref().map(|record| record.at))
    }

    /// Takes one record, if it is not later than `until` since the recording began.
    ///
    /// # Errors
    /// Of the recording as its reader says; [`ErrorKind::Protocol`](jump_core::ErrorKind::Protocol) and others, with the
    /// time, for what cannot be decoded.
    pub fn step(&mut self, until: Duration, told: &mut dyn FnMut(Duration, D::Event)) -> Result<Step> {
        self.next_at()?;
        let Some(record) = self.held.take_if(|record| record.at <= until) else {
            return Ok(self
                .ended
                .filter(|_| self.held.is_none())
                .map_or(Step::Later, Step::Ended));
        };
        let mut told = |event| told(record.at, event);
        let taken = match record.kind {
            RecordKind::FromRep => self.screen.take_client(&record.payload, &mut told),
            RecordKind::Event => {
                self.screen.take_note(&record.payload, &mut told);
                Ok(())
            }
            _ => self.screen.take_target(&record.payload, &mut told),
        };
        taken.map_err(|error| {
            let seconds = record.at.as_secs_f64();
            Error::new(
                D::kind(&error),
                OPERATION,
                format!("after {seconds:.3} s: {error}"),
            )
            .with_source(error)
        })?;
        Ok(Step::Taken(record.at))
    }

    /// Takes everything that is not later than `until`.
    ///
    /// # Errors
    /// As for [`step`](Self::step).
    pub fn play_to(
        &mut self,
        until: Duration,
        told: &mut dyn FnMut(Duration, D::Event),
    ) -> Result<Option<Ending>> {
        loop {
            match self.step(until, told)? {
                Step::Taken(_) => {}
                Step::Later => return Ok(None),
                Step::Ended(ending) => return Ok(Some(ending)),
            }
        }
    }
}
