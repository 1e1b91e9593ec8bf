//! From the command line to a Jump Item.

use std::net::Ipv4Addr;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use jump_core::ErrorKind;
use jump_core::control::{ItemDraft, RepRequest, Response};
use jump_core::model::{
    Comments, Field, HostKey, HostKeyPolicy, Hostname, ItemDetails, Name, PortForward, ProtocolTunnel,
    ShellJump, ShellProtocol, Tag, Terminal,
};
use jump_core::rep::Rep;
use jump_core::session::{RecordingMode, SessionPermissions};

use crate::command::credential::CredentialArguments;
use crate::error::{Failure, surprised, usage};
use crate::values::{Seconds, one_of};

/// What every type of item has.
#[derive(Debug, Args)]
pub(super) struct Envelope {
    /// Its name
    name: Name,
    /// The host, as the Jumpoint resolves it
    #[arg(long)]
    host: Hostname,
    /// The Jump Group that owns it, or a user's personal list: @USER
    #[arg(long, default_value = "default", conflicts_with = "personal")]
    group: Name,
    /// It is on your own personal list
    #[arg(long)]
    personal: bool,
    /// The Jumpoint through which it is reached [default: the only one there is]
    #[arg(long)]
    jumpoint: Option<Name>,
    /// A word to search by
    #[arg(long)]
    tag: Option<Tag>,
    /// Anything worth knowing
    #[arg(long)]
    comments: Option<Comments>,
    /// The Jump Policy, where the membership sets none
    #[arg(long, value_name = "POLICY")]
    jump_policy: Option<Name>,
    /// What may happen in a session
    #[arg(long, value_name = "POLICY")]
    session_policy: Option<Name>,
    /// What happens when its recording fails or cannot keep up
    #[arg(long, value_enum, default_value = "backpressure", value_name = "MODE")]
    recording: Recording,
    /// The longest a session may last, such as 8h [default: the site's limit]
    #[arg(long, value_name = "TIME")]
    max_duration: Option<Seconds>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Recording {
    /// Nothing is recorded
    Off,
    /// The session goes on; what was lost is counted
    BestEffort,
    /// The session waits for the recording, and ends if it fails
    Backpressure,
    /// The session ends as soon as the recording cannot keep up
    FailClosed,
}

impl From<Recording> for RecordingMode {
    fn from(recording: Recording) -> Self {
        match recording {
            Recording::Off => Self::Off,
            Recording::BestEffort => Self::BestEffort,
            Recording::Backpressure => Self::Backpressure,
            Recording::FailClosed => Self::FailClosed,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ShellArguments {
    #[command(flatten)]
    envelope: Envelope,
    /// The protocol; nothing on Telnet's way to the target is encrypted
    #[arg(long, default_value = "ssh", value_parser = one_of::<ShellProtocol>(&["ssh", "telnet"]))]
    protocol: ShellProtocol,
    /// The target's port [default: 22, or 23 for Telnet]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// The terminal that the shell is told it has
    #[arg(long, default_value = "xterm", value_parser = one_of::<Terminal>(&["xterm", "VT100"]))]
    terminal: Terminal,
    /// The user name where no credential is injected
    #[arg(long, value_name = "NAME")]
    username: Option<Field>,
    #[command(flatten)]
    pub(crate) credential: CredentialArguments,
    /// A host key that the target may show, such as "ssh-ed25519 AAAA..."; may be given several times
    #[arg(long, value_name = "KEY")]
    host_key: Vec<HostKey>,
    /// Accept and pin the first host key that is seen
    #[arg(long, conflicts_with = "host_key")]
    trust_first_use: bool,
    /// Permit connections from the target to other hosts through a session (ssh -L)
    #[arg(long)]
    allow_port_forwarding: bool,
    /// Seconds between keep-alive packets to the target; 0 is off
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=300), value_name = "SECONDS")]
    keep_alive: u16,
}

impl ShellArguments {
    pub(super) async fn draft(&self, rep: &Rep) -> Result<ItemDraft, Failure> {
        let permissions = SessionPermissions {
            port_forwarding: self.allow_port_forwarding,
            ..SessionPermissions::default()
        };
        let default_port = match self.protocol {
            ShellProtocol::Telnet => 23,
            _ => 22,
        };
        let details = ItemDetails::ShellJump(ShellJump {
            keep_alive_seconds: self.keep_alive,
            host_key: HostKeyPolicy {
                pinned: self.host_key.clone(),
                trust_first_use: self.trust_first_use,
            },
            permissions,
            protocol: self.protocol,
            terminal: self.terminal,
            username: self.username.clone().unwrap_or_default(),
            ..ShellJump::ssh(self.port.unwrap_or(default_port))
        });
        self.envelope.draft(rep, details).await
    }
}

#[derive(Debug, Args)]
pub(crate) struct TunnelArguments {
    #[command(flatten)]
    envelope: Envelope,
    /// A local port and the remote port it leads to; local 0 is any free port; may be given several times
    #[arg(long, required = true, value_name = "LOCAL:REMOTE")]
    forward: Vec<Forward>,
    /// Where `jump tunnel` listens, in 127.0.0.0/24
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST, value_name = "IP")]
    listen: Ipv4Addr,
}

impl TunnelArguments {
    pub(super) async fn draft(&self, rep: &Rep) -> Result<ItemDraft, Failure> {
        let forwards = self.forward.iter().map(|forward| forward.0).collect();
        let details = ItemDetails::ProtocolTunnel(ProtocolTunnel {
            listen_address: self.listen,
            forwards,
        });
        self.envelope.draft(rep, details).await
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Forward(pub(super) PortForward);

impl FromStr for Forward {
    type Err = &'static str;

    /// Reads `LOCAL:REMOTE`, or `REMOTE` for any free local port.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |_| "a forward is LOCAL:REMOTE, two ports";
        let (local, remote) = text.split_once(':').unwrap_or(("0", text));
        let (local, remote) = (local.parse().map_err(wrong)?, remote.parse().map_err(wrong)?);
        if remote == 0 {
            return Err("a remote port is 1 to 65535");
        }
        Ok(Self(PortForward { local, remote }))
    }
}

impl Envelope {
    pub(super) async fn draft(&self, rep: &Rep, details: ItemDetails) -> Result<ItemDraft, Failure> {
        let jumpoint = match &self.jumpoint {
            Some(name) => Some(name.clone()),
            None if !details.method().needs_jumpoint() => None,
            None => Some(only_jumpoint(rep).await?),
        };
        let group = if self.personal {
            Name::new(format!("@{}", rep.user_name()))?
        } else {
            self.group.clone()
        };
        Ok(ItemDraft {
            jump_policy: self.jump_policy.clone(),
            session_policy: self.session_policy.clone(),
            name: self.name.clone(),
            group,
            jumpoint,
            hostname: self.host.clone(),
            tag: self.tag.clone().unwrap_or_default(),
            comments: self.comments.clone().unwrap_or_default(),
            recording: self.recording.into(),
            max_duration_seconds: self.max_duration.map(|time| time.0),
            details,
        })
    }
}

/// The name of the one Jumpoint of a site that has one.
async fn only_jumpoint(rep: &Rep) -> Result<Name, Failure> {
    let jumpoints = match rep.request(RepRequest::Jumpoints).await {
        Ok(Response::Jumpoints(jumpoints)) => jumpoints,
        Ok(_) => return Err(surprised()),
        // Only administrators may list them; others know the name.
        Err(error) if error.kind() == ErrorKind::Denied => {
            return Err(usage("say which jumpoint: --jumpoint NAME"));
        }
        Err(error) => return Err(error.into()),
    };
    match jumpoints.as_slice() {
        [only] => Ok(Name::new(&only.name)?),
        [] => Err(usage("the site has no jumpoint yet").hint("add one: jump jumpoints add NAME")),
        several => {
            let names: Vec<&str> = several.iter().map(|jumpoint| jumpoint.name.as_str()).collect();
            Err(usage(format!(
                "say which jumpoint with --jumpoint: {}",
                names.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forward_is_two_ports() {
        let forward = |text: &str| {
            text.parse::<Forward>()
                .map(|forward| (forward.0.local, forward.0.remote))
        };
        assert_eq!(forward("15432:5432"), Ok((15432, 5432)));
        assert_eq!(forward("0:80"), Ok((0, 80)));
        assert_eq!(forward("80"), Ok((0, 80)));
        for bad in ["", "80:", ":80", "1:0", "1:65536", "1:2:3", "-1:2", "a:b"] {
            assert!(forward(bad).is_err(), "{bad}");
        }
    }
}
