//! Messages byte by byte, and sinks that come and go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::net::{TcpListener, UdpSocket};

use super::*;
use crate::audit::{Actor, AuditEvent, AuditKind, AuditLog, Fields, FileAuditLog};
use crate::error::ErrorKind;
use crate::id::{ItemId, UserId};

const LONG: Duration = Duration::from_secs(60);

fn record(who: &str, fields: Fields) -> Record {
    Record {
        sequence: 1427,
        time: "2026-01-02T03:04:05.123456789Z".parse().unwrap(),
        event: "jump_item_changed".to_owned(),
        who: who.to_owned(),
        who_ip: None,
        severity: Severity::Notice,
        fields,
    }
}

fn fields(value: serde_json::Value) -> Fields {
    serde_json::from_value(value).unwrap()
}

fn format(transport: SyslogTransport) -> SyslogFormat {
    SyslogFormat {
        hostname: "berlin".to_owned(),
        ..SyslogFormat::for_transport(transport)
    }
}

fn event(number: u64) -> AuditEvent {
    AuditEvent {
        time: "2026-01-02T03:04:05Z".parse().unwrap(),
        actor: Actor::User {
            user: UserId::new(1).unwrap(),
            name: "ada".to_owned(),
            login: None,
        },
        peer: Some("192.0.2.1:5".to_owned()),
        kind: AuditKind::SessionDenied {
            item: ItemId::new(3).unwrap(),
            reasons: format!("event {number}"),
        },
    }
}

#[test]
fn a_message_is_what_rfc_5424_says() {
    let fields = fields(json!({"old_port": 22, "new_port": 2222, "old_key": null, "name": "db;1"}));
    let mut record = record("ada", fields);
    record.who_ip = Some("192.0.2.1:5".to_owned());
    let messages = format(SyslogTransport::Tcp).messages(&record);
    let expected = "<133>1 2026-01-02T03:04:05.123456Z berlin jump - jump_item_changed [jump@32473 seq=\"1427\" \
        event=\"jump_item_changed\" who=\"ada\" who_ip=\"192.0.2.1:5\" name=\"db;1\"] \u{feff}1427:01:01:\
        event=jump_item_changed;when=2026-01-02T03:04:05.123456789Z;who=ada;who_ip=192.0.2.1:5;name=db\\;1;new_port=2222;\
        old_key=null;old_port=22";
    assert_eq!(messages, [expected]);
}

#[test]
fn s30_a_message_is_one_line_and_its_data_stay_in_their_quotes() {
    for evil in [
        "a\"] [evil@1 x=\"y",
        "\\",
        "]\"\\",
        "\u{1b}]0;t\u{7}",
        "\u{1b}]52;c;ZXZpbA==\u{7}",
        "\u{1b}P$qm\u{1b}\\",
        "one\r\n<0>1 - forged - - - - two",
        "\u{202e}exe",
        "\u{200b}\u{feff}\0",
    ] {
        let message = format(SyslogTransport::Tcp)
            .messages(&record(evil, fields(json!({"name": evil, "x": [evil]}))))
            .remove(0);
        let (header, text) = message.split_once('\u{feff}').unwrap();
        assert_eq!(
            message.chars().filter(|c| crate::text::acts(*c)).count(),
            1,
            "{message:?}"
        );
        // The structured data ends where a reader of RFC 5424 finds its end.
        let data = header.split_once(" [").unwrap().1;
        let (mut escaped, mut quoted, mut end) = (false, false, None);
        for (at, byte) in data.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b']' if !quoted => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
        }
        assert_eq!(end, Some(data.len() - 2), "{header}");
        assert!(text.starts_with("1427:01:01:event=jump_item_changed;"), "{text}");
    }
}

/// RFC 5424 §6.3.3: these three are escaped in a value, a closing bracket although it is within quotes.
#[test]
fn quotes_backslashes_and_brackets_are_escaped_in_structured_data() {
    let message = format(SyslogTransport::Tcp)
        .messages(&record("a]b\"c\\d[e", fields(json!({"name": "]"}))))
        .remove(0);
    let (header, _) = message.split_once('\u{feff}').unwrap();
    assert!(header.contains(r#" who="a\]b\"c\\d[e" "#), "{header}");
    assert!(header.ends_with(r#" name="\]"] "#), "{header}");
}

#[test]
fn a_long_message_is_sent_in_numbered_segments_that_lose_nothing() {
    let long = "ü;€".repeat(5000);
    let record = record("ada", fields(json!({"new_comments": long})));
    for (transport, longest) in [(SyslogTransport::Udp, 1400), (SyslogTransport::Tcp, 8192)] {
        let messages = format(transport).messages(&record);
        assert!(messages.len() > 3);
        let mut joined = String::new();
        for (number, message) in messages.iter().enumerate() {
            assert!(message.len() <= longest, "{}", message.len());
            let text = message.split_once('\u{feff}').unwrap().1;
            let prefix = format!("1427:{:02}:{:02}:", number + 1, messages.len());
            joined.push_str(text.strip_prefix(&prefix).unwrap());
        }
        assert!(joined.ends_with(&format!("new_comments={}", long.replace(';', "\\;"))));
    }
}

#[test]
fn v05_templates_and_properties_are_sent_as_they_are() {
    let text = "{{7*7}} %msg% ${x} %(y)s `id`";
    let message = format(SyslogTransport::Tcp)
        .messages(&record(text, fields(json!({"name": text}))))
        .remove(0);
    assert_eq!(message.matches(text).count(), 4, "{message}");
}

#[test]
fn a_server_is_named_by_scheme_host_and_port() {
    for (text, shown) in [
        ("udp://logs", "udp://logs:514"),
        ("tcp://logs.example:1514", "tcp://logs.example:1514"),
        ("tls://[2001:db8::1]", "tls://[2001:db8::1]:6514"),
        ("tcp://[::1]:99/", "tcp://[::1]:99"),
    ] {
        assert_eq!(text.parse::<SyslogTarget>().unwrap().to_string(), shown);
    }
    for bad in [
        "logs",
        "http://logs",
        "tcp://",
        "tcp://logs:0",
        "tcp://logs:x",
        "tcp://a b",
        "tcp://[::1",
        "tcp://logs:70000",
    ] {
        assert_eq!(
            bad.parse::<SyslogTarget>().unwrap_err().kind(),
            ErrorKind::InvalidArgument,
            "{bad}"
        );
    }
}

struct Logged {
    folder: tempfile::TempDir,
    log: Arc<FileAuditLog>,
}

impl Logged {
    async fn new(events: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Arc::new(FileAuditLog::open(&folder.path().join("audit.log")).unwrap());
        let logged = Self { folder, log };
        logged.append(0..events).await;
        logged
    }

    async fn append(&self, numbers: std::ops::Range<u64>) {
        let appended = numbers.map(|number| {
            let log = self.log.clone();
            async move { log.append(&event(number + 1)).await.unwrap() }
        });
        for one in appended {
            one.await;
        }
    }

    fn forward(&self, sink: impl Sink) -> Forwarder {
        let position = self.folder.path().join("position");
        Forwarder::start(self.log.clone(), Box::new(sink), position).unwrap()
    }
}

fn tcp(port: u16) -> SyslogSink {
    let target = format!("tcp://127.0.0.1:{port}").parse().unwrap();
    SyslogSink::new(target, format(SyslogTransport::Tcp))
}

/// The sequence number of the next message in octet counting; `None` at the end of the stream.
async fn next(stream: &mut (impl AsyncRead + Unpin)) -> Option<u64> {
    let mut length = 0;
    loop {
        match stream.read_u8().await.ok()? {
            b' ' => break,
            digit => length = length * 10 + usize::from(digit - b'0'),
        }
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await.ok()?;
    let message = String::from_utf8(message).unwrap();
    let text = message.split_once('\u{feff}').unwrap().1;
    let sequence: u64 = text.split(':').next().unwrap().parse().unwrap();
    assert!(text.ends_with(&format!("reasons=event {sequence}")), "{text}");
    Some(sequence)
}

#[tokio::test]
async fn a_receiver_that_dies_again_and_again_is_told_everything_in_order() {
    const EVENTS: u64 = 3000;
    let logged = Logged::new(EVENTS / 2).await;
    let mut listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let forwarder = logged.forward(tcp(address.port()));
    let mut received = BTreeSet::new();
    for life in 1_u64.. {
        let (stream, _) = tokio::time::timeout(LONG, listener.accept())
            .await
            .unwrap()
            .unwrap();
        let mut stream = BufReader::new(stream);
        let mut last = None;
        while let Some(sequence) = next(&mut stream).await {
            // Within a connection nothing is left out, and nothing begins behind what was not received.
            match last {
                Some(last) => assert_eq!(sequence, last + 1),
                None => assert!(
                    received.last().is_none_or(|last| sequence <= last + 1),
                    "{sequence}"
                ),
            }
            last = Some(sequence);
            received.insert(sequence);
            // It dies with more in its hands than it read.
            if life < 4 && received.len() as u64 >= life * 400 {
                break;
            }
            if received.len() as u64 == EVENTS {
                assert_eq!(received.last(), Some(&EVENTS));
                assert_eq!(received.first(), Some(&1));
                forwarder.stop(Duration::ZERO).await;
                return;
            }
        }
        drop((stream, listener));
        if life == 2 {
            logged.append(EVENTS / 2..EVENTS).await;
        }
        listener = TcpListener::bind(address).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_away_delays_no_event_and_misses_none() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let logged = Logged::new(0).await;
    let forwarder = logged.forward(tcp(address.port()));
    logged.append(0..100).await;
    let listener = TcpListener::bind(address).await.unwrap();
    let (mut stream, _) = tokio::time::timeout(LONG, listener.accept())
        .await
        .unwrap()
        .unwrap();
    for expected in 1..=100 {
        assert_eq!(next(&mut stream).await, Some(expected));
    }
    drop(forwarder);
}

#[tokio::test]
async fn what_was_delivered_is_not_sent_again_after_a_restart() {
    let logged = Logged::new(10).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for (first, last) in [(1, 10), (11, 15)] {
        let forwarder = logged.forward(tcp(port));
        let (mut stream, _) = tokio::time::timeout(LONG, listener.accept())
            .await
            .unwrap()
            .unwrap();
        for expected in first..=last {
            assert_eq!(next(&mut stream).await, Some(expected));
        }
        let reading = tokio::spawn(async move { next(&mut stream).await });
        // It ends the connection in order and sees that the server has read all of it.
        forwarder.stop(LONG).await;
        assert_eq!(reading.await.unwrap(), None);
        logged.append(last..last + 5).await;
    }
}

#[tokio::test]
async fn another_log_under_an_old_position_is_sent_from_its_beginning() {
    let first = Logged::new(10).await;
    let path = first.folder.path().join("out.jsonl");
    let forwarder = first.forward(FileSink::new(path.clone(), Rotation::default()));
    forwarder.delivered(10).await.unwrap();
    forwarder.stop(LONG).await;
    let second = Logged::new(0).await;
    second.append(100..112).await;
    std::fs::copy(
        first.folder.path().join("position"),
        second.folder.path().join("position"),
    )
    .unwrap();
    let path = second.folder.path().join("out.jsonl");
    let forwarder = second.forward(FileSink::new(path.clone(), Rotation::default()));
    forwarder.delivered(12).await.unwrap();
    drop(forwarder);
    let lines = std::fs::read_to_string(path).unwrap().lines().count();
    assert_eq!(lines, 12);
}

#[tokio::test]
async fn datagrams_arrive_one_message_each() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let logged = Logged::new(20).await;
    let target = format!("udp://127.0.0.1:{port}").parse().unwrap();
    let forwarder = logged.forward(SyslogSink::new(target, format(SyslogTransport::Udp)));
    let mut buffer = [0; 2048];
    for expected in 1..=20 {
        let length = tokio::time::timeout(LONG, socket.recv(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        let message = std::str::from_utf8(&buffer[..length]).unwrap();
        assert!(message.starts_with("<132>1 "), "{message}");
        assert!(
            message.contains(&format!("\u{feff}{expected}:01:01:")),
            "{message}"
        );
    }
    forwarder.delivered(20).await.unwrap();
}

#[tokio::test]
async fn over_tls_only_a_server_with_a_trusted_certificate_is_told_anything() {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let authority = |name: &str| rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let (own, other) = (authority("localhost"), authority("localhost"));
    let pem = |own: &rcgen::CertifiedKey<rcgen::KeyPair>| {
        let base64 = data_encoding::BASE64_MIME.encode(own.cert.der());
        format!("-----BEGIN CERTIFICATE-----\n{base64}-----END CERTIFICATE-----\n")
    };
    let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = |pem: &str| {
        format!("tls://localhost:{port}")
            .parse::<SyslogTarget>()
            .unwrap()
            .trusting(pem.as_bytes())
    };

    let sink = SyslogSink::new(target(&pem(&other)).unwrap(), format(SyslogTransport::Tls));
    let refused = {
        let mut sink = sink;
        let sending = tokio::spawn(async move { sink.send(&[record("ada", Fields::new())]).await });
        let (stream, _) = listener.accept().await.unwrap();
        assert!(acceptor.accept(stream).await.is_err());
        sending.await.unwrap().unwrap_err()
    };
    assert_eq!(refused.kind(), ErrorKind::UntrustedPeer);
    assert!(target("nothing").is_err());

    let logged = Logged::new(50).await;
    let sink = SyslogSink::new(target(&pem(&own)).unwrap(), format(SyslogTransport::Tls));
    let forwarder = logged.forward(sink);
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = acceptor.accept(stream).await.unwrap();
    for expected in 1..=50 {
        assert_eq!(next(&mut stream).await, Some(expected));
    }
    drop(forwarder);
}

#[tokio::test]
async fn files_are_rotated_by_size_under_numbers_that_count_up() {
    let logged = Logged::new(300).await;
    let path = logged.folder.path().join("out.jsonl");
    let rotation = Rotation {
        bytes: 20_000,
        keep: 0,
        ..Rotation::default()
    };
    let mut sink = FileSink::new(path.clone(), rotation);
    let mut from = crate::audit::LogPosition::default();
    // Small pieces, as a quiet site gives them.
    loop {
        let page = logged
            .log
            .read(
                from,
                crate::audit::ReadLimits {
                    events: 7,
                    bytes: 1_000_000,
                },
            )
            .await
            .unwrap();
        let batch: Vec<_> = page
            .events
            .iter()
            .flat_map(|logged| records(logged).unwrap())
            .collect();
        sink.send(&batch).await.unwrap();
        from = page.next;
        if page.at_end {
            break;
        }
    }
    let mut lines = Vec::new();
    let mut number = 1;
    while let Ok(text) = std::fs::read_to_string(format!("{}.{number}", path.display())) {
        assert!(text.len() <= 20_000, "{}", text.len());
        lines.extend(text.lines().map(ToOwned::to_owned));
        number += 1;
    }
    assert!(number > 2);
    lines.extend(
        std::fs::read_to_string(&path)
            .unwrap()
            .lines()
            .map(ToOwned::to_owned),
    );
    let sequences: Vec<u64> = lines
        .iter()
        .map(|line| serde_json::from_str::<Record>(line).unwrap().sequence)
        .collect();
    assert_eq!(sequences, (1..=300).collect::<Vec<_>>());

    // A line that a crash cut off is taken away, and only so many files are kept.
    std::fs::write(&path, b"{\"sequence\":1,\"hal").unwrap();
    let rotation = Rotation {
        bytes: 1,
        keep: 2,
        ..Rotation::default()
    };
    let mut sink = FileSink::new(path.clone(), rotation);
    for _ in 0..4 {
        sink.send(&[record("ada", Fields::new())]).await.unwrap();
    }
    let kept = std::fs::read_dir(logged.folder.path()).unwrap().filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_str()
            .unwrap()
            .starts_with("out.jsonl.")
    });
    assert_eq!(kept.count(), 2);
    assert!(std::path::Path::new(&format!("{}.{}", path.display(), number + 2)).exists());
    let line = std::fs::read_to_string(&path).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&line).unwrap().sequence, 1427);
}

#[tokio::test]
async fn a_file_that_is_old_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.jsonl");
    let mut sink = FileSink::new(
        path.clone(),
        Rotation {
            age: Duration::ZERO,
            ..Rotation::default()
        },
    );
    for _ in 0..3 {
        sink.send(&[record("ada", Fields::new())]).await.unwrap();
    }
    for name in ["out.jsonl", "out.jsonl.1", "out.jsonl.2"] {
        let file = tokio::fs::File::open(folder.path().join(name)).await.unwrap();
        let mut lines = BufReader::new(file).lines();
        assert!(lines.next_line().await.unwrap().is_some(), "{name}");
        assert!(lines.next_line().await.unwrap().is_none(), "{name}");
    }
}
