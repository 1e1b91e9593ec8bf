//! Running out of file descriptors. Alone in its file: the limit is the whole process's.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "test helpers")]

mod tunnel_support;

use std::time::Duration;

use jump_core::tunnel::{TcpTransport, Transport};
use rustix::process::{Resource, getrlimit, setrlimit};
use tunnel_support::within;

#[tokio::test]
async fn a_listener_that_ran_out_of_descriptors_goes_on_when_there_are_some_again() {
    let mut listener = TcpTransport.listen("127.0.0.1:0").await.unwrap();
    // It waits in the listener's queue, where it needs no descriptor of ours at its far end.
    let dialled = within(TcpTransport.dial(&listener.address())).await.unwrap();
    let before = getrlimit(Resource::Nofile);
    let mut none_left = before;
    // Descriptors are given from the lowest free number up: 0 to 2 are taken.
    none_left.current = Some(3);
    setrlimit(Resource::Nofile, none_left).unwrap();
    assert!(std::fs::File::open("/dev/null").is_err(), "there are none left");
    let accepting = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
    setrlimit(Resource::Nofile, before).unwrap();
    assert!(accepting.is_err(), "it waits instead of failing: {accepting:?}");
    let (_socket, peer) = within(listener.accept()).await.unwrap();
    assert!(peer.ip().unwrap().is_loopback());
    drop(dialled);
}
