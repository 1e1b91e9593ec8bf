//! Running the command and the site that most tests need.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use jump_testkit::folder::Folder;
use jump_testkit::ports::free_port;
use jump_testkit::process::{Process, command};
use jump_testkit::sshd::{HostKeyKind, PASSWORD, Sshd, USER};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// A safety net, not a measure.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// The program under test.
pub(crate) const JUMP: &str = env!("CARGO_BIN_EXE_jump");
/// The administrator of every site here.
pub(crate) const ADMIN: &str = "ada";

/// What a finished command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The output, if the command succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

/// Runs a command to its end, with `input` as its standard input.
pub(crate) async fn finish(mut command: Command, input: &str) -> Said {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A command that does not read its input closes it, which is no failure.
    let feed = tokio::spawn(async move { stdin.write_all(input.as_bytes()).await });
    let output = tokio::time::timeout(LONG, child.wait_with_output())
        .await
        .expect("the command ends")
        .unwrap();
    feed.abort();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// One user of the command, with a home of their own.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) home: Folder,
}

impl User {
    pub(crate) fn new() -> Self {
        Self {
            home: Folder::new().unwrap(),
        }
    }

    /// A user who is logged in with an invitation.
    pub(crate) async fn invited(invitation: &str) -> Self {
        let user = Self::new();
        user.run_with(&["login"], invitation).await.ok();
        user
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.environment(command(JUMP), arguments)
    }

    /// Another program in the same environment, with `jump` on its path.
    pub(crate) fn environment(&self, mut command: Command, arguments: &[&str]) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let folder = Path::new(JUMP).parent().unwrap();
        command.args(arguments);
        command.env("PATH", format!("{}:{path}", folder.display()));
        command
            .env("JUMP_HOME", self.home.path())
            .env("HOME", self.home.path())
            .env("USER", ADMIN);
        for name in [
            "JUMP_LOG",
            "JUMP_PROFILE",
            "JUMP_STORE_PASSWORD",
            "JUMP_VAULT_KEY",
            "SSH_AUTH_SOCK",
            "RSYNC_RSH",
        ] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, "").await
    }

    pub(crate) async fn run_with(&self, arguments: &[&str], input: &str) -> Said {
        finish(self.command(arguments), input).await
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Process {
        Process::spawn(self.command(arguments)).unwrap()
    }
}

/// `jump up` with a logged-in administrator.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) admin: User,
    pub(crate) up: Process,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::start_logging(None).await
    }

    /// The same with a log filter for the server.
    pub(crate) async fn start_logging(filter: Option<&str>) -> Self {
        Self::start_for(User::new(), filter).await
    }

    /// The same with a vault.
    pub(crate) async fn start_with_vault(filter: Option<&str>) -> Self {
        let admin = User::new();
        admin.run(&["vault", "init"]).await.ok();
        Self::start_for(admin, filter).await
    }

    async fn start_for(admin: User, filter: Option<&str>) -> Self {
        Self::start_with(admin, filter, &[]).await
    }

    /// The same with more arguments for `jump up`.
    pub(crate) async fn start_with(admin: User, filter: Option<&str>, more: &[&str]) -> Self {
        let mut up = admin.command(&[&["up", "--listen", "127.0.0.1:0"], more].concat());
        if let Some(filter) = filter {
            up.env("JUMP_LOG", filter);
        }
        let mut up = Process::spawn(up).unwrap();
        up.wait_for_line("  jump ssh my-server", LONG).await.unwrap();
        let invitation = std::fs::read_to_string(admin.home.join("site/invitation")).unwrap();
        admin.run_with(&["login"], &invitation).await.ok();
        Self { admin, up }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.admin.home.join("site")
    }

    /// Adds the shell item `web` that leads to the server, with its password and its host key.
    pub(crate) async fn add_shell(&self, sshd: &Sshd) {
        add_shell(&self.admin, sshd, &[]).await;
    }

    /// A user who may do nothing yet.
    pub(crate) async fn add_user(&self, name: &str) -> User {
        self.admin
            .run(&["users", "add", name, "--method", "all"])
            .await
            .ok();
        let invitation = self.admin.run(&["users", "invite", name]).await.ok();
        User::invited(&invitation).await
    }

    /// Gives a user all it needs to start sessions on `web`.
    pub(crate) async fn let_in(&self, name: &str) {
        let role = [
            "groups",
            "add-member",
            "default",
            name,
            "--role",
            "Start Sessions Only",
        ];
        self.admin.run(&role).await.ok();
        self.admin.run(&["jumpoints", "grant", "local", name]).await.ok();
    }

    /// Waits until the site says that a session was started, and gives the session's id.
    pub(crate) async fn session_started(&mut self, by: &str) -> String {
        let line = self
            .up
            .wait_for_line(&format!("{by} started a session"), LONG)
            .await
            .unwrap();
        line.rsplit_once('(').unwrap().1.trim_end_matches(')').to_owned()
    }
}

/// A part that runs as a process of its own and can be killed and started again.
#[derive(Debug)]
pub(crate) struct Part {
    owner: User,
    arguments: Vec<String>,
    ready: &'static str,
    pub(crate) process: Process,
}

impl Part {
    async fn start(owner: User, arguments: &[&str], ready: &'static str) -> Self {
        let mut process = owner.spawn(arguments);
        process.wait_for_line(ready, LONG).await.unwrap();
        let arguments = arguments.iter().map(|&word| word.to_owned()).collect();
        Self {
            owner,
            arguments,
            ready,
            process,
        }
    }

    /// Kills it with `kill -9` and starts it again.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.process.kill().await.unwrap();
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        self.process = self.owner.spawn(&arguments);
        self.process.wait_for_line(self.ready, LONG).await.unwrap();
    }
}

/// Broker, relay and Jumpoint as three processes, and an administrator.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) admin: User,
    pub(crate) broker: Part,
    pub(crate) relay: Part,
    pub(crate) jumpoint: Part,
}

impl Parts {
    pub(crate) async fn start() -> Self {
        let at = |port: u16| format!("127.0.0.1:{port}");
        let (broker_at, relay_at) = (at(free_port().unwrap()), at(free_port().unwrap()));
        let arguments = ["broker", "--listen", &broker_at, "--relay", &relay_at];
        let mut broker = Part::start(User::new(), &arguments, "The broker serves at ").await;
        let line = broker.process.wait_for_line("--broker-key", LONG).await.unwrap();
        let key = line.rsplit(' ').next().unwrap();
        let arguments = ["relay", "--listen", &relay_at, "--broker-key", key];
        let relay = Part::start(User::new(), &arguments, "The relay serves at ").await;

        let invitation = std::fs::read_to_string(broker.owner.home.join("site/invitation")).unwrap();
        let admin = User::invited(&invitation).await;
        let invitation = admin.run(&["jumpoints", "add", "branch"]).await.ok();
        admin.run(&["jumpoints", "grant", "branch", ADMIN]).await.ok();
        let agent = User::new();
        let token = agent.home.write("token", invitation).unwrap();
        let arguments = [
            "jumpoint",
            "--allow",
            "127.0.0.0/8",
            "--token-file",
            token.to_str().unwrap(),
        ];
        let mut jumpoint = Part::start(agent, &arguments, "connected to the broker").await;
        // It has enrolled: from now on it starts without the invitation.
        jumpoint.arguments.truncate(3);
        Self {
            admin,
            broker,
            relay,
            jumpoint,
        }
    }

    pub(crate) fn audit_log(&self) -> PathBuf {
        self.broker.owner.home.join("site/audit.log")
    }

    pub(crate) fn recording_key(&self) -> PathBuf {
        self.broker.owner.home.join("site/recording.key")
    }

    pub(crate) fn recordings(&self) -> PathBuf {
        self.jumpoint.owner.home.join("jumpoint/recordings")
    }
}

/// Adds the shell item `web` to a site.
pub(crate) async fn add_shell(admin: &User, sshd: &Sshd, more: &[&str]) {
    let (host, port) = host_and_port(sshd.address());
    let key = sshd.host_key(HostKeyKind::Ed25519).unwrap().to_string();
    let mut arguments = vec![
        "items", "add", "shell", "web", "--host", &host, "--port", &port, "--user", USER,
    ];
    arguments.extend(["--password-stdin", "--host-key", &key]);
    arguments.extend(more);
    admin.run_with(&arguments, PASSWORD).await.ok();
}

/// Waits until the site has accounted for every session.
pub(crate) async fn nothing_is_active(admin: &User) {
    let empty = async {
        loop {
            let said = admin.run(&["sessions", "--active", "--json"]).await;
            if said.code == 0 && said.json() == serde_json::json!([]) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(LONG, empty)
        .await
        .expect("no session stays active");
}

pub(crate) fn host_and_port(address: SocketAddr) -> (String, String) {
    (address.ip().to_string(), address.port().to_string())
}

/// Python with the clients of the tests; `JUMP_TEST_PYTHON` says which.
pub(crate) fn python() -> Command {
    command(std::env::var("JUMP_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned()))
}

/// Plays a person at a terminal: runs `line` in a shell on a pseudo-terminal, waits for each text to appear and then
/// types its answer. Gives what was on the screen and the exit code.
pub(crate) async fn at_terminal(user: &User, line: &str, dialogue: &[(&str, &str)]) -> (String, i32) {
    const PLAYER: &str = r#"
import json, os, pty, select, sys, time
line, dialogue = sys.argv[1], json.loads(sys.argv[2])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("sh", ["sh", "-c", line])
screen, done, start = b"", 0, 0
deadline = time.monotonic() + 50
while time.monotonic() < deadline:
    if dialogue and screen.find(dialogue[0][0].encode(), start) >= 0:
        start = len(screen)
        os.write(terminal, dialogue.pop(0)[1].encode())
    if not select.select([terminal], [], [], 0.2)[0]:
        continue
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        piece = b""
    if not piece:
        break
    screen += piece
else:
    os.kill(pid, 9)
sys.stdout.buffer.write(screen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
"#;
    let dialogue = serde_json::to_string(dialogue).unwrap();
    let said = finish(user.environment(python(), &["-c", PLAYER, line, &dialogue]), "").await;
    (said.out + &said.err, said.code)
}
