//! What a run says: sections of tables and goals, as Markdown, JSON and a picture.

mod machine;
mod markdown;
mod plot;

use jump_core::{Error, ErrorKind, Result};
use serde::Serialize;

use crate::series::Series;
use crate::statistics::Spread;

pub(crate) use machine::Machine;

/// One subject.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// How it was measured.
    pub(crate) method: String,
    #[serde(skip)]
    pub(crate) table: Table,
    pub(crate) goals: Vec<Goal>,
    pub(crate) series: Series,
}

/// A table: a head and rows of cells, the first of which is the row's name.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    /// A row per candidate, a column per measure: `(measure, heading, digits after the point)`.
    pub(crate) fn of(
        series: &Series,
        candidates: &[&'static str],
        measures: &[(&'static str, &str, usize)],
    ) -> Self {
        let mut head = vec![String::new()];
        head.extend(measures.iter().map(|(_, heading, _)| (*heading).to_owned()));
        let row = |candidate: &&'static str| {
            let cell = |(measure, _, digits): &(&'static str, &str, usize)| {
                written(series.spread(candidate, measure), *digits)
            };
            std::iter::once((*candidate).to_owned())
                .chain(measures.iter().map(cell))
                .collect()
        };
        Self {
            head,
            rows: candidates.iter().map(row).collect(),
        }
    }
}

/// `median [least–greatest]`, or a dash for what was not measured.
pub(crate) fn written(spread: Spread, digits: usize) -> String {
    let Spread { median, min, max } = spread;
    if median.is_nan() {
        return "–".to_owned();
    }
    format!("{median:.digits$} [{min:.digits$}–{max:.digits$}]")
}

/// What we want to reach, and what we have.
#[derive(Debug, Serialize)]
pub(crate) struct Goal {
    pub(crate) what: String,
    pub(crate) got: Spread,
    pub(crate) limit: f64,
    /// Whether less is better.
    pub(crate) at_most: bool,
}

impl Goal {
    pub(crate) fn at_most(limit: f64, what: impl Into<String>, got: Spread) -> Self {
        Self {
            what: what.into(),
            got,
            limit,
            at_most: true,
        }
    }

    pub(crate) fn at_least(limit: f64, what: impl Into<String>, got: Spread) -> Self {
        Self {
            at_most: false,
            ..Self::at_most(limit, what, got)
        }
    }

    /// Whether the median reaches it.
    pub(crate) fn holds(&self) -> bool {
        if self.at_most {
            self.got.median <= self.limit
        } else {
            self.got.median >= self.limit
        }
    }
}

/// A whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) sections: Vec<Section>,
}

fn storage(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Storage, "write the report", error)
}

impl Report {
    pub(crate) fn markdown(&self) -> String {
        markdown::page(self)
    }

    /// Writes every value.
    pub(crate) fn write_json(&self, path: &std::path::Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(self).map_err(|error| {
            Error::new(ErrorKind::Internal, "write the report", "no json").with_source(error)
        })?;
        std::fs::write(path, json).map_err(storage)
    }

    /// Writes `benchmarks.md` and its picture into a folder.
    pub(crate) fn publish(&self, folder: &std::path::Path) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(storage)?;
        std::fs::write(folder.join(markdown::PICTURE), plot::bars(self)).map_err(storage)?;
        std::fs::write(folder.join("benchmarks.md"), self.markdown()).map_err(storage)
    }
}
