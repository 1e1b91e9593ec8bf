//! Kerberos for Network Level Authentication (MS-CSSP §3.1.5, RFC 4120): who asks the key distribution center is a value.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use ironrdp_connector::credssp::KerberosConfig;
use ironrdp_connector::sspi::generator::NetworkRequest;
use jump_core::model::TargetAddress;
use jump_core::protocol::Dialer;
use jump_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Names no server: who asks it is a [`KdcClient`].
const PLACE: &str = "tcp://kdc.invalid:88";
/// The longest answer of a key distribution center: tickets with many groups have some tens of KiB.
const MAX_ANSWER: u32 = 1 << 20;

const OPERATION: &str = "ask the Kerberos server";

/// Asks a key distribution center of the realm of who logs in.
#[async_trait]
pub trait KdcClient: Send + Sync + Debug {
    /// Sends a message and gives the answer, both as on TCP: behind four bytes with their length, the first the highest
    /// (RFC 4120 §7.2.2). Called some times within a login, one after the other.
    ///
    /// # Errors
    /// [`ErrorKind::Network`] or whatever is wrong: it is the error of the login.
    async fn exchange(&self, message: &[u8]) -> Result<Vec<u8>>;
}

/// A key distribution center that is reached by TCP, by whatever dials.
#[derive(Debug)]
pub struct TcpKdc {
    dialer: Arc<dyn Dialer>,
    address: TargetAddress,
}

impl TcpKdc {
    /// One at this address; its port is 88 as a rule.
    #[must_use]
    pub fn new(dialer: Arc<dyn Dialer>, address: TargetAddress) -> Self {
        Self { dialer, address }
    }
}

#[async_trait]
impl KdcClient for TcpKdc {
    async fn exchange(&self, message: &[u8]) -> Result<Vec<u8>> {
        let failed = |error| Error::from_io(ErrorKind::Network, OPERATION, error);
        let mut stream = self.dialer.dial(&self.address).await?;
        stream.write_all(message).await.map_err(failed)?;
        stream.flush().await.map_err(failed)?;
        let length = stream.read_u32().await.map_err(failed)?;
        if length > MAX_ANSWER {
            let message = "the Kerberos server's answer has more than 1 MiB";
            return Err(Error::new(ErrorKind::ResourceLimit, OPERATION, message));
        }
        let mut answer = length.to_be_bytes().to_vec();
        let read = stream
            .take(length.into())
            .read_to_end(&mut answer)
            .await
            .map_err(failed)?;
        if read < length as usize {
            let message = "the Kerberos server closed within its answer";
            return Err(Error::new(ErrorKind::Network, OPERATION, message));
        }
        Ok(answer)
    }
}

/// What the login is told of Kerberos.
///
/// # Errors
/// [`ErrorKind::Internal`].
pub(super) fn config() -> Result<KerberosConfig> {
    KerberosConfig::new(Some(PLACE.to_owned()), "jump".to_owned())
        .map_err(|error| Error::new(ErrorKind::Internal, OPERATION, error.to_string()))
}

/// Asks for the login.
///
/// # Errors
/// [`ErrorKind::Unsupported`] if there is nobody to ask, or another realm is to be asked; what [`KdcClient::exchange`] says.
pub(super) async fn ask(kdc: Option<&dyn KdcClient>, request: &NetworkRequest) -> Result<Vec<u8>> {
    let unsupported = |message: &str| Error::new(ErrorKind::Unsupported, OPERATION, message);
    let kdc = kdc.ok_or_else(|| unsupported("the login needs a Kerberos server, and none is configured"))?;
    if request.url.as_str().trim_end_matches('/') != PLACE {
        return Err(unsupported(
            "the login leads to another realm, which is not followed",
        ));
    }
    kdc.exchange(&request.data).await
}
