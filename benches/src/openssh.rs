//! Real OpenSSH: a server of the test kit, and stock clients that log in to it with a key.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jump_core::{Error, ErrorKind, Result};
use jump_testkit::folder::Folder;

use crate::child::{Part, Running};
use crate::roles::Account;
use crate::usage;

const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// The benchmark asks how fast, not whom: host keys are the tests' subject.
const OPTIONS: [&str; 10] = [
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "IdentitiesOnly=yes",
    "-o",
    "BatchMode=yes",
    "-o",
    "LogLevel=ERROR",
];

/// The way to the server.
#[derive(Clone, Debug)]
pub(crate) enum Way<'a> {
    /// Straight.
    Direct,
    /// Through a plain jump host.
    Bastion(&'a Server),
    /// Through whatever this command reaches.
    Proxy(String),
}

/// Which cipher is used.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cipher {
    /// What client and server agree on by themselves.
    Stock,
    /// The fastest where the processor has AES.
    Aes128Gcm,
}

/// A running sshd.
#[derive(Debug)]
pub(crate) struct Server {
    holder: Part,
    account: Account,
    identity: PathBuf,
    _folder: Folder,
}

impl Server {
    pub(crate) fn start() -> Result<Self> {
        let failed = |error| Error::from_io(ErrorKind::Storage, "run openssh", error);
        let mut holder = Part::start("sshd", &[])?;
        let account: Account = serde_json::from_str(&holder.hear()?).map_err(|error| {
            Error::new(ErrorKind::Internal, "run openssh", "bad answer").with_source(error)
        })?;
        let folder = Folder::new()?;
        let identity = folder.write("id", &account.private_key)?;
        std::fs::set_permissions(&identity, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self {
            holder,
            account,
            identity,
            _folder: folder,
        })
    }

    /// The process under which all of it runs.
    pub(crate) fn pid(&self) -> u32 {
        self.holder.pid()
    }

    pub(crate) const fn account(&self) -> &Account {
        &self.account
    }

    fn login(&self) -> String {
        format!("{}@{}", self.account.user, self.account.address.ip())
    }

    /// A stock client that goes this way; what it is to run there comes behind.
    pub(crate) fn command(&self, way: &Way<'_>, cipher: Cipher) -> Vec<String> {
        let mut ssh = self.client(cipher);
        match way {
            Way::Direct => {}
            // What `-J` does, with the same options on both legs.
            Way::Bastion(bastion) => {
                let mut onward = bastion.client(cipher);
                onward.extend(["-W", "[%h]:%p"].map(str::to_owned));
                onward.push(bastion.login());
                ssh.extend(["-o".to_owned(), format!("ProxyCommand={}", onward.join(" "))]);
            }
            Way::Proxy(command) => ssh.extend(["-o".to_owned(), format!("ProxyCommand={command}")]),
        }
        ssh.push(self.login());
        ssh
    }

    /// A client that leads here, with no configuration but the key's place.
    fn client(&self, cipher: Cipher) -> Vec<String> {
        let mut words = vec!["ssh".to_owned(), "-F".to_owned(), "none".to_owned()];
        words.extend(OPTIONS.map(str::to_owned));
        words.extend(["-i".to_owned(), self.identity.display().to_string()]);
        words.extend(["-p".to_owned(), self.account.address.port().to_string()]);
        if let Cipher::Aes128Gcm = cipher {
            words.extend(["-c", "aes128-gcm@openssh.com"].map(str::to_owned));
        }
        words
    }

    /// A client that only forwards, as `option` says, once `port` is open.
    pub(crate) fn forward(&self, option: &[&str], port: u16) -> Result<Running> {
        let mut words = self.client(Cipher::Aes128Gcm);
        words.extend(["-N", "-o", "ExitOnForwardFailure=yes"].map(str::to_owned));
        words.extend(option.iter().map(|word| (*word).to_owned()));
        words.push(self.login());
        let running = Running::start(&words)?;
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > PATIENCE {
                let message = "ssh does not forward; its error output says why";
                return Err(Error::new(ErrorKind::Timeout, "run openssh", message));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(running)
    }

    /// Waits until no login is left, so that the time of all is accounted for.
    pub(crate) fn wait_until_idle(&self) -> Result<()> {
        let begun = Instant::now();
        // The server itself stays.
        while usage::descendants(self.pid())? > 1 {
            if begun.elapsed() > PATIENCE {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    "run openssh",
                    "a login does not end",
                ));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }
}
