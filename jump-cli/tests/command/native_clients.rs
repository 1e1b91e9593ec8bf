//! Programs that know nothing of Jump reach an item through `jump proxy`, unmodified and without a password.

use jump_testkit::process::command;
use jump_testkit::sshd::Sshd;
use tokio::process::Command;

use crate::support::{Said, Site, User, finish, python};

struct Stage {
    site: Site,
    sshd: Sshd,
}

impl Stage {
    async fn start() -> Self {
        let stage = Self {
            site: Site::start().await,
            sshd: Sshd::start().await.unwrap(),
        };
        stage.site.add_shell(&stage.sshd).await;
        stage
    }

    fn user(&self) -> &User {
        &self.site.admin
    }

    /// The options that make a program of OpenSSH go through the proxy. BatchMode forbids every question.
    fn options(&self) -> Vec<String> {
        let known = self.user().home.join("known_hosts");
        let options = [
            "ProxyCommand=jump proxy web".to_owned(),
            "BatchMode=yes".to_owned(),
            "StrictHostKeyChecking=accept-new".to_owned(),
            format!("UserKnownHostsFile={}", known.display()),
        ];
        options
            .into_iter()
            .flat_map(|option| ["-o".to_owned(), option])
            .collect()
    }

    async fn run(&self, program: &str, more: &[&str]) -> Said {
        let mut program: Command = self.user().environment(command(program), &[]);
        program.args(self.options()).args(more);
        finish(program, "").await
    }

    async fn python(&self, module: &str, program: &str) -> Said {
        let there = finish(
            self.user()
                .environment(python(), &["-c", &format!("import {module}")]),
            "",
        )
        .await;
        assert_eq!(
            there.code, 0,
            "the Python module {module} is missing: run the tests with scripts/test. {}",
            there.err
        );
        let folder = self.sshd.path("");
        finish(
            self.user()
                .environment(python(), &["-c", program, folder.to_str().unwrap()]),
            "",
        )
        .await
    }
}

/// A megabyte that does not compress and differs at every place.
fn noise() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let step = |_| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as u8
    };
    (0..1 << 20).map(step).collect()
}

#[tokio::test]
async fn openssh_runs_commands_with_their_input_output_and_exit_code() {
    let stage = Stage::start().await;
    let said = stage.run("ssh", &["web", "echo out; echo err >&2; exit 3"]).await;
    assert_eq!((said.code, said.out.as_str()), (3, "out\n"), "{said:?}");
    assert!(said.err.contains("err\n"), "{said:?}");
    let said = stage.run("ssh", &["-tt", "web", "tty"]).await;
    assert!(said.out.contains("/dev/pts/"), "{said:?}");
}

#[tokio::test]
async fn openssh_reaches_items_by_the_configuration_that_jump_prints() {
    let stage = Stage::start().await;
    let config = stage.user().run(&["ssh-config"]).await.ok();
    let file = stage.user().home.write("config", config).unwrap();
    let file = file.to_str().unwrap();
    let mut ssh = stage.user().environment(
        command("ssh"),
        &["-F", file, "-o", "BatchMode=yes", "web", "echo reached"],
    );
    // It says itself where everything is.
    ssh.env_remove("JUMP_HOME").env("PATH", "/usr/bin:/bin");
    assert_eq!(finish(ssh, "").await.ok(), "reached\n");
}

#[tokio::test]
async fn scp_sftp_and_rsync_copy_both_ways() {
    let stage = Stage::start().await;
    let here = |name: &str| stage.user().home.join(name).to_str().unwrap().to_owned();
    let there = |name: &str| stage.sshd.path(name).to_str().unwrap().to_owned();
    let noise = noise();
    std::fs::write(here("up"), &noise).unwrap();
    let same = |path: &str| {
        assert!(
            std::fs::read(path).unwrap() == noise,
            "{path} is not what was sent"
        )
    };

    stage
        .run("scp", &["-q", &here("up"), &format!("web:{}", there("scp"))])
        .await
        .ok();
    same(&there("scp"));
    stage
        .run("scp", &["-q", &format!("web:{}", there("scp")), &here("scp")])
        .await
        .ok();
    same(&here("scp"));
    stage
        .run(
            "scp",
            &["-q", "-O", &here("up"), &format!("web:{}", there("old-scp"))],
        )
        .await
        .ok();
    same(&there("old-scp"));

    let batch = format!("put {} {}\nget {0} {}\n", here("up"), there("sftp"), here("sftp"));
    let batch = batch.replace(&format!("get {}", here("up")), &format!("get {}", there("sftp")));
    let batch = stage.user().home.write("batch", batch).unwrap();
    stage
        .run("sftp", &["-b", batch.to_str().unwrap(), "web"])
        .await
        .ok();
    same(&there("sftp"));
    same(&here("sftp"));

    let remote_shell: Vec<String> = stage.options().iter().map(|word| format!("'{word}'")).collect();
    let remote_shell = format!("ssh {}", remote_shell.join(" "));
    for (from, to) in [
        (here("up"), format!("web:{}", there("rsync"))),
        (format!("web:{}", there("rsync")), here("rsync")),
    ] {
        let rsync = stage.user().environment(
            command("rsync"),
            &["-q", "--checksum", "-e", &remote_shell, &from, &to],
        );
        finish(rsync, "").await.ok();
    }
    same(&there("rsync"));
    same(&here("rsync"));
}

#[tokio::test]
async fn openssh_moves_many_megabytes_both_ways() {
    const BYTES: usize = 64 << 20;
    let stage = Stage::start().await;
    let said = stage
        .run("ssh", &["web", &format!("head -c {BYTES} /dev/zero")])
        .await;
    assert_eq!((said.code, said.out.len()), (0, BYTES), "{}", said.err);
    let mut ssh = stage.user().environment(command("ssh"), &[]);
    ssh.args(stage.options()).args(["web", "wc -c"]);
    let said = finish(ssh, &"x".repeat(BYTES)).await;
    assert_eq!(said.ok().trim(), BYTES.to_string());
}

#[tokio::test]
async fn asyncssh_works_unmodified() {
    let stage = Stage::start().await;
    let said = stage
        .python(
            "asyncssh",
            r#"
import asyncio, asyncssh, sys
async def main():
    async with asyncssh.connect("web", known_hosts=None, username="anybody", client_keys=None,
                                proxy_command="jump proxy web") as connection:
        result = await connection.run("echo from-asyncssh; exit 5")
        assert result.exit_status == 5, result
        print(result.stdout, end="")
        async with connection.start_sftp_client() as sftp:
            async with sftp.open(sys.argv[1] + "asyncssh", "wb") as file:
                await file.write(b"x" * 300000)
            assert (await sftp.stat(sys.argv[1] + "asyncssh")).size == 300000
asyncio.run(main())
"#,
        )
        .await;
    assert_eq!(said.ok(), "from-asyncssh\n");
}

#[tokio::test]
async fn paramiko_works_unmodified() {
    let stage = Stage::start().await;
    let said = stage
        .python(
            "paramiko",
            r#"
import paramiko, sys
proxy = paramiko.ProxyCommand("jump proxy web")
transport = paramiko.Transport(proxy)
transport.start_client(timeout=30)
transport.auth_none("anybody")
channel = transport.open_session()
channel.exec_command("echo from-paramiko; exit 6")
print(channel.makefile().read().decode(), end="")
assert channel.recv_exit_status() == 6
sftp = paramiko.SFTPClient.from_transport(transport)
with sftp.open(sys.argv[1] + "paramiko", "wb") as file:
    file.write(b"x" * 300000)
assert sftp.stat(sys.argv[1] + "paramiko").st_size == 300000
transport.close()
"#,
        )
        .await;
    assert_eq!(said.ok(), "from-paramiko\n");
}

/// Gives the item a session policy that lets files move only in the target's folder.
async fn limit(stage: &Stage) {
    let folder = stage.sshd.path("").canonicalize().unwrap();
    let folder = folder.to_str().unwrap();
    let add = [
        "session-policies",
        "add",
        "within",
        "--upload-path",
        folder,
        "--download-path",
        folder,
    ];
    stage.user().run(&add).await.ok();
    let edit = ["items", "edit", "web", "--session-policy", "within"];
    stage.user().run(&edit).await.ok();
}

#[tokio::test]
async fn asyncssh_moves_files_within_path_limits_and_not_outside() {
    let stage = Stage::start().await;
    limit(&stage).await;
    let said = stage
        .python(
            "asyncssh",
            r#"
import asyncio, asyncssh, os, sys
async def main():
    data = os.urandom(5_000_000)
    async with asyncssh.connect("web", known_hosts=None, username="anybody", client_keys=None,
                                proxy_command="jump proxy web") as connection:
        async with connection.start_sftp_client() as sftp:
            async with sftp.open(sys.argv[1] + "async", "wb") as file:
                await file.write(data)
            async with sftp.open(sys.argv[1] + "async", "rb") as file:
                assert await file.read() == data
            await sftp.posix_rename(sys.argv[1] + "async", sys.argv[1] + "async2")
            for what in [sftp.open("/etc/passwd", "rb"), sftp.open("/tmp/jump-no", "wb"), sftp.listdir("/etc"),
                         sftp.symlink("/etc", sys.argv[1] + "link"), sftp.stat("/etc/passwd"),
                         sftp.rename(sys.argv[1] + "async2", "/tmp/jump-no")]:
                try:
                    await what
                    print("permitted")
                except asyncssh.SFTPPermissionDenied as error:
                    print("denied")
asyncio.run(main())
"#,
        )
        .await;
    assert_eq!(said.ok(), "denied\n".repeat(6));
}

#[tokio::test]
async fn paramiko_prefetches_thousands_of_reads_within_path_limits() {
    let stage = Stage::start().await;
    limit(&stage).await;
    let said = stage
        .python(
            "paramiko",
            r#"
import io, os, paramiko, sys
transport = paramiko.Transport(paramiko.ProxyCommand("jump proxy web"))
transport.start_client(timeout=30)
transport.auth_none("anybody")
sftp = paramiko.SFTPClient.from_transport(transport)
data = os.urandom(60_000_000)
sftp.putfo(io.BytesIO(data), sys.argv[1] + "para")
back = io.BytesIO()
# Without a limit of its own it asks for everything at once.
sftp.getfo(sys.argv[1] + "para", back)
assert back.getvalue() == data
try:
    sftp.open("/etc/passwd", "rb")
except PermissionError:
    print("denied")
transport.close()
"#,
        )
        .await;
    assert_eq!(said.ok(), "denied\n");
}
