//! Our own client half through the gate, against a real sshd.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod common;

use std::sync::Mutex;

use bytes::Bytes;
use common::{LONG, Setup, right_password};
use jump_core::ErrorKind;
use jump_core::protocol::{ExitStatus, Progress, SessionGoesOn, ShellChannel, ShellEvent, Terminal};
use jump_core::session::EndReason;
use jump_testkit::folder::Folder;
use jump_testkit::seeded::Seeded;
use jump_testkit::sshd::Sshd;

fn terminal() -> Terminal {
    Terminal {
        kind: "xterm".to_owned(),
        columns: 80,
        rows: 24,
    }
}

async fn read_all(channel: &mut ShellChannel) -> (String, String, Option<ExitStatus>) {
    let (mut out, mut err, mut exit) = (Vec::new(), Vec::new(), None);
    while let Some(event) = tokio::time::timeout(LONG, channel.reader.next())
        .await
        .unwrap()
        .unwrap()
    {
        assert!(exit.is_none(), "nothing follows the exit");
        match event {
            ShellEvent::Output(data) => out.extend_from_slice(&data),
            ShellEvent::ErrorOutput(data) => err.extend_from_slice(&data),
            ShellEvent::Exit(status) => exit = Some(status),
        }
    }
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (text(&out), text(&err), exit)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_takes_input_and_gives_output_errors_and_exit() {
    let sshd = Sshd::start().await.unwrap();
    let (session, running) = Setup::for_sshd(&sshd).session(right_password()).await;
    let mut command = session
        .exec(b"cat; echo problem >&2; exit 5", None)
        .await
        .unwrap();
    command
        .writer
        .write(Bytes::from_static(b"hello\n"))
        .await
        .unwrap();
    command.writer.finish().await.unwrap();
    let (out, err, exit) = read_all(&mut command).await;
    assert_eq!((out.as_str(), err.as_str()), ("hello\n", "problem\n"));
    assert_eq!(exit, Some(ExitStatus::Code(5)));
    let mut killed = session.exec(b"kill -TERM $$", None).await.unwrap();
    assert_eq!(
        read_all(&mut killed).await.2,
        Some(ExitStatus::Signal("TERM".to_owned()))
    );
    session.close().await.unwrap();
    let (outcome, ..) = running.end().await;
    assert_eq!(outcome.reason, EndReason::RepClosed);
    let closed = session.exec(b"true", None).await.unwrap_err();
    assert_eq!(closed.kind(), ErrorKind::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shell_is_resized_and_signalled() {
    let sshd = Sshd::start().await.unwrap();
    let (session, _running) = Setup::for_sshd(&sshd).session(right_password()).await;
    let mut shell = session.shell(&terminal()).await.unwrap();
    // A shell that waits for a line may write an old size back, so what waits here is a program.
    let waits = b"exec sh -c 'echo ready-$((1+1)); read line; stty size; exit 4'\n";
    shell.writer.write(Bytes::from_static(waits)).await.unwrap();
    let mut seen = String::new();
    while !seen.contains("ready-2") {
        match shell.reader.next().await.unwrap() {
            Some(ShellEvent::Output(bytes)) => seen.push_str(std::str::from_utf8(&bytes).unwrap()),
            other => panic!("{other:?} after {seen}"),
        }
    }
    shell.writer.resize(132, 43).await.unwrap();
    shell.writer.write(Bytes::from_static(b"\n")).await.unwrap();
    let (out, _, exit) = read_all(&mut shell).await;
    assert!(out.contains("43 132"), "{out}");
    assert_eq!(exit, Some(ExitStatus::Code(4)));

    let mut command = session
        .exec(b"trap 'exit 9' INT; echo up; while :; do sleep 0.05; done", None)
        .await
        .unwrap();
    assert_eq!(
        command.reader.next().await.unwrap(),
        Some(ShellEvent::Output(Bytes::from_static(b"up\n")))
    );
    command.writer.signal("INT").await.unwrap();
    assert_eq!(read_all(&mut command).await.2, Some(ExitStatus::Code(9)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writing_to_a_program_that_has_ended_is_an_error_not_a_wait() {
    let sshd = Sshd::start().await.unwrap();
    let (session, _running) = Setup::for_sshd(&sshd).session(right_password()).await;
    let mut command = session.exec(b"true", None).await.unwrap();
    let write = async {
        loop {
            if let Err(error) = command.writer.write(Bytes::from(vec![0; 1 << 20])).await {
                return error;
            }
        }
    };
    let error = tokio::time::timeout(LONG, write).await.unwrap();
    assert_eq!(error.kind(), ErrorKind::Closed);
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.is::<SessionGoesOn>(), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_go_up_and_down_unchanged_with_progress() {
    const SIZE: usize = 64 << 20;
    let sshd = Sshd::start().await.unwrap();
    let (session, running) = Setup::for_sshd(&sshd).session(right_password()).await;
    let folder = Folder::new().unwrap();
    let bytes = Seeded::new(1).bytes(SIZE);
    let up = folder.write("up", &bytes).unwrap();
    let remote = sshd.path("remote").display().to_string();
    let steps = Mutex::new(Vec::new());
    let progress = |step: Progress| steps.lock().unwrap().push(step);

    assert_eq!(
        session.upload(&up, &remote, &progress).await.unwrap(),
        SIZE as u64
    );
    let seen = std::mem::take(&mut *steps.lock().unwrap());
    let all = SIZE as u64;
    assert_eq!(
        seen.last(),
        Some(&Progress {
            done: all,
            total: Some(all)
        })
    );
    assert!(seen.len() > 100 && seen.is_sorted_by_key(|step| step.done));
    assert!(std::fs::read(sshd.path("remote")).unwrap() == bytes);

    let down = folder.join("down");
    assert_eq!(
        session.download(&remote, &down, &progress).await.unwrap(),
        SIZE as u64
    );
    assert!(std::fs::read(&down).unwrap() == bytes);
    assert_eq!(
        steps.lock().unwrap().last(),
        Some(&Progress {
            done: all,
            total: Some(all)
        })
    );
    session.close().await.unwrap();
    let (outcome, ..) = running.end().await;
    assert!(outcome.bytes_from_rep > all && outcome.bytes_from_target > all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_empty_and_sizeless_files_are_copied_whole() {
    let sshd = Sshd::start().await.unwrap();
    let (session, _running) = Setup::for_sshd(&sshd).session(right_password()).await;
    let folder = Folder::new().unwrap();
    let ignore = |_: Progress| {};
    for size in [0, 1, 32 * 1024 - 1, 255 * 1024, 255 * 1024 + 1] {
        let bytes = Seeded::new(size as u64).bytes(size);
        let up = folder.write("up", &bytes).unwrap();
        let remote = sshd.path(&format!("file{size}")).display().to_string();
        assert_eq!(session.upload(&up, &remote, &ignore).await.unwrap(), size as u64);
        let down = folder.join("down");
        assert_eq!(
            session.download(&remote, &down, &ignore).await.unwrap(),
            size as u64
        );
        assert!(std::fs::read(&down).unwrap() == bytes, "{size}");
    }
    // The kernel gives this file the size 0.
    let down = folder.join("status");
    assert!(
        session
            .download("/proc/self/status", &down, &ignore)
            .await
            .unwrap()
            > 100
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_download_leaves_the_local_file_as_it_was() {
    let sshd = Sshd::start().await.unwrap();
    let (session, running) = Setup::for_sshd(&sshd).session(right_password()).await;
    let folder = Folder::new().unwrap();
    let local = folder.write("local", "old").unwrap();
    let ignore = |_: Progress| {};
    let missing = session
        .download("/no/such/file", &local, &ignore)
        .await
        .unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let forbidden = session
        .download("/etc/shadow", &local, &ignore)
        .await
        .unwrap_err();
    assert_eq!(forbidden.kind(), ErrorKind::Denied);
    let folder_name = session
        .download("/etc/passwd", folder.path(), &ignore)
        .await
        .unwrap_err();
    assert_eq!(folder_name.kind(), ErrorKind::InvalidArgument);

    // Ended in the middle.
    std::fs::write(sshd.path("big"), vec![1; 64 << 20]).unwrap();
    let stop = running.stop.clone();
    let halfway = move |step: Progress| {
        if step.done > 8 << 20 {
            stop.stop(EndReason::Expired);
        }
    };
    let remote = sshd.path("big").display().to_string();
    let ended = session.download(&remote, &local, &halfway).await.unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::Closed);
    assert_eq!(std::fs::read(&local).unwrap(), b"old");
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["local"], "no temporary file is left");
}

/// An sshd whose file server is this program in Python, and a folder for the client.
async fn with_file_server(program: &str) -> (Folder, Sshd) {
    let folder = Folder::new().unwrap();
    let script = folder.write("file_server.py", program).unwrap();
    let line = format!("ForceCommand python3 {}", script.display());
    let sshd = Sshd::builder().line(line).start().await.unwrap();
    (folder, sshd)
}

/// A file server that keeps the beginning of a file of 64 MiB back and gives a byte of everything else that it is asked for
/// (draft-ietf-secsh-filexfer-02).
const CRUMBS: &str = r#"
import struct, sys
def take(count):
    data = sys.stdin.buffer.read(count)
    if len(data) < count: sys.exit()
    return data
def give(kind, rest):
    sys.stdout.buffer.write(struct.pack(">IB", 1 + len(rest), kind) + rest)
    sys.stdout.buffer.flush()
while True:
    packet = take(struct.unpack(">I", take(4))[0])
    kind, number = packet[0], packet[1:5]
    if kind == 1: give(2, struct.pack(">I", 3))
    elif kind == 3: give(102, number + struct.pack(">I", 1) + b"h")
    elif kind == 8: give(105, number + struct.pack(">IQ", 1, 64 << 20))
    elif kind == 5:
        offset = struct.unpack(">Q", packet[10:18])[0]
        if offset > 0: give(103, number + struct.pack(">I", 1) + b"x")
    else: give(101, number + struct.pack(">III", 0, 0, 0))
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_keeps_the_beginning_back_and_gives_crumbs_of_the_rest_is_left() {
    let (folder, sshd) = with_file_server(CRUMBS).await;
    let (session, _running) = Setup::for_sshd(&sshd).session(right_password()).await;
    let local = folder.write("local", "old").unwrap();
    let ignore = |_: Progress| {};
    let left = tokio::time::timeout(LONG, session.download("file", &local, &ignore))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(left.kind(), ErrorKind::Protocol);
    assert!(left.to_string().contains("too small"), "{left}");
    assert_eq!(std::fs::read(&local).unwrap(), b"old");
}

/// A file server whose files have 64 KiB and do what their names say (draft-ietf-secsh-filexfer-02; `limits@openssh.com` of one byte).
const ODD: &str = r#"
import struct, sys
SIZE = 65536
def take(count):
    data = sys.stdin.buffer.read(count)
    if len(data) < count: sys.exit()
    return data
def give(kind, rest):
    sys.stdout.buffer.write(struct.pack(">IB", 1 + len(rest), kind) + rest)
    sys.stdout.buffer.flush()
def text(value): return struct.pack(">I", len(value)) + value
def status(number, code): give(101, number + struct.pack(">I", code) + text(b"as its name says") + text(b""))
def content(offset, length): return bytes((place * 7 + place // 251) % 256 for place in range(offset, offset + length))
name, asked, waiting = "", 0, []
while True:
    packet = take(struct.unpack(">I", take(4))[0])
    kind, number = packet[0], packet[1:5]
    if kind == 1: give(2, struct.pack(">I", 3) + text(b"limits@openssh.com") + text(b"1"))
    elif kind == 200: give(201, number + struct.pack(">QQQQ", 300000, 1, 1, 0))
    elif kind == 3:
        name, asked, waiting = packet[9:9 + struct.unpack(">I", packet[5:9])[0]].decode(), 0, []
        give(102, number + text(b"h"))
    elif kind == 8:
        asked += 1
        give(105, number + struct.pack(">IQ", 1, 1000 if name == "shrinks" and asked > 1 else SIZE))
    elif kind == 5:
        offset, length = struct.unpack(">QI", packet[10:22])
        end = 1000 if name in ("shrinks", "short") else SIZE
        if name == "limits" and length < 32768 and offset < SIZE: status(number, 4)
        elif offset >= end: status(number, 1)
        elif name == "backwards":
            waiting.append(number + text(content(offset, length)))
            if offset + length == SIZE:
                for answer in reversed(waiting): give(103, answer)
        elif name == "crumbs": give(103, number + text(content(offset, min(length, 1 + offset % 999))))
        else: give(103, number + text(content(offset, min(length, end - offset))))
    elif kind == 4: status(number, 4 if name == "close" else 0)
    else: status(number, 0)
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_is_whole_or_the_local_file_stays_whatever_the_server_does() {
    let (folder, sshd) = with_file_server(ODD).await;
    let (session, _running) = Setup::for_sshd(&sshd).session(right_password()).await;
    let whole: Vec<u8> = (0..65536_usize)
        .map(|place| (place * 7 + place / 251) as u8)
        .collect();
    let ignore = |_: Progress| {};
    for (name, wanted) in [
        ("plain", Ok(65536)),
        // A server may answer in any order, with less than it was asked for, and want small pieces.
        ("backwards", Ok(65536)),
        ("crumbs", Ok(65536)),
        ("limits", Ok(65536)),
        // As files of sysfs, which say 4096 and are shorter.
        ("short", Ok(1000)),
        ("shrinks", Err(ErrorKind::Protocol)),
        ("close", Err(ErrorKind::InvalidArgument)),
    ] {
        let local = folder.write("local", "old").unwrap();
        let copied = tokio::time::timeout(LONG, session.download(name, &local, &ignore)).await;
        let copied = copied.unwrap().map_err(|error| error.kind());
        assert_eq!(copied, wanted, "{name}");
        let there = std::fs::read(&local).unwrap();
        match wanted {
            Ok(length) => assert!(there == whole[..length as usize], "{name}"),
            Err(_) => assert_eq!(there, b"old", "{name}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_file_is_not_replaced_by_a_download() {
    let sshd = Sshd::start().await.unwrap();
    let (session, _running) = Setup::for_sshd(&sshd).session(right_password()).await;
    let folder = Folder::new().unwrap();
    let socket = folder.join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let ignore = |_: Progress| {};
    let refused = session
        .download("/etc/passwd", &socket, &ignore)
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    assert!(!std::fs::metadata(&socket).unwrap().is_file());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gives_up_while_a_channel_opens_leaves_none_open() {
    let sshd = Sshd::start().await.unwrap();
    let (session, _running) = Setup::for_sshd(&sshd).session(right_password()).await;
    for polls in (1..=8).cycle().take(800) {
        let mut starting = session.exec(b"cat", None);
        let mut left = polls;
        // Given up before it is done, at another point each time.
        std::future::poll_fn(|context| {
            left -= 1;
            match starting.as_mut().poll(context) {
                std::task::Poll::Pending if left > 0 => std::task::Poll::Pending,
                _ => std::task::Poll::Ready(()),
            }
        })
        .await;
    }
    // What was opened too late is being closed: there is room for one as soon as that is done. sshd and the gate have it for 64.
    let done = async {
        loop {
            match session.exec(b"echo here", None).await {
                Ok(mut command) => break command.reader.next().await,
                Err(error) => assert_eq!(error.kind(), ErrorKind::ResourceLimit, "{error}"),
            }
        }
    };
    let said = tokio::time::timeout(LONG, done)
        .await
        .expect("there is room again");
    assert_eq!(said.unwrap(), Some(ShellEvent::Output("here\n".into())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_permitted_is_denied_and_what_the_target_refuses_is_unsupported() {
    let sshd = Sshd::builder()
        .line("Subsystem other /bin/false")
        .start()
        .await
        .unwrap();
    let setup = Setup::for_sshd(&sshd).permissions(|permissions| {
        permissions.shell = false;
        permissions.file_upload = false;
        permissions.file_download = false;
    });
    let (session, _running) = setup.session(right_password()).await;
    assert_eq!(
        session.shell(&terminal()).await.unwrap_err().kind(),
        ErrorKind::Denied
    );
    let ignore = |_: Progress| {};
    let folder = Folder::new().unwrap();
    let error = session
        .download("/etc/passwd", &folder.join("x"), &ignore)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_session_says_why() {
    let sshd = Sshd::start().await.unwrap();
    let (session, running) = Setup::for_sshd(&sshd).session(right_password()).await;
    let mut command = session.exec(b"echo up; sleep 1000", None).await.unwrap();
    assert!(matches!(
        command.reader.next().await,
        Ok(Some(ShellEvent::Output(_)))
    ));
    running.stop.stop(EndReason::EndedBy("root".to_owned()));
    let error = loop {
        match command.reader.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("an ended session is not a clean end"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("ended by root"), "{error}");
    assert_eq!(command.reader.next().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_directions_at_once_do_not_lock_up() {
    const SIZE: usize = 32 << 20;
    let sshd = Sshd::start().await.unwrap();
    let (session, _running) = Setup::for_sshd(&sshd).session(right_password()).await;
    let ShellChannel {
        mut reader,
        mut writer,
    } = session.exec(b"cat", None).await.unwrap();
    let write = async {
        for _ in 0..SIZE >> 20 {
            writer.write(Bytes::from(vec![7; 1 << 20])).await.unwrap();
        }
        writer.finish().await.unwrap();
    };
    let read = async {
        let mut count = 0;
        while let Some(event) = reader.next().await.unwrap() {
            if let ShellEvent::Output(data) = event {
                count += data.len();
            }
        }
        count
    };
    let (count, ()) = tokio::time::timeout(LONG, async { tokio::join!(read, write) })
        .await
        .expect("no lock-up");
    assert_eq!(count, SIZE);
}
