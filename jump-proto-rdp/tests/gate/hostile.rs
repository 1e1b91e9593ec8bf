//! Peers that say something else, too much, or nothing.

use ironrdp_core::encode_vec;
use ironrdp_pdu::nego::{ConnectionConfirm, ResponseFlags, SecurityProtocol};
use ironrdp_pdu::x224::X224;
use jump_core::ErrorKind;
use jump_core::session::EndReason;
use jump_testkit::ports;
use jump_testkit::rdp::{PASSWORD, RdpServer, ShadowSecurity, USER};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::harness::{Item, login, soon};

fn kind(reason: &EndReason) -> Option<ErrorKind> {
    match reason {
        EndReason::Failed { kind, .. } => Some(*kind),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_none_is_an_error_of_its_kind() {
    let confirm = |protocol| {
        let flags = ResponseFlags::empty();
        encode_vec(&X224(ConnectionConfirm::Response { flags, protocol })).unwrap()
    };
    let tls = confirm(SecurityProtocol::SSL);
    for (words, expected) in [
        (b"".to_vec(), ErrorKind::TargetUnreachable),
        (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), ErrorKind::Protocol),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), ErrorKind::Protocol),
        (vec![3, 0, 0, 3], ErrorKind::Protocol),
        (vec![3, 0, 0xff, 0xff, 0, 0], ErrorKind::ResourceLimit),
        (tls[..tls.len() - 1].to_vec(), ErrorKind::TargetUnreachable),
        ([&tls[..], b"more"].concat(), ErrorKind::Protocol),
        (confirm(SecurityProtocol::RDSTLS), ErrorKind::Unsupported),
        (
            confirm(SecurityProtocol::SSL | SecurityProtocol::HYBRID),
            ErrorKind::Unsupported,
        ),
    ] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let item = Item::new(listener.local_addr().unwrap());
        let (rep, near) = ports::tcp_pair().await.unwrap();
        let gate = item.gate(login(USER, PASSWORD), Box::new(near));
        let (mut target, _) = soon(listener.accept()).await.unwrap();
        target.read_exact(&mut [0; 4]).await.unwrap();
        target.write_all(&words).await.unwrap();
        target.shutdown().await.unwrap();
        drop(rep);
        let (outcome, _) = gate.end().await;
        assert_eq!(kind(&outcome.reason), Some(expected), "{words:?}: {outcome:?}");
        let mut rest = Vec::new();
        let _ = target.read_to_end(&mut rest).await;
        let secret: Vec<u8> = PASSWORD.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(!rest.windows(secret.len()).any(|part| part == secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_none_is_an_error_of_its_kind() {
    let shadow = RdpServer::shadow(ShadowSecurity::Tls).await.unwrap();
    for (words, expected) in [
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), Some(ErrorKind::Protocol)),
        (vec![3, 0, 0xff, 0xff, 0, 0], Some(ErrorKind::ResourceLimit)),
        (vec![3, 0, 0, 9, 4, 0xe0, 0, 0, 0], Some(ErrorKind::Protocol)),
        (b"".to_vec(), None),
        (vec![3, 0, 0, 19, 14], None),
    ] {
        let (mut rep, near) = ports::tcp_pair().await.unwrap();
        let gate = Item::new(shadow.address()).gate(login(USER, PASSWORD), Box::new(near));
        rep.write_all(&words).await.unwrap();
        rep.shutdown().await.unwrap();
        let (outcome, _) = gate.end().await;
        assert_eq!(kind(&outcome.reason), expected, "{words:?}: {outcome:?}");
        if expected.is_none() {
            assert_eq!(outcome.reason, EndReason::RepClosed, "{words:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_stopped_before_it_began_ends_at_once() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let item = Item::new(listener.local_addr().unwrap());
    let (rep, near) = ports::tcp_pair().await.unwrap();
    let gate = item.gate(login(USER, PASSWORD), Box::new(near));
    let (target, _) = soon(listener.accept()).await.unwrap();
    gate.stop.stop(EndReason::Expired);
    let (outcome, _) = gate.end().await;
    assert_eq!(outcome.reason, EndReason::Expired);
    drop((rep, target));
}
