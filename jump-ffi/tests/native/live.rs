//! A live site with an sshd and a VNC server behind it, and programs that run against it.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use jump_core::control::{Edit, ItemView, Response};
use jump_core::id::SessionId;
use jump_core::identity_file::LoginFile;
use jump_core::model::{HostKeyPolicy, ItemDetails, Name, Rdp, UserName, Vnc};
use jump_core::protocol::Registry;
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret, EndReason, RecordingMode};
use jump_proto_rdp::RdpBackend;
use jump_proto_ssh::SshBackend;
use jump_proto_tunnel::TunnelBackend;
use jump_proto_vnc::VncBackend;
use jump_testkit::folder::Folder;
use jump_testkit::rdp::{self, RdpServer, ShadowSecurity};
use jump_testkit::running_site::{RunningSite, SiteOptions};
use jump_testkit::sshd::{self, HostKeyKind, Sshd};
use jump_testkit::vnc::{self, VncServer};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use crate::AT_MOST;
use crate::build::text;

/// The site; alice may start sessions on `box`, `desk`, `port` and `win`, and opens `here` herself.
pub(crate) struct Live {
    site: RunningSite,
    pub(crate) sshd: Sshd,
    _screen: VncServer,
    _windows: RdpServer,
    folder: Folder,
}

pub(crate) fn backends() -> Registry {
    Registry::new()
        .with(Arc::new(SshBackend::new()))
        .with(Arc::new(TunnelBackend::new()))
        .with(Arc::new(VncBackend::new()))
        .with(Arc::new(RdpBackend::new()))
}

pub(crate) fn password(username: &str, password: &str) -> Credential {
    Credential {
        username: username.to_owned(),
        secret: CredentialSecret::Password(Secret::new(password.to_owned())),
    }
}

impl Live {
    pub(crate) async fn start() -> Self {
        Self::with_gates(backends()).await
    }

    /// The same with these gates at the Jumpoint.
    pub(crate) async fn with_gates(gates: Registry) -> Self {
        let (sshd, screen, windows) = tokio::join!(
            Sshd::start(),
            VncServer::tigervnc("VncAuth"),
            RdpServer::shadow(ShadowSecurity::Nla)
        );
        let (sshd, screen, windows) = (sshd.unwrap(), screen.unwrap(), windows.unwrap());
        let site = RunningSite::start(SiteOptions::new(gates).over_tcp())
            .await
            .unwrap();
        site.add_user("alice", Some("Start Sessions Only"), false)
            .await
            .unwrap();
        let host_key = HostKeyPolicy {
            pinned: vec![sshd.host_key(HostKeyKind::Ed25519).unwrap()],
            trust_first_use: false,
        };
        let shell: ItemView = site
            .add_shell_with(
                "box",
                sshd.address(),
                RecordingMode::Off,
                host_key,
                Default::default(),
            )
            .await
            .unwrap();
        site.set_credential(&shell, &password(sshd::USER, sshd::PASSWORD))
            .await
            .unwrap();
        let details = ItemDetails::RemoteVnc(Vnc {
            port: screen.address().port(),
            ..Vnc::default()
        });
        let desk = site
            .add_item("desk", screen.address(), RecordingMode::Off, None, details)
            .await
            .unwrap();
        site.set_credential(&desk, &password("", vnc::PASSWORD))
            .await
            .unwrap();
        let details = ItemDetails::LocalVnc(Vnc {
            port: screen.address().port(),
            ..Vnc::default()
        });
        site.add_item("here", screen.address(), RecordingMode::Off, None, details)
            .await
            .unwrap();
        let details = ItemDetails::RemoteRdp(Rdp {
            port: windows.address().port(),
            ignore_untrusted: true,
            require_nla: true,
            ..Rdp::default()
        });
        let win = site
            .add_item("win", windows.address(), RecordingMode::Off, None, details)
            .await
            .unwrap();
        site.set_credential(&win, &password(rdp::USER, rdp::PASSWORD))
            .await
            .unwrap();
        site.add_tunnel("port", sshd.address()).await.unwrap();
        let folder = Folder::new().unwrap();
        let login = LoginFile {
            identity: site.enrol("alice").await.unwrap(),
            broker: site.endpoint.clone(),
            user: "alice".to_owned(),
        };
        login.write(&folder.join("login")).unwrap();
        Self {
            site,
            sshd,
            _screen: screen,
            _windows: windows,
            folder,
        }
    }

    /// Does what a program waits for.
    pub(crate) async fn meanwhile(&self, what: &str, session: Option<SessionId>) {
        match what {
            "kill" => self
                .site
                .broker
                .end_session(session.unwrap(), EndReason::EndedBy("the test".to_owned()))
                .unwrap(),
            "revoke" => {
                let edit = Edit::RemoveMember {
                    group: Name::new("web").unwrap(),
                    user: UserName::new("alice").unwrap(),
                };
                self.site.edit(edit).await.unwrap();
            }
            other => panic!("the program waits for {other}"),
        }
    }

    /// Runs the scenarios.
    pub(crate) async fn conformance(&self, program: Command) {
        let port = self.sshd.address().port().to_string();
        let said = self.run(program, &[port.as_str()]).await;
        assert!(said.contains("all scenarios"), "{said}");
    }

    /// The file of alice's login.
    pub(crate) fn login(&self) -> PathBuf {
        self.folder.join("login")
    }

    /// A place for a program's files.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// An invitation for another Jumpoint, in a file.
    pub(crate) async fn invite_jumpoint(&self, name: &str) -> PathBuf {
        let edit = Edit::AddJumpoint {
            name: Name::new(name).unwrap(),
        };
        let Response::Invitation(invitation) = self.site.edit(edit).await.unwrap() else {
            panic!("the broker made no invitation")
        };
        let path = self.folder.join("invitation");
        std::fs::write(&path, invitation.expose()).unwrap();
        path
    }

    /// Runs a program with the login, a folder and more arguments until it is done well, and gives what it said.
    pub(crate) async fn run(&self, mut program: Command, more: &[&str]) -> String {
        let mut child = program
            .arg(text(&self.login()))
            .arg(text(self.folder.path()))
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut session = None;
        let mut said = String::new();
        let talking = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some(id) = line.strip_prefix("session ") {
                    session = Some(id.parse().unwrap());
                } else if let Some(what) = line.strip_prefix("ready ") {
                    self.meanwhile(what, session).await;
                    input.write_all(b"done\n").await.unwrap();
                }
                said.push_str(&line);
                said.push('\n');
            }
            child.wait().await.unwrap()
        };
        let ended = tokio::time::timeout(AT_MOST, talking)
            .await
            .expect("the program comes to its end");
        assert!(ended.success(), "{ended}: {said}");
        said
    }
}
