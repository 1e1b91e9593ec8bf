//! A login with Kerberos to a server that does not know it. None here does: FreeRDP's shadow server knows NTLM only, so what a
//! real Kerberos server gives is tested beside the code.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jump_core::{Error, ErrorKind, Result};
use jump_proto_rdp::client::{KdcClient, RdpClient, RdpLogin, RdpSecurity};
use jump_testkit::rdp::{PASSWORD, RdpServer, ShadowSecurity};

use crate::screen::{dial, in_time, login, options};

/// Notes that it was asked.
#[derive(Debug, Default)]
struct Noted(AtomicBool);

#[async_trait]
impl KdcClient for Noted {
    async fn exchange(&self, _: &[u8]) -> Result<Vec<u8>> {
        self.0.store(true, Ordering::Relaxed);
        Err(Error::new(
            ErrorKind::Network,
            "ask the Kerberos server",
            "it is gone",
        ))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_knows_ntlm_only_is_not_logged_in_to_with_kerberos() {
    let server = RdpServer::shadow(ShadowSecurity::Nla).await.unwrap();
    let asks = Arc::new(Noted::default());
    let login = RdpLogin {
        domain: "JUMP.TEST".to_owned(),
        ..login(PASSWORD)
    };
    let options = options(&server)
        .security(RdpSecurity::Nla)
        .login(login)
        .host("rdp.jump.test")
        .kerberos(asks.clone());
    let error = in_time(RdpClient::connect(dial(&server).await, options))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TargetAuthentication, "{error}");
    // The server is asked for its ticket first, and refuses that.
    assert!(!asks.0.load(Ordering::Relaxed));
}
