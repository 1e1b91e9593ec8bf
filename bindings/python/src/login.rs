//! Who a rep is: the login that the `jump` command keeps, too.

use std::path::PathBuf;

use jump_core::control::{BrokerEndpoint, Invitation};
use jump_core::identity_file::LoginFile;
use jump_core::model::Name;
use jump_core::rep::{self, LoginIdentity};
use jump_core::secret::Secret as CoreSecret;
use jump_core::tunnel::TcpTransport;
use pyo3::prelude::*;

use crate::call::Call;
use crate::engine::Engine;
use crate::errors::{detached, raise};
use crate::secret::{Secret, not_pickled};

/// A login: where the broker is, the key that it must prove, and our own key.
#[pyclass(frozen, module = "jump._jump")]
pub(crate) struct Login(pub(crate) LoginFile);

#[pymethods]
impl Login {
    /// Reads the file that `jump login` or `write` has written.
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        detached(py, || LoginFile::read(&path)).map(Self)
    }

    /// Writes it to a file that only its owner may read.
    fn write(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        detached(py, || self.0.write(&path))
    }

    /// The user's name.
    #[getter]
    fn user(&self) -> &str {
        &self.0.user
    }

    /// The broker's address, as host:port.
    #[getter]
    fn broker(&self) -> &str {
        &self.0.broker.address
    }

    fn __repr__(&self) -> String {
        format!(
            "Login(user={:?}, broker={:?})",
            self.0.user, self.0.broker.address
        )
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
        Ok(Login(LoginFile {
            identity,
            broker: invitation.broker,
            user: enrolled.name,
        }))
    };
    Ok(Call::new(&engine, work, |py, login| {
        Ok(Py::new(py, login)?.into_any())
    }))
}

/// Shows a broker a proof that its authenticator understands, and gives the login that it makes of it.
#[pyfunction]
pub(crate) fn log_in(
    py: Python<'_>,
    address: String,
    key: &str,
    proof: &Secret,
    label: &str,
) -> PyResult<Call> {
    let key = raise(py, key.parse())?;
    let label = raise(py, Name::new(label))?;
    let proof = CoreSecret::new(proof.text().to_owned());
    let engine = raise(py, Engine::start())?;
    let work = async move {
        let identity = LoginIdentity::generate()?;
        let broker = BrokerEndpoint { address, key };
        let user = Box::pin(rep::log_in(&TcpTransport, &broker, &proof, &identity, label)).await?;
        Ok(Login(LoginFile {
            identity,
            broker,
            user: user.name,
        }))
    };
    Ok(Call::new(&engine, work, |py, login| {
        Ok(Py::new(py, login)?.into_any())
    }))
}
