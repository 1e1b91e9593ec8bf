//! The ways from the driver to the target that are compared.

use std::net::SocketAddr;
use std::time::Duration;

use jump_core::Result;

use crate::child::{Part, Running};
use crate::openssh;
use crate::roles::{Item, Kind};
use crate::site::{Gates, Site};
use crate::usage;

/// A session is one stream through rep, relay and Jumpoint.
pub(crate) const PATH: &str = "whole path";
/// The same path with a tunnel session, which carries many connections.
pub(crate) const TUNNEL: &str = "whole path, tunnel session";
pub(crate) const HOP: &str = "one hop, same engine";
pub(crate) const STOCK: &str = "one hop, tokio-rustls";
pub(crate) const OPENSSH: &str = "ssh -R + ssh -L";

/// One way to the target, running.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    pub(crate) entrance: SocketAddr,
    /// The processes that carry the bytes; driver and target are not among them.
    pub(crate) pids: Vec<u32>,
    _keep: Keep,
}

#[derive(Debug)]
#[expect(dead_code, reason = "held so that they run")]
enum Keep {
    Parts(Vec<Part>),
    Site(Box<Site>, Part),
    Openssh(Box<openssh::Server>, Vec<Running>),
}

impl Candidate {
    /// Processor time used so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        usage::cpu(&self.pids)
    }
}

/// Every candidate, in the order of the tables.
pub(crate) fn all(target: SocketAddr) -> Result<Vec<Candidate>> {
    Ok(vec![
        whole_path(PATH, "rep", Kind::Shell(None), target)?,
        whole_path(TUNNEL, "tunnel-rep", Kind::Tunnel, target)?,
        pair(HOP, "hop-back", "hop-front", target)?,
        pair(STOCK, "stock-back", "stock-front", target)?,
        openssh(target)?,
    ])
}

/// The product: rep, the broker's relay, Jumpoint.
fn whole_path(name: &'static str, role: &'static str, kind: Kind, target: SocketAddr) -> Result<Candidate> {
    let item = Item {
        name: "target".to_owned(),
        address: target,
        recorded: false,
        kind,
    };
    let site = Site::start(Gates::PassThrough, false, vec![item])?;
    let (rep, entrance) = site.rep(role, "target")?;
    let mut pids = site.pids();
    pids.push(rep.pid());
    Ok(Candidate {
        name,
        entrance,
        pids,
        _keep: Keep::Site(Box::new(site), rep),
    })
}

/// Two processes with one encrypted connection between them.
fn pair(
    name: &'static str,
    back: &'static str,
    front: &'static str,
    target: SocketAddr,
) -> Result<Candidate> {
    let mut back = Part::start(back, &[&target.to_string()])?;
    let identity = back.hear()?;
    let mut front = Part::start(front, &[&back.hear()?])?;
    front.tell(&identity)?;
    let entrance = front.hear_address()?;
    Ok(Candidate {
        name,
        entrance,
        pids: vec![back.pid(), front.pid()],
        _keep: Keep::Parts(vec![back, front]),
    })
}

/// The same topology with OpenSSH: the agent and the rep both dial a server that only forwards.
fn openssh(target: SocketAddr) -> Result<Candidate> {
    let server = openssh::Server::start()?;
    let relayed = jump_testkit::ports::free_port()?;
    let entrance = SocketAddr::from(([127, 0, 0, 1], jump_testkit::ports::free_port()?));
    let agent = server.forward(&["-R", &format!("127.0.0.1:{relayed}:{target}")], relayed)?;
    let rep = server.forward(
        &["-L", &format!("{entrance}:127.0.0.1:{relayed}")],
        entrance.port(),
    )?;
    let pids = vec![server.pid(), agent.pid(), rep.pid()];
    Ok(Candidate {
        name: OPENSSH,
        entrance,
        pids,
        _keep: Keep::Openssh(Box::new(server), vec![agent, rep]),
    })
}
