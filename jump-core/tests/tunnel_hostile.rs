//! The tunnel among hostile peers and on bad wires: errors are typed, places are given back, others are not hurt.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test helpers"
)]

mod tunnel_support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jump_core::id::SessionId;
use jump_core::tunnel::{
    Admission, PREFACE_LENGTH, Party, RelayedSocket, Socket, TcpTransport, Ticket, Tls, Transport, dial_relay,
};
use jump_core::{Error, ErrorKind};
use jump_testkit::canary::Canary;
use jump_testkit::fault_proxy::{Direction, FaultProxy, Faults, Side};
use jump_testkit::hostile::{self, Closing};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tunnel_support::{Keys, SAFETY_NET, Site, exchange, in_a_minute, noise, secure, tcp_pair, until, within};

fn address(site: &Site) -> SocketAddr {
    site.address.parse().unwrap()
}

async fn impatient(admission: Admission) -> Site {
    Site::with(
        Arc::new(TcpTransport),
        "127.0.0.1:0",
        |relay| relay.handshake_timeout(Duration::from_millis(200)),
        admission,
    )
    .await
}

/// Runs one session of its own through the site's relay, from dialling to its clean end.
async fn one_session(site: &Site, number: u64) {
    let session = SessionId::random().unwrap();
    let dial = async |party| {
        let ticket = Ticket::new(session, party, in_a_minute())
            .unwrap()
            .sign(&site.broker);
        site.dial(&ticket).await
    };
    let (rep, jumpoint) = tokio::join!(dial(Party::Rep), dial(Party::Jumpoint));
    let (rep, jumpoint) = secure(rep, jumpoint).await;
    let (up, down) = (noise(number, 20_000), noise(number + 1, 20_000));
    let ((_, got_down), (_, got_up)) = tokio::join!(exchange(rep, &up), exchange(jumpoint, &down));
    assert!(got_up == up && got_down == down);
}

#[tokio::test]
async fn five_hundred_silent_clients_keep_nobody_out() {
    tunnel_support::allow_open_files(4096);
    let site = Site::tcp().await;
    let silent = within(hostile::silent(address(&site), 500)).await.unwrap();
    within(async {
        for number in 0..50 {
            one_session(&site, number).await;
        }
    })
    .await;
    drop(silent);
}

#[tokio::test]
async fn a_client_that_shows_no_ticket_is_hung_up_on() {
    let site = impatient(Admission::default()).await;
    let mut half = site.ticket(Party::Rep).as_bytes().to_vec();
    half.truncate(40);
    let half = [b"JUMPRLY\x01".as_slice(), &half].concat();
    let mut clients = within(hostile::silent(address(&site), 1)).await.unwrap();
    clients.push(within(hostile::send(address(&site), b"J")).await.unwrap());
    clients.push(within(hostile::send(address(&site), &half)).await.unwrap());
    for client in &mut clients {
        let (said, closing) = hostile::read_until_close(client, SAFETY_NET).await;
        assert!(said.is_empty());
        assert_ne!(closing, Closing::StillOpen);
    }
}

#[tokio::test]
async fn one_source_gets_its_share_of_unproven_connections_and_no_more() {
    let admission = Admission::new(1024, 4);
    let site = Site::with(
        Arc::new(TcpTransport),
        "127.0.0.1:0",
        |relay| relay,
        admission.clone(),
    )
    .await;
    let mut silent = within(hostile::silent(address(&site), 5)).await.unwrap();
    // They are accepted in order: the fifth is one too many.
    let (_, closing) = hostile::read_until_close(&mut silent[4], SAFETY_NET).await;
    assert_ne!(closing, Closing::StillOpen);
    assert_eq!(admission.admitted(), 4);
    drop(silent);
    until("their places are free", || admission.admitted() == 0).await;
    // Who has shown a good ticket does not count any more.
    let mut parties = Vec::new();
    for number in 0..12 {
        let ticket = Ticket::new(SessionId::random().unwrap(), Party::Rep, in_a_minute()).unwrap();
        parties.push(site.dial(&ticket.sign(&site.broker)).await);
        until("it waits", || site.relay.waiting() == number + 1).await;
    }
    assert_eq!(admission.admitted(), 0);
}

#[tokio::test]
async fn half_a_tls_handshake_times_out() {
    let (near, mut far) = tcp_pair().await;
    let (keys, tls) = (Keys::new(), Tls::ring());
    let short = Duration::from_millis(100);
    let mut hello = Vec::new();
    {
        // The first flight of an honest client, cut in half.
        let (client, mut server) = tcp_pair().await;
        let connect = keys.connect(&tls, client);
        let read = async {
            let mut flight = [0u8; 2000];
            let length = server.read(&mut flight).await.unwrap();
            hello.extend_from_slice(&flight[..length / 2]);
            drop(server);
        };
        assert!(within(async { tokio::join!(connect, read) }).await.0.is_err());
    }
    far.write_all(&hello).await.unwrap();
    let accept = tls.accept(near, &[], &keys.jumpoint, None, tunnel_support::ALPN, short);
    assert_eq!(within(accept).await.unwrap_err().kind(), ErrorKind::Timeout);
}

/// A rep behind a proxy, a Jumpoint that dials directly.
async fn dial_through(
    site: &Site,
    proxy: &FaultProxy,
    rep: &jump_core::tunnel::SignedTicket,
    jumpoint: &jump_core::tunnel::SignedTicket,
) -> (RelayedSocket, RelayedSocket) {
    let proxy = proxy.address().to_string();
    let rep = dial_relay(&TcpTransport, &proxy, rep, SAFETY_NET);
    let (rep, jumpoint) = within(async { tokio::join!(rep, site.dial(jumpoint)) }).await;
    (rep.unwrap(), jumpoint)
}

#[tokio::test]
async fn the_relay_sees_no_byte_of_what_is_said() {
    let site = Site::tcp().await;
    // Everything that reaches or leaves the relay goes through one of these two.
    let rep_wire = FaultProxy::start(address(&site)).await.unwrap();
    let jumpoint_wire = FaultProxy::start(address(&site)).await.unwrap();
    let dial = async |wire: &FaultProxy, party| {
        let (address, ticket) = (wire.address().to_string(), site.ticket(party));
        dial_relay(&TcpTransport, &address, &ticket, SAFETY_NET)
            .await
            .unwrap()
    };
    let (rep, jumpoint) =
        within(async { tokio::join!(dial(&rep_wire, Party::Rep), dial(&jumpoint_wire, Party::Jumpoint)) })
            .await;
    let (rep, jumpoint) = within(secure(rep, jumpoint)).await;
    let secret = b"canary-7f3a9c51e2";
    let said: Vec<u8> = secret.iter().copied().cycle().take(secret.len() * 5000).collect();
    within(async { tokio::join!(exchange(rep, &said), exchange(jumpoint, &said)) }).await;
    let canary = Canary::new(secret);
    assert!(!canary.find(&said).is_empty(), "the search can find it");
    let mut seen = 0;
    for wire in [rep_wire, jumpoint_wire] {
        for piece in wire.captured() {
            assert!(!piece.truncated);
            assert_eq!(canary.find(&piece.bytes), []);
            seen += piece.bytes.len();
        }
    }
    assert!(seen > 4 * said.len(), "all of it passed the relay: {seen}");
}

/// Sets a session up through the proxy (on the rep's side) until the rep has read one byte from the Jumpoint.
async fn set_up(site: &Site, proxy: &FaultProxy) -> jump_core::Result<()> {
    let session = SessionId::random().unwrap();
    let ticket = |party| {
        Ticket::new(session, party, in_a_minute())
            .unwrap()
            .sign(&site.broker)
    };
    let (rep, jumpoint) = dial_through(site, proxy, &ticket(Party::Rep), &ticket(Party::Jumpoint)).await;
    let (tls, keys) = (Tls::ring(), Keys::new());
    let jumpoint = async {
        let mut stream = keys.accept(&tls, jumpoint).await?;
        let said = stream.write_all(b"!").await;
        said.map_err(|error| Error::from_io(ErrorKind::Network, "write", error))?;
        // It stays until the rep is done.
        std::future::pending::<()>().await;
        jump_core::Result::Ok(())
    };
    let rep = async {
        let mut stream = keys.connect(&tls, rep).await?;
        let read = stream.read_u8().await;
        read.map_err(|error| Error::from_io(ErrorKind::Network, "read", error))?;
        Ok(())
    };
    // Whoever of the two ends first has seen the error, or the byte.
    let (mut rep, mut jumpoint) = (Box::pin(rep), Box::pin(jumpoint));
    within(async {
        tokio::select! {
            done = &mut rep => done,
            failed = &mut jumpoint => {
                drop(jumpoint);
                let seen = rep.await;
                seen.and(failed)
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_wire_that_is_cut_anywhere_in_the_set_up_is_a_typed_error() {
    let site = Site::tcp().await;
    let proxy = FaultProxy::start(address(&site)).await.unwrap();
    set_up(&site, &proxy).await.unwrap();
    for whole in proxy.captured() {
        let length = whole.bytes.len() as u64;
        assert!(length > 200, "{whole:?}");
        for part in 0..12 {
            let cut = Faults {
                cut_after: Some((length - 1) * part / 11),
                ..Faults::default()
            };
            proxy.set(whole.direction, cut.clone());
            let error = set_up(&site, &proxy).await.unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Network | ErrorKind::Unavailable),
                "{:?} {cut:?}: {error}",
                whole.direction
            );
        }
        proxy.set(whole.direction, Faults::default());
    }
}

#[tokio::test]
async fn a_byte_changed_anywhere_in_the_handshake_makes_no_session() {
    let (tls, keys) = (Tls::ring(), Keys::new());
    for direction in Direction::BOTH {
        for offset in (0..500).step_by(23) {
            let mut listener = TcpTransport.listen("127.0.0.1:0").await.unwrap();
            let proxy = FaultProxy::start(listener.address().parse().unwrap())
                .await
                .unwrap();
            let corrupt = Faults {
                corrupt_at: Some(offset),
                ..Faults::default()
            };
            proxy.set(direction, corrupt);
            let rep = async {
                let socket = TcpTransport.dial(&proxy.address().to_string()).await?;
                let mut stream = keys.connect(&tls, socket).await?;
                let talk = async {
                    stream.write_all(&[7; 600]).await?;
                    stream.shutdown().await?;
                    let mut echo = Vec::new();
                    stream.read_to_end(&mut echo).await
                };
                talk.await
                    .map_err(|error| Error::from_io(ErrorKind::Network, "talk", error))
            };
            let jumpoint = async {
                let (socket, _) = listener.accept().await?;
                let rep = keys.rep.public();
                // A changed length makes the other end wait for more: its time-out ends that.
                let short = Duration::from_millis(300);
                let stream = tls
                    .accept(
                        socket,
                        &[],
                        &keys.jumpoint,
                        Some(&rep),
                        tunnel_support::ALPN,
                        short,
                    )
                    .await?;
                let (mut read, mut write) = tokio::io::split(stream);
                let echo = async {
                    tokio::io::copy(&mut read, &mut write).await?;
                    write.shutdown().await
                };
                echo.await
                    .map_err(|error| Error::from_io(ErrorKind::Network, "echo", error))
            };
            let (rep, jumpoint) = within(async { tokio::join!(rep, jumpoint) }).await;
            assert!(
                rep.is_err() || jumpoint.is_err(),
                "{direction:?}: byte {offset} was changed and nobody noticed"
            );
        }
    }
}

#[tokio::test]
async fn a_reset_in_the_middle_of_bulk_cuts_both_ends_and_frees_the_relay() {
    let site = Site::tcp().await;
    let proxy = FaultProxy::start(address(&site)).await.unwrap();
    let (rep, jumpoint) = dial_through(
        &site,
        &proxy,
        &site.ticket(Party::Rep),
        &site.ticket(Party::Jumpoint),
    )
    .await;
    let (mut rep, mut jumpoint) = within(secure(rep, jumpoint)).await;
    let data = noise(1, 100_000);
    let send = async {
        loop {
            if let Err(error) = rep.write_all(&data).await {
                break error;
            }
        }
    };
    let receive = async {
        let mut seen = 0u64;
        let mut buffer = vec![0u8; 100_000];
        loop {
            match jumpoint.read(&mut buffer).await {
                Ok(0) => panic!("a reset is not an end"),
                Ok(read) => seen += read as u64,
                Err(error) => break error,
            }
            if seen > 5_000_000 {
                proxy.reset_all();
            }
        }
    };
    let (sent, received) = within(async { tokio::join!(send, receive) }).await;
    for error in [sent, received] {
        assert_eq!(
            Error::from_io(ErrorKind::Network, "move", error).kind(),
            ErrorKind::Network
        );
    }
    until("the relay forgets the session", || site.relay.sessions() == 0).await;
}

#[tokio::test]
async fn a_party_that_comes_back_after_a_half_open_loss_takes_its_place_again() {
    let site = Site::tcp().await;
    let proxy = FaultProxy::start(address(&site)).await.unwrap();
    let (through, ticket) = (proxy.address().to_string(), site.ticket(Party::Jumpoint));
    let lost = within(dial_relay(&TcpTransport, &through, &ticket, SAFETY_NET))
        .await
        .unwrap();
    until("the first one waits", || site.relay.waiting() == 1).await;
    // The relay does not learn that it is gone.
    proxy.half_open(Side::Upstream);
    drop(lost);
    let again = site.dial(&site.ticket(Party::Jumpoint)).await;
    let rep = site.dial(&site.ticket(Party::Rep)).await;
    let (rep, jumpoint) = within(secure(rep, again)).await;
    let (said, answered) = (noise(1, 1000), noise(2, 1000));
    let ((_, got), _) =
        within(async { tokio::join!(exchange(rep, &said), exchange(jumpoint, &answered)) }).await;
    assert!(got == answered);
}

#[tokio::test]
async fn a_thousand_lost_and_replaced_connections_leave_nothing_behind() {
    let site = Site::tcp().await;
    let mut held: Option<RelayedSocket> = None;
    within(async {
        for _ in 0..1000 {
            let newer = site.dial(&site.ticket(Party::Jumpoint)).await;
            if let Some(mut older) = held.replace(newer) {
                // It hears of its replacement; then it is certain that the newer one has the place.
                let error = older.read_u8().await.unwrap_err();
                let error = Error::from_io(ErrorKind::Internal, "read", error);
                assert_eq!(error.kind(), ErrorKind::Conflict);
            }
        }
    })
    .await;
    assert_eq!((site.relay.waiting(), site.relay.sessions()), (1, 0));
    let rep = site.dial(&site.ticket(Party::Rep)).await;
    let (rep, jumpoint) = within(secure(rep, held.unwrap())).await;
    drop((rep, jumpoint));
    until("the relay is empty", || {
        site.relay.waiting() + site.relay.sessions() == 0
    })
    .await;
}

#[tokio::test]
async fn dropping_the_relay_loop_cuts_its_sessions() {
    let site = Site::tcp().await;
    let (rep, jumpoint) = within(site.dial_both()).await;
    let (mut rep, mut jumpoint) = within(secure(rep, jumpoint)).await;
    site.running.abort();
    for stream in [&mut rep, &mut jumpoint] {
        assert!(within(stream.read_u8()).await.is_err());
    }
    until("its places are free", || site.relay.sessions() == 0).await;
}

#[tokio::test]
async fn a_session_whose_receiver_is_stuck_does_not_slow_another() {
    let site = Site::tcp().await;
    let (stuck_rep, stuck_jumpoint) = within(site.dial_both()).await;
    let (mut stuck_rep, _never_reads) = within(secure(stuck_rep, stuck_jumpoint)).await;
    let chunk = noise(4, 100_000);
    let mut accepted = 0u64;
    while let Ok(written) = tokio::time::timeout(Duration::from_millis(500), stuck_rep.write(&chunk)).await {
        accepted += written.unwrap() as u64;
        assert!(accepted < 64 << 20, "nothing holds the sender back: {accepted}");
    }
    within(one_session(&site, 9)).await;
}

#[tokio::test]
async fn a_dead_relay_is_unavailable_and_a_mute_one_times_out() {
    let (near, far) = tcp_pair().await;
    drop((near, far));
    let site = Site::tcp().await;
    let ticket = site.ticket(Party::Rep);
    let mut listener = TcpTransport.listen("127.0.0.1:0").await.unwrap();
    let mute = listener.address();
    let rep = within(dial_relay(&TcpTransport, &mute, &ticket, SAFETY_NET))
        .await
        .unwrap();
    let (tls, keys) = (Tls::ring(), Keys::new());
    let pinned = keys.jumpoint.public();
    let short = Duration::from_millis(100);
    let connect = tls.connect(rep, &keys.rep, &pinned, tunnel_support::ALPN, short);
    assert_eq!(within(connect).await.unwrap_err().kind(), ErrorKind::Timeout);
    // The relay dies while the party waits.
    let mut rep = within(dial_relay(&TcpTransport, &mute, &ticket, SAFETY_NET))
        .await
        .unwrap();
    let mut accepted: Vec<Socket> = Vec::new();
    for _ in 0..2 {
        accepted.push(within(listener.accept()).await.unwrap().0);
    }
    for socket in &mut accepted {
        let mut preface = vec![0u8; PREFACE_LENGTH];
        within(socket.read_exact(&mut preface)).await.unwrap();
    }
    drop(accepted);
    let error = within(rep.read_u8()).await.unwrap_err();
    let error = Error::from_io(ErrorKind::Internal, "read", error);
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    drop(listener);
    let error = within(dial_relay(&TcpTransport, &mute, &ticket, SAFETY_NET))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}
