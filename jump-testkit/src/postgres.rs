//! A real PostgreSQL server on loopback.
//!
//! Each value is a server of its own, with its own data, Unix socket and port. What `initdb` makes is kept in the build
//! folder and copied, so that a server starts in a fraction of a second. PostgreSQL does not run as root: then it runs
//! as the user `nobody`. It ends with the value, and also if the thread that started it ends without dropping it,
//! however that happens.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jump_core::{Error, ErrorKind, Result};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, geteuid, kill_process, waitid};

use crate::folder::Folder;
use crate::ports::free_port;
use crate::process::{Process, command};

/// The database user, who may do everything.
pub const USER: &str = "jump";
/// That user's password over TCP; none is asked for on the Unix socket.
pub const PASSWORD: &str = "jumptest-pw1";
/// The database.
pub const DATABASE: &str = "postgres";

const PATIENCE: Duration = Duration::from_secs(120);
const READY: &str = "database system is ready to accept connections";

fn storage(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Storage, "set up a test database", error)
}

/// What a test may change about a server before it starts.
#[derive(Clone, Debug, Default)]
pub struct PostgresBuilder {
    tls: Option<(String, String)>,
    settings: Vec<String>,
}

impl PostgresBuilder {
    /// The server speaks TLS, with this certificate and private key in PEM form.
    #[must_use]
    pub fn tls(mut self, certificate: impl Into<String>, key: impl Into<String>) -> Self {
        self.tls = Some((certificate.into(), key.into()));
        self
    }

    /// One more setting, such as `max_connections=5`.
    #[must_use]
    pub fn setting(mut self, setting: impl Into<String>) -> Self {
        self.settings.push(setting.into());
        self
    }

    /// Starts it and waits until it takes connections.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if PostgreSQL is not installed, [`ErrorKind::Unavailable`] with what the server said if
    /// it does not start.
    pub async fn start(mut self) -> Result<Postgres> {
        let programs = programs()?;
        let template = template(&programs).await?;
        let folder = Folder::new()?;
        let owner = owner()?;
        if owner.is_some() {
            // Passing through is enough: the data itself is the server's only.
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).map_err(storage)?;
        }
        let data = folder.join("data");
        let copied = (template, data.clone());
        let copying = tokio::task::spawn_blocking(move || copy(&copied.0, &copied.1, owner));
        copying
            .await
            .map_err(std::io::Error::other)
            .map_err(storage)?
            .map_err(storage)?;
        if let Some((certificate, key)) = self.tls.take() {
            for (name, text) in [("server.crt", certificate), ("server.key", key)] {
                let path = data.join(name);
                fs::write(&path, text).map_err(storage)?;
                own(&path, owner, 0o600).map_err(storage)?;
            }
            self.settings.push("ssl=on".to_owned());
        }
        let mut server = Postgres {
            port: 0,
            process: None,
            programs,
            settings: self.settings,
            folder,
        };
        // A port can be taken between its choice and the server's start.
        let mut tries = 0;
        loop {
            server.port = free_port()?;
            tries += 1;
            match server.launch().await {
                Ok(()) => return Ok(server),
                Err(error) if tries == 5 => return Err(error),
                Err(_) => {}
            }
        }
    }
}

/// A running server, or one that was stopped; it ends when this value is dropped.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    process: Option<Process>,
    programs: PathBuf,
    settings: Vec<String>,
    folder: Folder,
}

impl Postgres {
    /// What a test may change before it starts.
    #[must_use]
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::default()
    }

    /// Starts one.
    ///
    /// # Errors
    /// As [`PostgresBuilder::start`].
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its address over the Unix socket, where it asks for no password: `postgres://…?host=…&port=…`, to which
    /// `&name=value` can be added.
    #[must_use]
    pub fn socket_address(&self) -> String {
        let folder = self.data().display().to_string();
        format!("postgres://{USER}@/{DATABASE}?host={folder}&port={}", self.port)
    }

    /// Its address over TCP, where it asks for [`PASSWORD`], for a host name of this machine.
    #[must_use]
    pub fn address(&self, host: &str) -> String {
        format!("postgres://{USER}@{host}:{}/{DATABASE}", self.port)
    }

    /// What it has logged since its last start.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }

    /// Waits for a line of its log. Cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if it does not come, [`ErrorKind::Closed`] if it is stopped.
    pub async fn wait_for_log(&mut self, text: &str) -> Result<String> {
        match &mut self.process {
            Some(process) => process.wait_for_line(text, PATIENCE).await,
            None => Err(Error::new(
                ErrorKind::Closed,
                "wait for postgres",
                "it is stopped",
            )),
        }
    }

    /// Stops it at once, without a checkpoint and without a word to its clients (`pg_ctl stop -m immediate`), and
    /// waits until it is gone.
    pub async fn stop_immediately(&mut self) -> Result<()> {
        self.stop(Signal::QUIT).await
    }

    /// Stops it in order: clients are told, and it ends (`pg_ctl stop -m fast`).
    pub async fn stop_fast(&mut self) -> Result<()> {
        self.stop(Signal::INT).await
    }

    async fn stop(&mut self, signal: Signal) -> Result<()> {
        let Some(mut process) = self.process.take() else {
            return Ok(());
        };
        tell(&process, signal);
        process.wait(PATIENCE).await.map(drop)
    }

    /// Starts it again after it was stopped, at the same port, and waits until it takes connections.
    pub async fn start_again(&mut self) -> Result<()> {
        self.launch().await
    }

    /// Its folder of data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Runs SQL through `psql`.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] with what `psql` said if it fails.
    pub async fn run(&self, sql: &str) -> Result<()> {
        let mut psql = as_owner(None, &self.programs.join("psql"), true);
        psql.args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            &self.socket_address(),
            "-c",
            sql,
        ]);
        let mut process = Process::spawn(psql)?;
        if process.wait(PATIENCE).await?.success() {
            return Ok(());
        }
        let message = format!("psql failed: {}", process.output());
        Err(Error::new(ErrorKind::Storage, "run sql", message))
    }

    async fn launch(&mut self) -> Result<()> {
        let data = self.data();
        let mut start = as_owner(owner()?, &self.programs.join("postgres"), true);
        start.arg("-D").arg(&data).arg("-k").arg(&data);
        start.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-F"]);
        let ours = [
            "shared_buffers=16MB",
            "autovacuum=off",
            "logging_collector=off",
            "log_destination=stderr",
            "lc_messages=C",
        ];
        for setting in ours.into_iter().chain(self.settings.iter().map(String::as_str)) {
            start.arg("-c").arg(setting);
        }
        let mut process = Process::spawn(start)?;
        process.wait_for_line(READY, PATIENCE).await?;
        self.process = Some(process);
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let Some(process) = self.process.take() else {
            return;
        };
        // Its children are gone before it is: nobody writes to the folder while that is removed. The server itself
        // sees to it that this takes five seconds at most.
        if let Some(pid) = tell(&process, Signal::QUIT) {
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        }
    }
}

fn tell(process: &Process, signal: Signal) -> Option<Pid> {
    let pid = i32::try_from(process.pid()).ok().and_then(Pid::from_raw)?;
    kill_process(pid, signal).ok().map(|()| pid)
}

/// The folder with PostgreSQL's programs: the newest that a package installed, otherwise the one in the search path.
fn programs() -> Result<PathBuf> {
    let installed = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut versions: Vec<(u32, PathBuf)> = installed
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    versions.sort();
    let found = versions.into_iter().map(|(_, folder)| folder).rev();
    let path = std::env::var_os("PATH").unwrap_or_default();
    found
        .chain(std::env::split_paths(&path))
        .find(|folder| folder.join("postgres").exists() && folder.join("initdb").exists())
        .ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                "find postgres",
                "it is not installed: run scripts/setup-tests",
            )
        })
}

/// As whom the server runs: user and group; `None` as whom we are.
fn owner() -> Result<Option<(u32, u32)>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").map_err(storage)?;
    let number = |line: &str, field: usize| line.split(':').nth(field).and_then(|text| text.parse().ok());
    users
        .lines()
        .find(|line| line.starts_with("nobody:"))
        .and_then(|line| Some((number(line, 2)?, number(line, 3)?)))
        .map(Some)
        .ok_or_else(|| Error::new(ErrorKind::NotFound, "run postgres", "there is no user nobody"))
}

/// A command that runs as that user, if asked only as long as the thread that starts it.
fn as_owner(owner: Option<(u32, u32)>, program: &Path, with_us: bool) -> tokio::process::Command {
    let mut run = command("setpriv");
    if let Some((user, group)) = owner {
        run.arg(format!("--reuid={user}"))
            .arg(format!("--regid={group}"))
            .arg("--clear-groups");
    }
    if with_us {
        run.arg("--pdeathsig=QUIT");
    }
    run.arg(program).current_dir("/");
    for variable in [
        "PGDATA",
        "PGPORT",
        "PGHOST",
        "PGUSER",
        "PGPASSWORD",
        "PGDATABASE",
        "PGOPTIONS",
    ] {
        run.env_remove(variable);
    }
    run
}

/// What `initdb` made, as it is copied for each server. It is made once for all tests of a build folder.
async fn template(programs: &Path) -> Result<PathBuf> {
    let program = std::env::current_exe().map_err(storage)?;
    let build = program
        .ancestors()
        .find(|folder| folder.ends_with("deps"))
        .and_then(Path::parent);
    let build = build.map_or_else(std::env::temp_dir, Path::to_path_buf);
    let version: String = programs
        .display()
        .to_string()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let made = build.join(format!("test-postgres-1{version}"));
    if made.exists() {
        return Ok(made);
    }
    let lock = fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(build.join("test-postgres.lock"))
        .map_err(storage)?;
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock));
    let _lock = lock
        .await
        .map_err(std::io::Error::other)
        .map_err(storage)?
        .map_err(storage)?;
    if made.exists() {
        return Ok(made);
    }
    let folder = Folder::new()?;
    let owner = owner()?;
    // The other user makes its data inside.
    own(folder.path(), owner, 0o700).map_err(storage)?;
    let password = folder.write("password", PASSWORD)?;
    own(&password, owner, 0o600).map_err(storage)?;
    let data = folder.join("data");
    let mut initdb = as_owner(owner, &programs.join("initdb"), true);
    initdb.arg("-D").arg(&data).arg(format!("--username={USER}"));
    initdb.arg(format!("--pwfile={}", password.display()));
    // Another order of letters than that of their bytes, so that what counts on that order fails here.
    initdb.args([
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=icu",
        "--icu-locale=en-US",
    ]);
    initdb.args([
        "--auth-local=trust",
        "--auth-host=scram-sha-256",
        "--no-sync",
        "--wal-segsize=1",
    ]);
    let mut process = Process::spawn(initdb)?;
    let status = process.wait(PATIENCE).await?;
    if !status.success() {
        let message = format!("initdb failed: {}", process.output());
        return Err(Error::new(ErrorKind::Unavailable, "start postgres", message));
    }
    // Under its name only when it is whole.
    let beside = build.join("test-postgres.new");
    let _ = fs::remove_dir_all(&beside);
    copy(&data, &beside, None).map_err(storage)?;
    fs::rename(&beside, &made).map_err(storage)?;
    Ok(made)
}

/// Copies a folder with all that is in it, for its owner only.
fn copy(from: &Path, to: &Path, owner: Option<(u32, u32)>) -> std::io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target, owner)?;
        } else {
            fs::copy(entry.path(), &target)?;
            own(&target, owner, 0o600)?;
        }
    }
    own(to, owner, 0o700)
}

fn own(path: &Path, owner: Option<(u32, u32)>, mode: u32) -> std::io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    match owner {
        Some((user, group)) => chown(path, Some(user), Some(group)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_starts_stops_and_starts_again_and_is_gone_with_its_value() {
        let mut server = Postgres::start().await.unwrap();
        let folder = server.folder.path().to_path_buf();
        assert!(folder.join("data/postmaster.pid").exists());
        server.stop_immediately().await.unwrap();
        server.start_again().await.unwrap();
        server.wait_for_log("not properly shut down").await.unwrap();
        let pid = server.process.as_ref().unwrap().pid();
        let proc = PathBuf::from(format!("/proc/{pid}/exe"));
        assert!(proc.exists() || fs::symlink_metadata(&proc).is_ok());
        drop(server);
        assert!(!folder.exists());
        assert!(fs::read_link(&proc).is_err(), "it is gone, or a zombie at most");
    }
}
