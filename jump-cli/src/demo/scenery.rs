//! What has to be there before anybody jumps.

use jump_core::control::{Edit, ItemDraft, ItemView, Response};
use jump_core::model::{
    Comments, HostKeyPolicy, Hostname, ItemDetails, JumpMethods, Name, ShellJump, ShellProtocol, Tag,
    UserName,
};
use jump_core::rep::Rep;
use jump_core::session::{RecordingMode, SessionPermissions};

use super::folder::DemoFolder;
use super::people::{People, log_in};
use super::stage::{JUMPOINT, Stage, TARGET_USER};
use super::teller::Teller;
use crate::command::credential;
use crate::error::{Failure, surprised};

pub(super) const GROUP: &str = "servers";
pub(super) const ITEM: &str = "web-1";
/// The role that alice has in the group.
pub(super) const ROLE: &str = "Start Sessions Only";

pub(super) async fn start(teller: &Teller, folder: &DemoFolder) -> Result<Stage, Failure> {
    teller.heading("The parts start").await?;
    let stage = Box::pin(Stage::start(folder)).await?;
    let (broker, relay, target) = (
        &stage.endpoint.address,
        &stage.relay_address,
        stage.target_address,
    );
    teller.detail(format_args!(
        "broker    at {broker}: decides who may reach what, keeps the site in SQLite"
    ))?;
    teller.detail(format_args!(
        "relay     at {relay}: moves the bytes of sessions, and cannot read them"
    ))?;
    teller.detail(format_args!(
        "target    at {target}: a small SSH server, whose password no user knows"
    ))?;
    teller.detail("Jumpoint  enrolled with a single-use invitation; it dials out, and listens nowhere")?;
    Ok(stage)
}

pub(super) async fn set_up(teller: &Teller, stage: &Stage) -> Result<People, Failure> {
    teller.heading("An administrator says who may reach what").await?;
    let (_, admin) = log_in(&stage.broker, "admin").await?;
    for name in ["alice", "bob"] {
        let (name, jumpoint) = (UserName::new(name)?, Name::new(JUMPOINT)?);
        let allowed_methods = JumpMethods::all();
        let user = name.clone();
        admin
            .edit(Edit::AddUser {
                name,
                administrator: false,
                allowed_methods,
                default_role: None,
            })
            .await?;
        admin.edit(Edit::GrantJumpoint { jumpoint, user }).await?;
    }
    teller.detail("users     alice and bob: both may use Shell Jump, through this Jumpoint")?;
    let group = Name::new(GROUP)?;
    admin
        .edit(Edit::AddGroup {
            name: group.clone(),
            comments: Comments::default(),
        })
        .await?;
    let (user, role) = (UserName::new("alice")?, Some(Name::new(ROLE)?));
    admin
        .edit(Edit::AddMember {
            group,
            user,
            role,
            policy: None,
        })
        .await?;
    teller.detail(format_args!(
        "group     {GROUP}: alice is in it, with the role \"{ROLE}\"; bob is not"
    ))?;
    let item = add_item(stage, &admin).await?;
    let fingerprint = stage.target_key.fingerprint();
    teller.detail(format_args!(
        "item      {ITEM} leads to the target, whose host key is pinned:"
    ))?;
    teller.detail(format_args!("          {fingerprint}"))?;
    credential::set(
        &admin,
        &item,
        credential::with_password(TARGET_USER, &stage.password),
    )
    .await?;
    teller.detail(
        "password  sealed to the Jumpoint before it left the administrator: the broker stores what",
    )?;
    teller.detail("          it cannot open, and neither alice nor bob ever gets it")?;
    let (alice_login, alice) = log_in(&stage.broker, "alice").await?;
    let (_, bob) = log_in(&stage.broker, "bob").await?;
    Ok(People {
        admin,
        alice,
        alice_login,
        bob,
    })
}

async fn add_item(stage: &Stage, admin: &Rep) -> Result<ItemView, Failure> {
    let address = stage.target_address;
    let details = ItemDetails::ShellJump(ShellJump {
        protocol: ShellProtocol::Ssh,
        port: address.port(),
        terminal: Default::default(),
        username: Default::default(),
        keep_alive_seconds: 0,
        host_key: HostKeyPolicy {
            pinned: vec![stage.target_key.clone()],
            trust_first_use: false,
        },
        permissions: SessionPermissions::default(),
        credential: None,
    });
    let draft = ItemDraft {
        jump_policy: None,
        session_policy: None,
        name: Name::new(ITEM)?,
        group: Name::new(GROUP)?,
        jumpoint: Some(Name::new(JUMPOINT)?),
        hostname: Hostname::new(address.ip().to_string())?,
        tag: Tag::default(),
        comments: Comments::default(),
        recording: RecordingMode::default(),
        max_duration_seconds: None,
        details,
    };
    match admin.edit(Edit::AddItem(Box::new(draft))).await? {
        Response::Item(item) => Ok(*item),
        _ => Err(surprised()),
    }
}
