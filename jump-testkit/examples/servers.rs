//! Real servers for tests in other languages: SSH, VNC and RDP servers on loopback. Says as one line of JSON where they are
//! and what lets one in, and stops them when its standard input ends.

use std::io::Read;

use jump_testkit::rdp::{self, RdpServer, ShadowSecurity};
use jump_testkit::sshd::{self, HostKeyKind, Sshd};
use jump_testkit::vnc::{self, VncServer};

#[tokio::main]
#[allow(clippy::print_stdout, reason = "where they are is what it is started for")]
async fn main() -> jump_core::Result<()> {
    let ssh = Sshd::start().await?;
    let screen = VncServer::tigervnc("VncAuth").await?;
    let windows = RdpServer::shadow(ShadowSecurity::Nla).await?;
    let said = serde_json::json!({
        "ssh": {
            "port": ssh.address().port(),
            "user": sshd::USER,
            "password": sshd::PASSWORD,
            "host_key": ssh.host_key(HostKeyKind::Ed25519)?.to_string(),
        },
        "vnc": {
            "port": screen.address().port(),
            "password": vnc::PASSWORD,
            "display": screen.display(),
            "size": vnc::SIZE,
        },
        "rdp": {
            "port": windows.address().port(),
            "user": rdp::USER,
            "password": rdp::PASSWORD,
            "display": windows.display().await?,
            "size": rdp::SIZE,
        },
    });
    println!("{said}");
    // Whoever started this is done, or gone.
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
    Ok(())
}
