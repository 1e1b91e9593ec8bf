//! What was measured: for each candidate and measure one value per round.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::statistics::Spread;

/// The values of one subject.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Series(BTreeMap<&'static str, BTreeMap<&'static str, Vec<f64>>>);

impl Series {
    pub(crate) fn push(&mut self, candidate: &'static str, measure: &'static str, value: f64) {
        self.0
            .entry(candidate)
            .or_default()
            .entry(measure)
            .or_default()
            .push(value);
    }

    fn values(&self, candidate: &str, measure: &str) -> &[f64] {
        self.0
            .get(candidate)
            .and_then(|measures| measures.get(measure))
            .map_or(&[], Vec::as_slice)
    }

    pub(crate) fn spread(&self, candidate: &str, measure: &str) -> Spread {
        Spread::of(self.values(candidate, measure))
    }

    /// Of two measures of one candidate.
    pub(crate) fn ratio_of(&self, candidate: &str, above: &str, below: &str) -> Spread {
        Spread::of_ratios(self.values(candidate, above), self.values(candidate, below))
    }

    pub(crate) fn ratio(&self, above: &str, below: &str, measure: &str) -> Spread {
        Spread::of_ratios(self.values(above, measure), self.values(below, measure))
    }
}
