//! What every kind of session has: what was granted, and what the broker says about it meanwhile.

use std::sync::Arc;

use jump_core::protocol::Session;
use jump_core::rep::{OpenedSession, SessionEvents, SessionNews};
use jump_core::session::Grant;
use jump_core::{Error, ErrorKind};
use pyo3::prelude::*;
use serde_json::json;
use tokio::sync::Mutex;

use crate::bridge;
use crate::call::Call;
use crate::engine::{Engine, Kept};
use crate::errors;
use crate::screen::Screen;
use crate::shell::Shell;
use crate::tunnel::Tunnel;

/// Shows a text as Python's.
pub(crate) fn text(py: Python<'_>, text: String) -> PyResult<Py<PyAny>> {
    Ok(text.into_pyobject(py)?.into_any().unbind())
}

/// Kind, session, grant and news of a session that was started.
pub(crate) fn shown(py: Python<'_>, engine: &Arc<Engine>, opened: OpenedSession) -> PyResult<Py<PyAny>> {
    let granted = errors::raise(py, granted(&opened.grant))?;
    let news = Py::new(
        py,
        News {
            news: Arc::new(Mutex::new(Kept::new(opened.events, engine.clone()))),
            engine: engine.clone(),
        },
    )?;
    let (kind, session) = match opened.session {
        Session::Shell(shell) => ("shell", Py::new(py, Shell::new(shell, engine))?.into_any()),
        Session::Screen(screen) => ("screen", Py::new(py, Screen::new(screen, engine))?.into_any()),
        Session::Tunnel(tunnel) => ("tunnel", Py::new(py, Tunnel::new(tunnel, engine))?.into_any()),
        _ => {
            let message = "this package cannot drive a session of this kind";
            let error = Error::new(ErrorKind::Unsupported, "start a session", message);
            return Err(errors::to_python(py, &error));
        }
    };
    Ok((kind, session, granted, news)
        .into_pyobject(py)?
        .into_any()
        .unbind())
}

fn granted(grant: &Grant) -> jump_core::Result<String> {
    let addresses: Vec<_> = grant
        .target()
        .addresses
        .iter()
        .map(|address| (address.host().to_string(), address.port()))
        .collect();
    bridge::write(&json!({
        "session": grant.session(),
        "user": grant.user_name(),
        "item": grant.item_name(),
        "item_id": grant.item(),
        "protocol": grant.protocol(),
        "until": grant.until(),
        "recording": grant.recording(),
        "permissions": grant.permissions(),
        "addresses": addresses,
    }))
}

/// What the broker says about a session while it runs.
#[pyclass(frozen, module = "jump._jump")]
pub(crate) struct News {
    news: Arc<Mutex<Kept<SessionEvents>>>,
    engine: Arc<Engine>,
}

#[pymethods]
impl News {
    /// The next news as JSON: `{"ending": …}` or `{"ended": …}`; `null` after the end.
    fn next(&self) -> Call {
        let news = self.news.clone();
        let next = async move {
            let mut news = news.lock().await;
            let said = match news.value_mut() {
                Some(news) => news.next().await?,
                None => None,
            };
            bridge::write(&said.map(|said| match said {
                SessionNews::Ending(ending) => json!({ "ending": ending }),
                SessionNews::Ended(reason) => {
                    json!({ "ended": { "why": reason.to_string(), "normal": reason.is_normal() } })
                }
                _ => json!({}),
            }))
        };
        Call::new(&self.engine, next, text)
    }
}
