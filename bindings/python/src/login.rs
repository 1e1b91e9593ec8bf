//! Who a rep is: the login that the `jump` command keeps, too.

use std::path::PathBuf;

use jump_core::control::{BrokerEndpoint, Invitation};
use jump_core::keys::SigningKey;
use jump_core::model::Name;
use jump_core::rep::{self, LoginIdentity};
use jump_core::tunnel::TcpTransport;
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::engine::Engine;
use crate::errors::raise;
use crate::key_file::{self, Seed};
use crate::secret::{Secret, not_pickled};

/// A login: where the broker is, the key that it must prove, and our own key.
#[pyclass(frozen, module = "jump._jump")]
pub(crate) struct Login {
    pub(crate) identity: LoginIdentity,
    pub(crate) broker: BrokerEndpoint,
    user: String,
}

/// What the file is, and the version of its form.
#[derive(Deserialize, Serialize)]
enum Kind {
    #[serde(rename = "jump-login-1")]
    Login,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Text {
    kind: Kind,
    user: String,
    broker: BrokerEndpoint,
    key: Seed,
}

#[pymethods]
impl Login {
    /// Reads the file that `jump login` or `write` has written.
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let read = py.detach(|| {
            let text: Text = key_file::read(&path)?;
            Ok(Self {
                identity: LoginIdentity(SigningKey::from_seed(text.key.open()?)?),
                broker: text.broker,
                user: text.user,
            })
        });
        raise(py, read)
    }

    /// Writes it to a file that only its owner may read.
    fn write(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let written = py.detach(|| {
            let text = Text {
                kind: Kind::Login,
                user: self.user.clone(),
                broker: self.broker.clone(),
                key: Seed::new(self.identity.0.seed()),
            };
            key_file::write(&path, &text)
        });
        raise(py, written)
    }

    /// The user's name.
    #[getter]
    fn user(&self) -> &str {
        &self.user
    }

    /// The broker's address, as host:port.
    #[getter]
    fn broker(&self) -> &str {
        &self.broker.address
    }

    fn __repr__(&self) -> String {
        format!("Login(user={:?}, broker={:?})", self.user, self.broker.address)
    }

    fn __reduce_ex__(&self, _protocol: i32) -> PyResult<()> {
        Err(not_pickled("a Login"))
    }
}

/// Turns an invitation into a login whose key is made here.
#[pyfunction]
pub(crate) fn enrol(py: Python<'_>, invitation: &Secret, label: &str) -> PyResult<Call> {
    let invitation = raise(py, invitation.text().parse::<Invitation>())?;
    let label = raise(py, Name::new(label))?;
    let engine = raise(py, Engine::start())?;
    let work = async move {
        let identity = LoginIdentity::generate()?;
        let enrolled = Box::pin(rep::enrol(&TcpTransport, &invitation, &identity, label)).await?;
        Ok(Login {
            identity,
            broker: invitation.broker,
            user: enrolled.name,
        })
    };
    Ok(Call::new(&engine, work, |py, login| {
        Ok(Py::new(py, login)?.into_any())
    }))
}
