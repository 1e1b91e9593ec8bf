//! What a session's recording decodes to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod common;

use common::{Setup, exec, leave, read_all, right_password};
use jump_core::protocol::ExitStatus;
use jump_core::recording::{Record, RecordKind};
use jump_proto_ssh::recording::{CastOptions, ChannelKind, asciicast, channels, text};
use jump_testkit::sshd::Sshd;

/// The shown text of a cast, and its keystrokes.
fn cast(records: &[Record], channel: u32, options: &CastOptions) -> (String, String) {
    let mut out = Vec::new();
    asciicast(records.iter().cloned().map(Ok), channel, options, &mut out).unwrap();
    let (mut shown, mut typed) = (String::new(), String::new());
    let mut lines = std::str::from_utf8(&out).unwrap().lines();
    let header: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(header["version"], 2);
    let mut last = 0.0;
    for line in lines {
        let event: (f64, String, String) = serde_json::from_str(line).unwrap();
        assert!(event.0 >= last);
        last = event.0;
        match event.1.as_str() {
            "o" => shown += &event.2,
            "i" => typed += &event.2,
            _ => {}
        }
    }
    (shown, typed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_shows_what_the_rep_saw() {
    let sshd = Sshd::start().await.unwrap();
    let (rep, running) = Setup::for_sshd(&sshd).rep(right_password()).await;
    let said = exec(&rep, "printf 'a\\nb\\n'; echo oops >&2; exit 2").await;
    assert_eq!(said.out, b"a\nb\n");
    let mut channel = rep.channel_open_session().await.unwrap();
    channel
        .request_pty(true, "xterm", 100, 30, 0, 0, &[])
        .await
        .unwrap();
    channel
        .exec(
            true,
            "read -s -p 'name? ' x; printf '\\033[1mhello\\033[0m %s €\\n' ok",
        )
        .await
        .unwrap();
    channel.data(&b"hidden-word\n"[..]).await.unwrap();
    let seen = read_all(&mut channel).await.out();
    leave(rep).await;
    let (_, _, records) = running.end().await;

    let found = channels(records.iter().cloned().map(Ok)).unwrap();
    assert_eq!(found.len(), 2);
    assert!(matches!(&found[0].kind, ChannelKind::Command(command) if command.contains("oops")));
    assert_eq!(
        (found[0].output, found[0].exit.clone()),
        (9, Some(ExitStatus::Code(2)))
    );
    assert_eq!(found[1].terminal.as_ref().unwrap().columns, 100);
    assert!(found.iter().all(|channel| channel.is_watchable()));

    let mut plain = Vec::new();
    text(records.iter().cloned().map(Ok), 1, &mut plain).unwrap();
    let plain = String::from_utf8(plain).unwrap();
    assert!(
        plain.contains("hello ok €\n") && !plain.contains('\u{1b}'),
        "{plain:?}"
    );

    let (shown, typed) = cast(&records, 1, &CastOptions::default());
    assert_eq!((shown.as_str(), typed.as_str()), (seen.as_str(), ""));
    let (_, typed) = cast(
        &records,
        1,
        &CastOptions {
            input: true,
            ..CastOptions::default()
        },
    );
    assert_eq!(typed, "hidden-word\n");
    let (shown, _) = cast(&records, 0, &CastOptions::default());
    let mut lines: Vec<&str> = shown.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["a", "b", "oops"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_byte_of_a_file_transfer_is_recorded_in_order() {
    let sshd = Sshd::start().await.unwrap();
    let (rep, running) = Setup::for_sshd(&sshd).rep(right_password()).await;
    let said = exec(&rep, "head -c 5000000 /dev/urandom").await;
    leave(rep).await;
    let (outcome, _, records) = running.end().await;
    let recorded: Vec<u8> = records
        .iter()
        .filter(|record| record.kind == RecordKind::FromTarget)
        .flat_map(|record| record.payload.to_vec())
        .collect();
    assert!(recorded == said.out);
    assert_eq!(outcome.bytes_from_target, 5_000_000);
}
