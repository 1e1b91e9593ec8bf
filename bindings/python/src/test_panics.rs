//! What panics because a test asks for it. In debug builds only, and not among the names of the module.

use jump_core::Result;
use pyo3::prelude::*;

use crate::call::Call;
use crate::engine::Engine;
use crate::errors::{at_once, raise};

#[allow(clippy::panic, reason = "that is what it is for")]
fn burst<T>() -> T {
    panic!("as the test asked")
}

/// Panics in what is done at once.
#[pyfunction]
fn panic_at_once(py: Python<'_>) -> PyResult<()> {
    at_once(py, burst::<Result<()>>)
}

/// A call that panics: when it is first looked at (`begin`), in its task (`task`), when whoever waits for it looks again (`waiter`), or
/// when its value is made Python's (`show`).
#[pyfunction]
fn panicking(py: Python<'_>, place: String) -> PyResult<Call> {
    let engine = raise(py, Engine::start())?;
    let short = place == "waiter";
    let shows = place == "show";
    let work = async move {
        match place.as_str() {
            "begin" => burst(),
            "task" | "waiter" => {
                // Whoever looked first comes back for the rest.
                tokio::task::yield_now().await;
                burst()
            }
            _ => Ok(()),
        }
    };
    let show = move |py: Python<'_>, ()| if shows { burst() } else { Ok(py.None()) };
    Ok(if short {
        Call::short(&engine, work, show)
    } else {
        Call::new(&engine, work, show)
    })
}

pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.setattr("_panic_at_once", wrap_pyfunction!(panic_at_once, py)?)?;
    module.setattr("_panicking", wrap_pyfunction!(panicking, py)?)
}
