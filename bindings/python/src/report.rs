//! A report, a page at a time.

use std::sync::Arc;

use jump_core::rep::Report as CoreReport;
use jump_core::report::ReportRow;
use pyo3::prelude::*;
use tokio::sync::Mutex;

use crate::bridge;
use crate::call::Call;
use crate::engine::{Engine, Kept};
use crate::session::text;

/// The rows of a report. They are asked for one page after the other.
#[pyclass(frozen, module = "jump._jump")]
pub(crate) struct Report {
    report: Arc<Mutex<Kept<CoreReport>>>,
    engine: Arc<Engine>,
}

impl Report {
    pub(crate) fn new(report: CoreReport, engine: &Arc<Engine>) -> Self {
        Self {
            report: Arc::new(Mutex::new(Kept::new(report, engine.clone()))),
            engine: engine.clone(),
        }
    }
}

#[pymethods]
impl Report {
    /// The next rows as a JSON list, perhaps none; `null` at the end.
    fn next(&self) -> Call {
        let report = self.report.clone();
        let next = async move {
            let mut report = report.lock().await;
            let rows: Option<Vec<ReportRow>> = match report.value_mut() {
                Some(report) => report.next().await?,
                None => None,
            };
            bridge::write(&rows)
        };
        Call::new(&self.engine, next, text)
    }
}
