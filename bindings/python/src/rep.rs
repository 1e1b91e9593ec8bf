//! A connected rep.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jump_core::control::{Edit, ItemView, RepRequest};
use jump_core::model::{Field, Hostname, ItemDetails, Remark, TargetAddress};
use jump_core::protocol::Registry;
use jump_core::rep::{CredentialSource, JumpOptions, LocalJumpOptions, LocalJumps, Rep as CoreRep};
use jump_core::report::{ReportFilter, ReportKind};
use jump_core::secret::Secret as CoreSecret;
use jump_core::session::{Credential, CredentialBinding, CredentialSecret};
use jump_core::{Error, ErrorKind, Result};
use jump_proto_rdp::RdpBackend;
use jump_proto_ssh::SshBackend;
use jump_proto_tunnel::TunnelBackend;
use jump_proto_vnc::VncBackend;
use pyo3::prelude::*;
use serde::Deserialize;

use crate::access::World;
use crate::bridge;
use crate::call::Call;
use crate::engine::{Engine, Kept, lock};
use crate::errors::raise;
use crate::login::Login;
use crate::report::Report;
use crate::secret::Secret;
use crate::session;
use crate::transfer::{self, Import};

/// Every protocol that the package speaks.
pub(crate) fn backends() -> Registry {
    Registry::new()
        .with(Arc::new(SshBackend::new()))
        .with(Arc::new(TunnelBackend::new()))
        .with(Arc::new(VncBackend::new()))
        .with(Arc::new(RdpBackend::new()))
}

/// A connection to a broker as a user.
#[pyclass(frozen, module = "jump._jump")]
pub(crate) struct Rep {
    engine: Arc<Engine>,
    /// `None` once it was closed.
    rep: Mutex<Option<Kept<CoreRep>>>,
    user: String,
}

/// How long the broker may take to hear how the sessions ended that were served here.
const REPORTS: Duration = Duration::from_secs(5);

/// What a session is asked for with.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wanted {
    credential: Option<String>,
    reason: Option<Remark>,
    ticket: Option<Field>,
    code: Option<Field>,
    override_schedule: bool,
}

impl Wanted {
    fn options(self) -> JumpOptions {
        let mut options = JumpOptions::default();
        options.credential = self.credential;
        options.supplied.reason = self.reason.unwrap_or_default();
        options.supplied.ticket = self.ticket;
        options.supplied.code = self.code;
        options.supplied.schedule_override = self.override_schedule;
        options
    }
}

impl Rep {
    fn rep(&self) -> Result<CoreRep> {
        let rep = lock(&self.rep);
        rep.as_ref()
            .and_then(Kept::value)
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::Closed, "ask the broker", "this rep was closed"))
    }

    /// A call for work that needs the connection.
    pub(crate) fn with<T: Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(CoreRep) -> F,
        show: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Call> {
        let rep = raise(py, self.rep())?;
        Ok(Call::new(&self.engine, work(rep), show))
    }
}

#[pymethods]
impl Rep {
    /// Connects and proves the login's key. `local` says as JSON how items are served that the rep opens itself; `None` if not at all.
    #[staticmethod]
    #[pyo3(signature = (login, local))]
    fn connect(py: Python<'_>, login: &Login, local: Option<&str>) -> PyResult<Call> {
        let local: Option<LocalJumpOptions> =
            raise(py, local.map(|local| bridge::read("connect", local)).transpose())?;
        let engine = raise(py, Engine::start())?;
        let mut builder =
            CoreRep::builder(login.0.identity.clone(), login.0.broker.clone()).backends(backends());
        if let Some(local) = local {
            builder = builder.local_jumps(LocalJumps::with_options(backends(), local));
        }
        let connecting = builder.connect();
        let kept = engine.clone();
        Ok(Call::new(&engine, Box::pin(connecting), move |py, rep| {
            let user = rep.user_name().to_owned();
            let rep = Mutex::new(Some(Kept::new(rep, kept.clone())));
            let engine = kept;
            Ok(Py::new(py, Rep { engine, rep, user })?.into_any())
        }))
    }

    /// The user's name.
    #[getter]
    fn user(&self) -> &str {
        &self.user
    }

    /// Asks the broker anything, as JSON; gives the answer as JSON.
    fn request(&self, py: Python<'_>, request: &str) -> PyResult<Call> {
        let request: RepRequest = raise(py, bridge::read("ask the broker", request))?;
        let ask = |rep: CoreRep| async move { bridge::write(&rep.request(request).await?) };
        self.with(py, ask, session::text)
    }

    /// Starts a session; gives the kind, the session, what was granted as JSON, and its news. The password, with its user's name, is for an
    /// item that the rep opens itself.
    #[pyo3(signature = (item, wanted, username, password))]
    fn open(
        &self,
        py: Python<'_>,
        item: String,
        wanted: &str,
        username: String,
        password: Option<&Secret>,
    ) -> PyResult<Call> {
        let wanted: Wanted = raise(py, bridge::read("start a session", wanted))?;
        let mut options = wanted.options();
        options.target_credential = password.map(|password| {
            let secret = CredentialSecret::Password(CoreSecret::new(password.text().to_owned()));
            Arc::new(Credential { username, secret }) as Arc<dyn CredentialSource>
        });
        let engine = self.engine.clone();
        let open = |rep: CoreRep| async move { Box::pin(rep.open_session(&item, &options)).await };
        self.with(py, open, move |py, opened| session::shown(py, &engine, opened))
    }

    /// Starts a report of what one may see.
    fn report(&self, py: Python<'_>, kind: &str, filter: &str) -> PyResult<Report> {
        const WHAT: &str = "start a report";
        let kind: ReportKind = raise(py, bridge::read(WHAT, &format!("\"{kind}\"")))?;
        let filter: ReportFilter = raise(py, bridge::read(WHAT, filter))?;
        let rep = raise(py, self.rep())?;
        Ok(Report::new(rep.report(kind, filter), &self.engine))
    }

    /// The whole site, without keys, logins and credentials.
    fn world(&self, py: Python<'_>) -> PyResult<Call> {
        let read = |rep: CoreRep| async move { rep.read_site().await };
        self.with(
            py,
            read,
            |py, world| Ok(Py::new(py, World::of(world))?.into_any()),
        )
    }

    /// The site as a document.
    fn export_site(&self, py: Python<'_>, format: &str) -> PyResult<Call> {
        let format = raise(py, transfer::format(format))?;
        let export = |rep: CoreRep| async move { transfer::export_site(&rep, format).await };
        self.with(py, export, session::text)
    }

    /// The items of a type as CSV.
    fn export_items(&self, py: Python<'_>, method: &str, group: Option<String>) -> PyResult<Call> {
        let method = raise(py, transfer::method(method))?;
        let export =
            |rep: CoreRep| async move { transfer::export_items(&rep, method, group.as_deref()).await };
        self.with(py, export, session::text)
    }

    /// Makes the site equal to a document; gives what is different, or what is wrong, as JSON.
    fn import_site(&self, py: Python<'_>, text: Vec<u8>, prune: bool, dry_run: bool) -> PyResult<Call> {
        let wanted = Import::Site { text, prune };
        let import = |rep: CoreRep| async move { transfer::import(&rep, &wanted, dry_run).await };
        self.with(py, import, session::text)
    }

    /// Imports items of a type from CSV; gives what is different, or what is wrong, as JSON.
    fn import_items(
        &self,
        py: Python<'_>,
        method: &str,
        text: Vec<u8>,
        on_conflict: &str,
        dry_run: bool,
    ) -> PyResult<Call> {
        let wanted = Import::Items {
            text,
            method: raise(py, transfer::method(method))?,
            on_conflict: raise(py, transfer::on_conflict(on_conflict))?,
        };
        let import = |rep: CoreRep| async move { transfer::import(&rep, &wanted, dry_run).await };
        self.with(py, import, session::text)
    }

    /// Seals a password to the item's Jumpoint, for the item's target only, and stores it; `None` removes what is stored.
    fn set_credential(
        &self,
        py: Python<'_>,
        item: String,
        username: String,
        password: Option<&Secret>,
    ) -> PyResult<Call> {
        let secret = password.map(|password| CoreSecret::new(password.text().to_owned()));
        let set = |rep: CoreRep| async move {
            let item = rep.item(&item).await?;
            let credential = match secret {
                Some(secret) => {
                    let secret = CredentialSecret::Password(secret);
                    let (key, binding) = binding(&item)?;
                    Some(Credential { username, secret }.seal(&key, &binding)?)
                }
                None => None,
            };
            let edit = Edit::SetCredential {
                item: item.id,
                credential,
            };
            rep.edit(edit).await.map(|_| ())
        };
        self.with(py, set, |py, ()| Ok(py.None()))
    }

    /// Waits until the connection to the broker is lost, and raises why.
    fn disconnected(&self, py: Python<'_>) -> PyResult<Call> {
        let wait = |rep: CoreRep| async move { Err::<(), _>(rep.disconnected().await) };
        self.with(py, wait, |py, ()| Ok(py.None()))
    }

    /// Waits a moment until the broker knows how the sessions ended that this rep served itself.
    fn settled(&self, py: Python<'_>) -> PyResult<Call> {
        let wait = |rep: CoreRep| async move {
            // What the broker does not hear now it finds out by itself.
            let _ = tokio::time::timeout(REPORTS, rep.settled()).await;
            Ok(())
        };
        self.with(py, wait, |py, ()| Ok(py.None()))
    }

    /// Lets go of the connection; sessions that are open keep it up.
    fn close(&self) {
        let rep = lock(&self.rep).take();
        drop(rep);
    }

    fn __repr__(&self) -> String {
        format!("Rep(user={:?})", self.user)
    }
}

/// What a credential of the item is sealed to, and for what.
fn binding(item: &ItemView) -> Result<(jump_core::keys::SealingPublicKey, CredentialBinding)> {
    const WHAT: &str = "seal the credential";
    let wrong = |kind, message: &str| Error::new(kind, WHAT, message);
    let port = match &item.details {
        ItemDetails::ShellJump(shell) => shell.port,
        ItemDetails::LocalVnc(vnc) | ItemDetails::RemoteVnc(vnc) => vnc.port,
        ItemDetails::LocalRdp(rdp) | ItemDetails::RemoteRdp(rdp) => rdp.port,
        _ => {
            return Err(wrong(
                ErrorKind::InvalidArgument,
                "this type of item uses no credential",
            ));
        }
    };
    let jumpoint = item
        .jumpoint_id
        .ok_or_else(|| wrong(ErrorKind::InvalidArgument, "this item goes through no jumpoint"))?;
    let key = item.sealing_key.ok_or_else(|| {
        let message = "its jumpoint has not enrolled yet, so there is no key to seal to";
        wrong(ErrorKind::Unavailable, message)
    })?;
    let target = TargetAddress::new(Hostname::new(&item.hostname)?, port)?;
    let binding = CredentialBinding {
        item: item.id,
        jumpoint,
        target,
    };
    Ok((key, binding))
}
