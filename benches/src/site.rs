//! A running site: broker, Jumpoint, perhaps a relay apart, each a process, and a login for the rep.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jump_core::control::Invitation;
use jump_core::identity_file::LoginFile;
use jump_core::model::Name;
use jump_core::rep::{LoginIdentity, enrol};
use jump_core::tunnel::TcpTransport;
use jump_core::{Error, ErrorKind, Result};
use jump_testkit::folder::Folder;

use crate::child::Part;
use crate::roles::{Item, Login, SiteOrder};

/// Which gates the Jumpoint has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gates {
    /// One that only carries bytes.
    PassThrough,
    /// Those of the product.
    Real,
}

#[derive(Debug)]
pub(crate) struct Site {
    /// Broker, Jumpoint and, if it runs apart, relay.
    pub(crate) parts: Vec<Part>,
    login: PathBuf,
    _folder: Folder,
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Internal, "start a site", "it does not start").with_source(error)
}

impl Site {
    /// Starts it and waits until all of it is connected.
    pub(crate) fn start(gates: Gates, relay_apart: bool, items: Vec<Item>) -> Result<Self> {
        let folder = Folder::new()?;
        let mut relay = relay_apart.then(|| Part::start("relay", &[])).transpose()?;
        let relay_address = relay.as_mut().map(Part::hear_address).transpose()?;

        let mut broker = Part::start("broker", &[])?;
        let order = SiteOrder {
            folder: folder.path().to_owned(),
            relay: relay_address,
            items,
        };
        broker.tell(&serde_json::to_string(&order).map_err(internal)?)?;
        broker.hear_address()?;
        let key = broker.hear()?;
        if let Some(relay) = &mut relay {
            relay.tell(&key)?;
        }

        let recordings = folder.join("recordings").display().to_string();
        let gates = match gates {
            Gates::PassThrough => "pass",
            Gates::Real => "real",
        };
        let mut jumpoint = Part::start("jumpoint", &[gates, &recordings])?;
        jumpoint.tell(&broker.hear()?)?;
        let login = folder.join("login");
        enrol_rep(&broker.hear()?, &login)?;
        broker.hear()?;
        let mut parts = vec![broker, jumpoint];
        parts.extend(relay);
        Ok(Self {
            parts,
            login,
            _folder: folder,
        })
    }

    /// The same login as the product keeps it.
    pub(crate) fn login_file(&self) -> PathBuf {
        self.login.with_extension("jump")
    }

    /// The file with the rep's login.
    pub(crate) fn login(&self) -> &Path {
        &self.login
    }

    /// A rep with a local port that leads to an item: `role` is `rep` or `tunnel-rep`.
    pub(crate) fn rep(&self, role: &'static str, item: &str) -> Result<(Part, SocketAddr)> {
        let mut rep = Part::start(role, &[&self.login.display().to_string(), item])?;
        let address = rep.hear_address()?;
        Ok((rep, address))
    }

    /// The Jumpoint's process.
    pub(crate) fn jumpoint(&self) -> Vec<u32> {
        let jumpoint = self.parts.iter().filter(|part| part.name() == "jumpoint");
        jumpoint.map(Part::pid).collect()
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.parts.iter().map(Part::pid).collect()
    }
}

fn enrol_rep(invitation: &str, file: &Path) -> Result<()> {
    let invitation: Invitation = invitation.parse()?;
    let identity = LoginIdentity::generate()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(internal)?;
    let label = Name::new("bench")?;
    let enrolled = runtime.block_on(Box::pin(enrol(&TcpTransport, &invitation, &identity, label)))?;
    LoginFile {
        identity: identity.clone(),
        broker: invitation.broker.clone(),
        user: enrolled.name,
    }
    .write(&file.with_extension("jump"))?;
    let login = Login {
        broker: invitation.broker,
        seed: *identity.0.seed().expose(),
    };
    std::fs::write(file, serde_json::to_vec(&login).map_err(internal)?).map_err(internal)
}
