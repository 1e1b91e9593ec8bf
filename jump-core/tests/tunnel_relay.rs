//! The relay: pairs by ticket, sees ciphertext only, refuses everything else with a typed error.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test helpers"
)]

mod tunnel_support;

use std::sync::Arc;

use jump_core::id::SessionId;
use jump_core::keys::SigningKey;
use jump_core::time::{ManualClock, SignedDuration};
use jump_core::tunnel::{
    Admission, MemoryTransport, PREFACE_LENGTH, Party, RelayedSocket, Socket, TcpTransport, Ticket, Tls,
    TlsStream,
};
use jump_core::{Error, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tunnel_support::{
    Keys, SAFETY_NET, Site, exchange, in_a_minute, noise, secure, transports, until, within,
};

/// What the relay said to this party.
async fn answer(mut socket: RelayedSocket) -> Error {
    let mut byte = [0u8];
    let error = within(socket.read(&mut byte)).await.unwrap_err();
    Error::from_io(ErrorKind::Internal, "read", error)
}

async fn session(site: &Site) -> (TlsStream<RelayedSocket>, TlsStream<RelayedSocket>) {
    let (rep, jumpoint) = within(site.dial_both()).await;
    within(secure(rep, jumpoint)).await
}

#[tokio::test]
async fn a_session_through_the_relay_carries_bytes_both_ways_and_ends_cleanly() {
    for (address, transport) in transports() {
        let site = Site::with(transport, address, |relay| relay, Admission::default()).await;
        let (rep, jumpoint) = session(&site).await;
        assert_eq!(site.relay.sessions(), 1);
        let (up, down) = (noise(1, 5_000_003), noise(2, 3_000_011));
        let ((_, got_down), (_, got_up)) =
            within(async { tokio::join!(exchange(rep, &up), exchange(jumpoint, &down)) }).await;
        assert!(got_up == up && got_down == down, "over {address}");
        until("the relay forgets the session", || site.relay.sessions() == 0).await;
    }
}

#[tokio::test]
async fn one_direction_ends_at_the_other_party_while_the_other_goes_on() {
    let site = Site::tcp().await;
    let (mut rep, mut jumpoint) = session(&site).await;
    within(async {
        rep.write_all(b"question").await.unwrap();
        rep.shutdown().await.unwrap();
        let mut question = String::new();
        jumpoint.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "question");
        jumpoint.write_all(b"answer").await.unwrap();
        jumpoint.shutdown().await.unwrap();
        let mut answer = String::new();
        rep.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
    })
    .await;
}

#[tokio::test]
async fn the_clients_first_message_waits_at_the_relay_for_the_partner() {
    let site = Site::tcp().await;
    let (tls, keys) = (Tls::ring(), Keys::new());
    let rep = site.dial(&site.ticket(Party::Rep)).await;
    let connecting = tokio::spawn({
        let (tls, rep_key, pinned) = (tls.clone(), keys.rep.clone(), keys.jumpoint.public());
        async move {
            tls.connect(rep, &rep_key, &pinned, tunnel_support::ALPN, SAFETY_NET)
                .await
        }
    });
    until("the rep waits", || site.relay.waiting() == 1).await;
    let jumpoint = site.dial(&site.ticket(Party::Jumpoint)).await;
    within(keys.accept(&tls, jumpoint)).await.unwrap();
    within(connecting).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_ticket_works_once() {
    let site = Site::tcp().await;
    let ticket = site.ticket(Party::Rep);
    let _first = site.dial(&ticket).await;
    until("the first one waits", || site.relay.waiting() == 1).await;
    let error = answer(site.dial(&ticket).await).await;
    assert_eq!(error.kind(), ErrorKind::Grant, "{error}");
    assert_eq!(site.relay.waiting(), 1, "the first one was not disturbed");
}

#[tokio::test]
async fn an_expired_ticket_and_one_of_another_broker_are_refused() {
    let clock = Arc::new(ManualClock::new(in_a_minute()));
    let site = Site::with(
        Arc::new(TcpTransport),
        "127.0.0.1:0",
        |relay| relay.clock(clock.clone()),
        Admission::default(),
    )
    .await;
    let expired = Ticket::new(
        site.session,
        Party::Rep,
        in_a_minute() - SignedDuration::from_secs(61),
    )
    .unwrap();
    let error = answer(site.dial(&expired.sign(&site.broker)).await).await;
    assert_eq!(error.kind(), ErrorKind::Grant, "{error}");
    assert!(error.to_string().contains("expired"), "{error}");
    let later = in_a_minute() + SignedDuration::from_secs(600);
    let ticket = Ticket::new(site.session, Party::Rep, later).unwrap();
    let stranger = SigningKey::generate().unwrap();
    let error = answer(site.dial(&ticket.sign(&stranger)).await).await;
    assert_eq!(error.kind(), ErrorKind::Grant, "{error}");
    assert_eq!(site.relay.waiting(), 0);
}

#[tokio::test]
async fn a_party_whose_partner_never_comes_is_told_so() {
    let site = Site::with(
        Arc::new(TcpTransport),
        "127.0.0.1:0",
        |relay| relay.pair_timeout(std::time::Duration::from_millis(50)),
        Admission::default(),
    )
    .await;
    let rep = site.dial(&site.ticket(Party::Rep)).await;
    // The client's hello is under way: the refusal must not be lost to a reset.
    let (tls, keys) = (Tls::ring(), Keys::new());
    let error = within(keys.connect(&tls, rep)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.to_string().contains("other party"), "{error}");
    assert_eq!(site.relay.waiting(), 0);
}

#[tokio::test]
async fn two_of_the_same_party_are_not_paired_and_the_newer_one_stays() {
    let site = Site::tcp().await;
    let older = site.dial(&site.ticket(Party::Rep)).await;
    until("the older one waits", || site.relay.waiting() == 1).await;
    let newer = site.dial(&site.ticket(Party::Rep)).await;
    let error = answer(older).await;
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!((site.relay.waiting(), site.relay.sessions()), (1, 0));
    let jumpoint = site.dial(&site.ticket(Party::Jumpoint)).await;
    within(secure(newer, jumpoint)).await;
}

#[tokio::test]
async fn a_third_party_cannot_enter_a_running_session() {
    let site = Site::tcp().await;
    let (mut rep, mut jumpoint) = session(&site).await;
    for party in [Party::Rep, Party::Jumpoint] {
        let error = answer(site.dial(&site.ticket(party)).await).await;
        assert_eq!(error.kind(), ErrorKind::Grant, "{error}");
    }
    within(async {
        rep.write_all(b"still here").await.unwrap();
        rep.flush().await.unwrap();
        let mut got = [0u8; 10];
        jumpoint.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"still here");
    })
    .await;
}

#[tokio::test]
async fn a_full_relay_says_so_and_the_ticket_stays_good() {
    let site = Site::with(
        Arc::new(TcpTransport),
        "127.0.0.1:0",
        |relay| relay.max_waiting(1),
        Admission::default(),
    )
    .await;
    let waiting = site.dial(&site.ticket(Party::Rep)).await;
    until("one waits", || site.relay.waiting() == 1).await;
    let other = Ticket::new(SessionId::random().unwrap(), Party::Rep, in_a_minute())
        .unwrap()
        .sign(&site.broker);
    let error = answer(site.dial(&other).await).await;
    assert_eq!(error.kind(), ErrorKind::ResourceLimit, "{error}");
    // The partner of the one that waits needs no place to wait.
    let jumpoint = site.dial(&site.ticket(Party::Jumpoint)).await;
    within(secure(waiting, jumpoint)).await;
    let again = site.dial(&other).await;
    until("the other one waits", || site.relay.waiting() == 1).await;
    drop(again);
}

#[tokio::test]
async fn ending_a_session_cuts_both_sides_and_refuses_late_comers() {
    for (address, transport) in transports() {
        let site = Site::with(transport, address, |relay| relay, Admission::default()).await;
        let (rep, jumpoint) = session(&site).await;
        site.relay.end(site.session);
        for mut party in [rep, jumpoint] {
            let mut byte = [0u8];
            let error = within(party.read(&mut byte)).await.unwrap_err();
            let error = Error::from_io(ErrorKind::Network, "read", error);
            assert_eq!(error.kind(), ErrorKind::Network, "{error}");
        }
        assert_eq!(site.relay.sessions(), 0);
        let error = answer(site.dial(&site.ticket(Party::Rep)).await).await;
        assert_eq!(error.kind(), ErrorKind::SessionEnded, "{error}");
    }
}

#[tokio::test]
async fn ending_a_session_that_waits_for_its_second_party_tells_the_first() {
    let site = Site::tcp().await;
    let rep = site.dial(&site.ticket(Party::Rep)).await;
    until("the rep waits", || site.relay.waiting() == 1).await;
    site.relay.end(site.session);
    let error = answer(rep).await;
    assert_eq!(error.kind(), ErrorKind::SessionEnded, "{error}");
}

#[tokio::test]
async fn one_party_that_vanishes_cuts_the_other() {
    for (address, transport) in transports() {
        let site = Site::with(transport, address, |relay| relay, Admission::default()).await;
        let (rep, mut jumpoint) = session(&site).await;
        drop(rep);
        let mut byte = [0u8];
        let error = within(jumpoint.read(&mut byte)).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
        drop(jumpoint);
        until("the relay forgets the session", || site.relay.sessions() == 0).await;
    }
}

#[tokio::test]
async fn what_is_not_a_preface_is_refused_at_its_first_wrong_byte() {
    let site = Site::tcp().await;
    let wrong_magic = b"J\xff\xff\xff\xff".to_vec();
    let http = b"GET / HTTP/1.1\r\n\r\n".to_vec();
    let tls = vec![0x16, 3, 1, 2, 0];
    let mut wrong_version = b"JUMPRLY\x02".to_vec();
    wrong_version.resize(PREFACE_LENGTH, 0);
    for nonsense in [wrong_magic, http, tls, wrong_version] {
        let mut socket = site.transport.dial(&site.address).await.unwrap();
        within(async {
            socket.write_all(&nonsense).await.unwrap();
            let mut said = Vec::new();
            socket.read_to_end(&mut said).await.unwrap();
            assert_eq!(said, [1], "malformed, then the end");
        })
        .await;
    }
}

#[tokio::test]
async fn a_caller_that_has_read_the_first_byte_hands_it_over() {
    let broker = SigningKey::generate().unwrap();
    let relay = jump_core::tunnel::Relay::builder(broker.public()).build();
    let network = MemoryTransport::new();
    let session = SessionId::random().unwrap();
    let mut parties = Vec::new();
    for party in [Party::Rep, Party::Jumpoint] {
        let (near, mut far) = tunnel_support::socket_pair(&network, "port").await;
        let ticket = Ticket::new(session, party, in_a_minute()).unwrap().sign(&broker);
        let relay = relay.clone();
        tokio::spawn(async move {
            let mut first = [0u8];
            far.read_exact(&mut first).await.unwrap();
            assert_eq!(first[0], jump_core::tunnel::RELAY_FIRST_BYTE);
            let _ = relay.serve(far, &first).await;
        });
        parties.push((near, ticket));
    }
    let mut sockets = Vec::new();
    for (mut near, ticket) in parties {
        let preface = [b"JUMPRLY\x01".as_slice(), ticket.as_bytes()].concat();
        within(near.write_all(&preface)).await.unwrap();
        sockets.push(near);
    }
    for socket in &mut sockets {
        let mut status = [9u8];
        within(socket.read_exact(&mut status)).await.unwrap();
        assert_eq!(status, [0], "paired");
    }
    let [Socket::Memory(a), Socket::Memory(b)] = sockets.as_mut_slice() else {
        panic!("two sockets in memory")
    };
    within(async {
        a.write_all(b"through").await.unwrap();
        let mut got = [0u8; 7];
        b.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"through");
    })
    .await;
}
