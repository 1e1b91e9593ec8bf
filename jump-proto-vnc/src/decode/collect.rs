//! Data that can only be used when all of them are there.

use super::Progress;
use crate::wire::Input;

/// Collects so many bytes. It holds no more than those that came.
#[derive(Debug, Default)]
pub(crate) struct Collect {
    length: usize,
    bytes: Vec<u8>,
}

impl Collect {
    /// `length` must have been checked against a limit.
    pub(crate) const fn new(length: usize) -> Self {
        Self {
            length,
            bytes: Vec::new(),
        }
    }

    /// Takes what is there of them.
    pub(crate) fn step(&mut self, input: &mut Input<'_>) -> Progress {
        let missing = self.length - self.bytes.len();
        let taken = input.take(missing.min(input.rest().len())).unwrap_or_default();
        if self.bytes.is_empty() && taken.len() == self.length {
            self.bytes.reserve_exact(self.length);
        }
        self.bytes.extend_from_slice(taken);
        if self.bytes.len() == self.length {
            Progress::Finished
        } else {
            Progress::Needs(1)
        }
    }

    /// Begins to collect as many again.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Takes what was collected, so that it is empty again.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// What was collected.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
