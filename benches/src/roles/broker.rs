//! The broker with a small site, and the relay that runs apart.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jump_core::audit::FileAuditLog;
use jump_core::broker::{Broker, Caller};
use jump_core::control::{Edit, ItemDraft, ItemView, RepRequest, Response};
use jump_core::keys::{PublicKey, SealingKey, SigningKey};
use jump_core::model::{
    HostKey, HostKeyPolicy, Hostname, ItemDetails, JumpMethods, LoginScope, Name, PortForward,
    ProtocolTunnel, Rdp, ShellJump, ShellProtocol, UserName, Vnc,
};
use jump_core::secret::Secret;
use jump_core::session::{
    Credential, CredentialBinding, CredentialSecret, RecordingMode, SessionPermissions,
};
use jump_core::tunnel::{Admission, Relay, TcpTransport, Transport};
use jump_core::{Error, ErrorKind, Result};
use jump_store::SqliteStore;
use serde::{Deserialize, Serialize};

use super::{Account, OPERATION, Starter};

const GROUP: &str = "machines";
const JUMPOINT: &str = "branch";
const USER: &str = "driver";
const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// The site that the broker is to make: one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SiteOrder {
    /// Where it keeps its site and its audit log.
    pub(crate) folder: PathBuf,
    /// The relay, if it runs apart.
    pub(crate) relay: Option<SocketAddr>,
    /// What can be reached.
    pub(crate) items: Vec<Item>,
}

/// One thing that can be reached.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) recorded: bool,
    pub(crate) kind: Kind,
}

/// How it is reached.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// As a Shell Jump: by the bench's own gate, or, with an account, by the real one.
    Shell(Option<Account>),
    /// As a Protocol Tunnel.
    Tunnel,
    /// As a Remote VNC, with this password.
    Vnc(String),
    /// As a Remote RDP, with this user and password.
    Rdp(String, String),
}

fn wrong(message: &str) -> Error {
    Error::new(ErrorKind::Internal, OPERATION, message)
}

/// Tells its address, the Jumpoint's invitation and a rep's, then, once the Jumpoint is there, that it is ready.
pub(super) async fn broker(mut starter: Starter) -> Result<()> {
    let order: SiteOrder = serde_json::from_str(&starter.hear().await?)
        .map_err(|error| wrong("bad order").with_source(error))?;
    let listener = TcpTransport
        .listen(&SocketAddr::from(ANY_PORT).to_string())
        .await?;
    let address = listener.address();
    let recording_key = SealingKey::generate()?.public();
    let audit = FileAuditLog::open(&order.folder.join("audit"))?;
    let mut builder = Broker::builder(
        SigningKey::generate()?,
        Arc::new(SqliteStore::open(&order.folder.join("site"))?),
        Arc::new(audit),
    )
    .settings(|settings| {
        settings.public_address = address.clone();
        settings.relay_address = order.relay.map(|relay| relay.to_string());
        settings.recording_key = Some(recording_key);
        settings.sessions_per_user = usize::MAX;
    });
    if order.relay.is_some() {
        builder = builder.without_relay();
    }
    let broker = builder.start().await?;
    let served = broker.clone();
    tokio::spawn(async move { served.serve(listener).await });

    starter.tell(address)?;
    starter.tell(broker.public_key())?;
    let user = UserName::new(USER)?;
    starter.tell(jumpoint(&broker).await?)?;
    starter.tell(rep(&broker, &user).await?)?;
    let mut items = Vec::new();
    for item in &order.items {
        items.push((item, add(&broker, item).await?));
    }
    while !broker
        .world()
        .jumpoints()
        .all(|jumpoint| broker.is_online(jumpoint.id))
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for (item, added) in items {
        if let Some(credential) = credential(&item.kind) {
            set_credential(&broker, &added, &credential).await?;
        }
    }
    starter.tell("ready")?;
    std::future::pending().await
}

/// Tells its address, is told the broker's key, and then serves.
pub(super) async fn relay(mut starter: Starter) -> Result<()> {
    let listener = TcpTransport
        .listen(&SocketAddr::from(ANY_PORT).to_string())
        .await?;
    starter.tell(listener.address())?;
    let key: PublicKey = starter.hear().await?.parse()?;
    Relay::builder(key)
        .build()
        .run(listener, Admission::new(1024, 1024))
        .await
}

async fn edit(broker: &Broker, edit: Edit) -> Result<Response> {
    broker.request(&Caller::local(), RepRequest::Edit(edit)).await
}

async fn invitation(broker: &Broker, change: Edit) -> Result<String> {
    match edit(broker, change).await? {
        Response::Invitation(invitation) => Ok(invitation.expose().to_owned()),
        _ => Err(wrong("the broker answered another question")),
    }
}

async fn jumpoint(broker: &Broker) -> Result<String> {
    let name = Name::new(JUMPOINT)?;
    invitation(broker, Edit::AddJumpoint { name }).await
}

/// A user who may do everything, and an invitation for its login.
async fn rep(broker: &Broker, user: &UserName) -> Result<String> {
    let group = Name::new(GROUP)?;
    let changes = [
        Edit::AddGroup {
            name: group.clone(),
            comments: Default::default(),
        },
        Edit::AddUser {
            name: user.clone(),
            administrator: false,
            allowed_methods: JumpMethods::all(),
            default_role: None,
        },
        Edit::GrantJumpoint {
            jumpoint: Name::new(JUMPOINT)?,
            user: user.clone(),
        },
        Edit::AddMember {
            group,
            user: user.clone(),
            role: Some(Name::new("Administrator")?),
            policy: None,
        },
    ];
    for change in changes {
        edit(broker, change).await?;
    }
    let login = Edit::InviteLogin {
        user: user.clone(),
        scope: LoginScope::Everything,
        limits: Default::default(),
    };
    invitation(broker, login).await
}

async fn add(broker: &Broker, item: &Item) -> Result<ItemView> {
    let details = match &item.kind {
        Kind::Shell(shell) => {
            let pinned = shell.iter().map(|shell| HostKey::new(&shell.host_key));
            ItemDetails::ShellJump(ShellJump {
                protocol: ShellProtocol::Ssh,
                port: item.address.port(),
                terminal: Default::default(),
                username: Default::default(),
                keep_alive_seconds: 0,
                host_key: HostKeyPolicy {
                    pinned: pinned.collect::<Result<_>>()?,
                    trust_first_use: false,
                },
                permissions: SessionPermissions::default(),
                credential: None,
            })
        }
        Kind::Tunnel => ItemDetails::ProtocolTunnel(ProtocolTunnel {
            listen_address: Ipv4Addr::LOCALHOST,
            forwards: vec![PortForward {
                local: 0,
                remote: item.address.port(),
            }],
        }),
        Kind::Vnc(_) => ItemDetails::RemoteVnc(Vnc {
            port: item.address.port(),
            ..Vnc::default()
        }),
        Kind::Rdp(..) => ItemDetails::RemoteRdp(Rdp {
            port: item.address.port(),
            ignore_untrusted: true,
            ..Rdp::default()
        }),
    };
    let draft = ItemDraft {
        jump_policy: None,
        session_policy: None,
        name: Name::new(item.name.as_str())?,
        group: Name::new(GROUP)?,
        jumpoint: Some(Name::new(JUMPOINT)?),
        hostname: Hostname::new(item.address.ip().to_string())?,
        tag: Default::default(),
        comments: Default::default(),
        recording: if item.recorded {
            RecordingMode::default()
        } else {
            RecordingMode::Off
        },
        max_duration_seconds: None,
        details,
    };
    match edit(broker, Edit::AddItem(Box::new(draft))).await? {
        Response::Item(item) => Ok(*item),
        _ => Err(wrong("the broker answered another question")),
    }
}

/// What the Jumpoint logs in to the target with.
fn credential(kind: &Kind) -> Option<Credential> {
    match kind {
        Kind::Shell(Some(shell)) => Some(Credential {
            username: shell.user.clone(),
            secret: CredentialSecret::PrivateKey {
                pem: Secret::new(shell.private_key.clone()),
                passphrase: None,
                certificate: None,
            },
        }),
        Kind::Vnc(password) => Some(Credential {
            username: String::new(),
            secret: CredentialSecret::Password(Secret::new(password.clone())),
        }),
        Kind::Rdp(user, password) => Some(Credential {
            username: user.clone(),
            secret: CredentialSecret::Password(Secret::new(password.clone())),
        }),
        Kind::Shell(None) | Kind::Tunnel => None,
    }
}

/// Seals a credential to the Jumpoint, which must have enrolled.
async fn set_credential(broker: &Broker, added: &ItemView, credential: &Credential) -> Result<()> {
    let missing = || wrong("the item is not complete");
    let world = broker.world();
    let item = world.item(added.id).ok_or_else(missing)?;
    let jumpoint = item.jumpoint.ok_or_else(missing)?;
    let sealing_key = world
        .jumpoint(jumpoint)
        .and_then(|jumpoint| jumpoint.sealing_key)
        .ok_or_else(missing)?;
    let binding = CredentialBinding {
        item: item.id,
        jumpoint,
        target: item.targets()?.pop().ok_or_else(missing)?,
    };
    let change = Edit::SetCredential {
        item: item.id,
        credential: Some(credential.seal(&sealing_key, &binding)?),
    };
    edit(broker, change).await.map(|_| ())
}
