//! A real OpenSSH server on loopback.
//!
//! It logs in the system user [`USER`] with [`PASSWORD`] or with keys made for the test. The user is created if it is
//! missing, which takes root; everything else is in a folder of the server's own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use jump_core::model::HostKey;
use jump_core::{Error, ErrorKind, Result};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::folder::Folder;
use crate::ports::free_port;
use crate::process::{Process, command};

/// The system user that may log in.
pub const USER: &str = "jumptest";
/// That user's password.
pub const PASSWORD: &str = "jumptest-pw1";
/// The passphrase of [`UserKey::Encrypted`].
pub const PASSPHRASE: &str = "jumptest-phrase1";

const SERVER: &str = "/usr/sbin/sshd";
const PATIENCE: Duration = Duration::from_secs(30);

/// A kind of host key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKeyKind {
    /// Ed25519.
    Ed25519,
    /// RSA with 2048 bits.
    Rsa,
    /// ECDSA on P-256.
    Ecdsa,
}

impl HostKeyKind {
    const fn name(self) -> &'static str {
        match self {
            HostKeyKind::Ed25519 => "ed25519",
            HostKeyKind::Rsa => "rsa",
            HostKeyKind::Ecdsa => "ecdsa",
        }
    }
}

/// A key that the server lets in, made when it is first asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserKey {
    /// Ed25519.
    Ed25519,
    /// RSA with 2048 bits.
    Rsa,
    /// ECDSA on P-256.
    Ecdsa,
    /// Ed25519, encrypted with [`PASSPHRASE`].
    Encrypted,
    /// Ed25519 with a certificate of the server's user authority; without the certificate it is not let in.
    Certified,
    /// Ed25519, unknown to the server.
    Stranger,
}

/// What a test may change about a server before it starts.
#[derive(Clone, Debug)]
pub struct SshdBuilder {
    host_keys: Vec<HostKeyKind>,
    password: bool,
    prompts: bool,
    forwarding: bool,
    port: Option<u16>,
    lines: Vec<String>,
}

impl SshdBuilder {
    /// The host keys it has; one Ed25519 key by default.
    #[must_use]
    pub fn host_keys(mut self, kinds: &[HostKeyKind]) -> Self {
        self.host_keys = kinds.to_vec();
        self
    }

    /// Whether the method `password` is offered (RFC 4252 §8); it is by default.
    #[must_use]
    pub const fn password(mut self, offered: bool) -> Self {
        self.password = offered;
        self
    }

    /// Whether the method `keyboard-interactive` is offered (RFC 4256); it is by default.
    #[must_use]
    pub const fn prompts(mut self, offered: bool) -> Self {
        self.prompts = offered;
        self
    }

    /// Whether it opens connections for its users; it does by default.
    #[must_use]
    pub const fn forwarding(mut self, allowed: bool) -> Self {
        self.forwarding = allowed;
        self
    }

    /// The port to listen on, for a server that takes the place of another. Any free one by default.
    #[must_use]
    pub const fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// One more line of `sshd_config`, before the builder's own: the first mention of an option counts.
    #[must_use]
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if a program is missing, [`ErrorKind::Unavailable`] with what the server said if it
    /// does not start.
    pub async fn start(self) -> Result<Sshd> {
        ensure_user().await?;
        let folder = Folder::new()?;
        open_to_all(&folder)?;
        for kind in &self.host_keys {
            let name = format!("host_{}", kind.name());
            keygen(
                &folder,
                &["-t", kind.name(), "-N", "", "-f", &name],
                *kind == HostKeyKind::Rsa,
            )
            .await?;
        }
        keygen(
            &folder,
            &["-t", "ed25519", "-N", "", "-f", "user_authority"],
            false,
        )
        .await?;
        folder.write("authorized_keys", "")?;
        // A port can be taken between its choice and the server's start.
        let mut last = String::new();
        for _ in 0..5 {
            let port = match self.port {
                Some(port) => port,
                None => free_port()?,
            };
            folder.write("sshd_config", self.config(&folder, port))?;
            let mut start = command(SERVER);
            start
                .arg("-D")
                .arg("-e")
                .arg("-f")
                .arg(folder.join("sshd_config"));
            let mut process = Process::spawn(start)?;
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            if listens(address, &mut process).await {
                return Ok(Sshd {
                    address,
                    process,
                    folder,
                });
            }
            last = process.output();
        }
        let message = format!("it does not listen; it said: {last}");
        Err(Error::new(ErrorKind::Unavailable, "start sshd", message))
    }

    fn config(&self, folder: &Folder, port: u16) -> String {
        let yes = |flag| if flag { "yes" } else { "no" };
        let at = |name: &str| folder.join(name).display().to_string();
        let mut lines = self.lines.clone();
        lines.push(format!("Port {port}"));
        lines.push("ListenAddress 127.0.0.1".to_owned());
        for kind in &self.host_keys {
            lines.push(format!("HostKey {}", at(&format!("host_{}", kind.name()))));
        }
        lines.push(format!("PidFile {}", at("sshd.pid")));
        lines.push(format!("AuthorizedKeysFile {}", at("authorized_keys")));
        lines.push(format!("TrustedUserCAKeys {}", at("user_authority.pub")));
        lines.push(format!("PasswordAuthentication {}", yes(self.password)));
        lines.push(format!("KbdInteractiveAuthentication {}", yes(self.prompts)));
        lines.push(format!("AllowTcpForwarding {}", yes(self.forwarding)));
        for line in [
            "UsePAM yes",
            "PermitRootLogin no",
            "StrictModes no",
            "X11Forwarding no",
            "MaxStartups 200:30:400",
            "MaxSessions 64",
            "Subsystem sftp internal-sftp",
            "LogLevel VERBOSE",
        ] {
            lines.push(line.to_owned());
        }
        lines.join("\n") + "\n"
    }
}

/// A running server; it is killed when this value is dropped.
#[derive(Debug)]
pub struct Sshd {
    address: SocketAddr,
    process: Process,
    folder: Folder,
}

impl Sshd {
    /// A server with one Ed25519 host key that takes passwords, prompts and keys.
    #[must_use]
    pub fn builder() -> SshdBuilder {
        SshdBuilder {
            host_keys: vec![HostKeyKind::Ed25519],
            password: true,
            prompts: true,
            forwarding: true,
            port: None,
            lines: Vec::new(),
        }
    }

    /// Starts such a server.
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// One of its host keys.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it has no such key.
    pub fn host_key(&self, kind: HostKeyKind) -> Result<HostKey> {
        HostKey::new(&self.read(&format!("host_{}.pub", kind.name()))?)
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.output()
    }

    /// Waits for a line of its log. Cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if it does not come.
    pub async fn wait_for_log(&mut self, text: &str) -> Result<String> {
        self.process.wait_for_line(text, PATIENCE).await
    }

    /// A private key in PEM form, which the server lets in from now on, as its kind says.
    pub async fn user_key(&self, kind: UserKey) -> Result<String> {
        let name = format!("id_{kind:?}").to_lowercase();
        let algorithm = match kind {
            UserKey::Rsa => "rsa",
            UserKey::Ecdsa => "ecdsa",
            _ => "ed25519",
        };
        let phrase = if kind == UserKey::Encrypted {
            PASSPHRASE
        } else {
            ""
        };
        if !self.folder.join(&name).exists() {
            let options = ["-t", algorithm, "-N", phrase, "-f", &name];
            keygen(&self.folder, &options, kind == UserKey::Rsa).await?;
            let public = format!("{name}.pub");
            match kind {
                UserKey::Stranger => {}
                UserKey::Certified => {
                    let options = [
                        "-s",
                        "user_authority",
                        "-I",
                        "jump-test",
                        "-n",
                        USER,
                        "-V",
                        "+1d",
                        &public,
                    ];
                    keygen(&self.folder, &options, false).await?;
                }
                _ => {
                    let all = self.read("authorized_keys")? + &self.read(&public)?;
                    self.folder.write("authorized_keys", all)?;
                }
            }
        }
        self.read(&name)
    }

    /// The certificate of [`UserKey::Certified`].
    pub async fn user_certificate(&self) -> Result<String> {
        self.user_key(UserKey::Certified).await?;
        self.read("id_certified-cert.pub")
    }

    /// A path in the server's folder, which [`USER`] may write to.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn read(&self, name: &str) -> Result<String> {
        std::fs::read_to_string(self.folder.join(name))
            .map_err(|error| Error::from_io(ErrorKind::Storage, "read a file of the test sshd", error))
    }
}

/// The server reads keys as the user who logs in, and tests let that user write files.
fn open_to_all(folder: &Folder) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777))
        .map_err(|error| Error::from_io(ErrorKind::Storage, "open a test folder", error))
}

async fn listens(address: SocketAddr, process: &mut Process) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        // Another program could listen there: the server's own word counts.
        if TcpStream::connect(address).await.is_ok() && process.output().contains("Server listening") {
            return true;
        }
        if process.wait(Duration::from_millis(5)).await.is_ok() {
            return false;
        }
    }
    false
}

async fn keygen(folder: &Folder, options: &[&str], rsa: bool) -> Result<()> {
    let mut run = command("ssh-keygen");
    run.current_dir(folder.path()).arg("-q").args(options);
    if rsa {
        // The smallest size still allowed: larger ones take seconds to make.
        run.args(["-b", "2048"]);
    }
    let mut process = Process::spawn(run)?;
    let status = process.wait(PATIENCE).await?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Unavailable,
        "make a test key",
        process.output(),
    ))
}

/// Creates the test user and sshd's own folder if they are missing. Several test programs may come here at once.
pub(crate) async fn ensure_user() -> Result<()> {
    let failed = |error| Error::from_io(ErrorKind::Storage, "prepare the sshd tests", error);
    let lock_path = std::env::temp_dir().join("jump-test-sshd.lock");
    let lock = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(lock_path)
        .map_err(failed)?;
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock))
        .await
        .map_err(|_| Error::new(ErrorKind::Internal, "prepare the sshd tests", "a task failed"))?
        .map_err(failed)?;
    std::fs::create_dir_all("/run/sshd").map_err(failed)?;
    let users = std::fs::read_to_string("/etc/passwd").map_err(failed)?;
    if !users.lines().any(|line| line.starts_with(&format!("{USER}:"))) {
        let script = format!("useradd -m -s /bin/bash {USER} && echo '{USER}:{PASSWORD}' | chpasswd");
        let mut run = command("sh");
        run.args(["-c", &script]);
        let mut process = Process::spawn(run)?;
        if !process.wait(PATIENCE).await?.success() {
            let message = format!(
                "the user {USER} could not be made (are you root?): {}",
                process.output()
            );
            return Err(Error::new(
                ErrorKind::Unavailable,
                "prepare the sshd tests",
                message,
            ));
        }
    }
    drop(lock);
    Ok(())
}
