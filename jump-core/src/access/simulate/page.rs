//! Answers with bounds.

use serde::{Deserialize, Serialize};

use super::Answer;
use crate::id::{ItemId, UserId};

/// About how many decisions one page costs at most, on each world that it is about: some ten milliseconds.
pub const MOST_STEPS: usize = 20_000;

/// Which part of a long answer is wanted.
#[derive(Clone, Debug)]
pub struct Window<C> {
    /// After which place in it; `None` is from the beginning.
    pub after: Option<C>,
    /// At most this many rows, but at least one.
    pub most: usize,
    /// Whether those are wanted, too, for whom the answer is no.
    pub denied: bool,
}

impl<C> Window<C> {
    /// The first rows, without those for whom the answer is no.
    #[must_use]
    pub const fn first(most: usize) -> Self {
        Self {
            after: None,
            most,
            denied: false,
        }
    }
}

/// A part of a long answer.
#[derive(Clone, Debug)]
pub struct Page<C, R> {
    /// The rows, each with its place in the answer.
    pub rows: Vec<(C, R)>,
    /// There may be more: go on after this place. A page may have few rows, or none, and yet not be the last.
    pub next: Option<C>,
}

/// A pair and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Who.
    pub user: UserId,
    /// With which item.
    pub item: ItemId,
    /// The answer.
    pub answer: Answer,
}

/// A page in the making.
#[derive(Debug)]
pub(super) struct Pager<C, R> {
    rows: Vec<(C, R)>,
    most: usize,
    steps: usize,
}

/// The page is complete.
#[derive(Debug)]
pub(super) struct Full<C>(pub(super) C);

impl<C: Clone, R> Pager<C, R> {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            rows: Vec::new(),
            most,
            steps: 0,
        }
    }

    /// Puts a row on the page. Only a row that finds no room shows that there is more: the page ends before it.
    pub(super) fn push(&mut self, at: C, row: R) -> Result<(), Full<C>> {
        match self.rows.last() {
            Some((last, _)) if self.rows.len() >= self.most => Err(Full(last.clone())),
            _ => {
                self.rows.push((at, row));
                Ok(())
            }
        }
    }

    /// Counts the work that led up to a place.
    pub(super) fn step(&mut self, steps: usize, at: impl FnOnce() -> C) -> Result<(), Full<C>> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps < MOST_STEPS {
            Ok(())
        } else {
            Err(Full(at()))
        }
    }

    pub(super) fn finish(self, result: Result<(), Full<C>>) -> Page<C, R> {
        Page {
            rows: self.rows,
            next: result.err().map(|Full(at)| at),
        }
    }
}
