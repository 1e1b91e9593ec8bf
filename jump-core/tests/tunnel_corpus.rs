//! The fuzzer's corpus, replayed: what was found once stays found.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test helpers")]

use jump_core::id::SessionId;
use jump_core::time::Timestamp;
use jump_core::tunnel::{Party, SignedTicket, Ticket};

#[path = "../../fuzz/checks/ticket.rs"]
mod ticket;

fn corpus() -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/ticket");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn every_ticket_of_the_corpus_is_handled() {
    let files = corpus();
    assert!(files.len() >= 8, "the corpus is there");
    for (path, data) in files {
        let checked = std::panic::catch_unwind(|| ticket::check(&data));
        assert!(checked.is_ok(), "{}", path.display());
    }
}

#[test]
fn the_corpus_has_good_tickets_as_bytes_and_as_text() {
    let broker = ticket::broker().public();
    let good = |signed: SignedTicket| signed.verify(&broker, Timestamp::MIN).is_ok();
    let (mut bytes, mut texts) = (0, 0);
    for (_, data) in corpus() {
        bytes += usize::from(
            data.last_chunk()
                .is_some_and(|chunk| good(SignedTicket::from_bytes(*chunk))),
        );
        let text = String::from_utf8(data)
            .ok()
            .map(|text| SignedTicket::try_from(text.trim_end().to_owned()));
        texts += usize::from(text.is_some_and(|signed| signed.is_ok_and(good)));
    }
    assert!(bytes >= 2 && texts >= 1, "{bytes} as bytes, {texts} as text");
}

/// Writes the seeds of the corpus again: `cargo test -p jump-core --test tunnel_corpus -- --ignored`.
#[test]
#[ignore = "writes files; for when the ticket changes"]
fn write_the_seeds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/ticket/");
    let write = |name: &str, data: &[u8]| std::fs::write([folder, name].concat(), data).unwrap();
    let broker = ticket::broker();
    let signed = |party, second| {
        let session = SessionId::from_bytes(*b"0123456789abcdef");
        let mut ticket = Ticket::new(session, party, Timestamp::from_second(second).unwrap()).unwrap();
        ticket.nonce = *b"a nonce, for now";
        ticket.sign(&broker)
    };
    let rep = signed(Party::Rep, 4_102_444_800);
    let preface = [b"JUMPRLY\x01".as_slice(), rep.as_bytes()].concat();
    write("good-rep", rep.as_bytes());
    write("good-jumpoint", signed(Party::Jumpoint, 4_102_444_800).as_bytes());
    write("expired", signed(Party::Rep, 0).as_bytes());
    write("good-text", String::from(rep.clone()).as_bytes());
    write("preface", &preface);
    write(
        "preface-and-a-client-hello",
        &[preface.as_slice(), &[0x16, 3, 1, 0, 0]].concat(),
    );
    write(
        "preface-of-another-version",
        &[b"JUMPRLY\x02".as_slice(), rep.as_bytes()].concat(),
    );
    write("half-a-preface", preface.get(..60).unwrap());
    write("first-byte-only", b"J");
    write("http", b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n");
    write("four-gibibytes", &[b"J".as_slice(), &[0xff; 140]].concat());
    let mut party = *rep.as_bytes();
    party[16] = 3;
    write("unknown-party", &party);
    let mut year = *rep.as_bytes();
    year[33..41].fill(0x7f);
    write("a-year-that-is-none", &year);
}
