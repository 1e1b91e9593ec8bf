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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use std::time::Duration;

    use ironrdp_connector::sspi::generator::GeneratorState;
    use ironrdp_connector::sspi::{
        AuthIdentity, BufferType, ClientRequestFlags, CredentialUse, DataRepresentation, Kerberos,
        SecurityBuffer, Sspi, SspiImpl, Username,
    };
    use jump_core::model::Hostname;
    use jump_core::stream::BoxStream;
    use jump_testkit::kdc::{Kdc, REALM};
    use tokio::net::TcpStream;

    use super::*;

    const SERVICE: &str = "TERMSRV/rdp.jump.test";

    #[derive(Debug)]
    struct Direct;

    #[async_trait]
    impl Dialer for Direct {
        async fn dial(&self, target: &TargetAddress) -> Result<BoxStream> {
            let failed = |error| Error::from_io(ErrorKind::TargetUnreachable, "dial", error);
            let stream = TcpStream::connect((target.host().as_str(), target.port())).await;
            Ok(Box::new(stream.map_err(failed)?))
        }
    }

    fn client(kdc: &Kdc) -> TcpKdc {
        let host = Hostname::new(kdc.address().ip().to_string()).unwrap();
        let address = TargetAddress::new(host, kdc.address().port()).unwrap();
        TcpKdc::new(Arc::new(Direct), address)
    }

    /// Gets a ticket to the service as a login does.
    async fn ticket(kdc: &dyn KdcClient, word: &str) -> Result<(), String> {
        let mut kerberos = Kerberos::new_client_from_config(config().unwrap().into()).unwrap();
        let identity = AuthIdentity {
            username: Username::new("rep", Some(REALM)).unwrap(),
            password: word.to_owned().into(),
        };
        let mut handle = kerberos
            .acquire_credentials_handle()
            .with_credential_use(CredentialUse::Outbound)
            .with_auth_data(&identity.into())
            .execute(&mut kerberos)
            .unwrap()
            .credentials_handle;
        let mut input = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
        let mut output = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
        let mut builder = kerberos
            .initialize_security_context()
            .with_credentials_handle(&mut handle)
            .with_context_requirements(ClientRequestFlags::MUTUAL_AUTH)
            .with_target_data_representation(DataRepresentation::Native)
            .with_target_name(SERVICE)
            .with_input(&mut input)
            .with_output(&mut output);
        let mut generator = kerberos.initialize_security_context_impl(&mut builder).unwrap();
        let mut state = generator.start();
        loop {
            match state {
                GeneratorState::Completed(done) => return done.map(drop).map_err(|error| error.to_string()),
                GeneratorState::Suspended(request) => {
                    state = generator.resume(Ok(ask(Some(kdc), &request).await.unwrap()));
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_real_kerberos_server_is_asked_and_knows_the_password() {
        let kdc = Kdc::start(&[("rep", "right")], &[SERVICE]).await.unwrap();
        let asks = client(&kdc);
        let said = async |words: [&str; 2]| {
            let said = async {
                // What it says takes a moment to arrive.
                while !kdc
                    .log()
                    .lines()
                    .any(|line| words.iter().all(|word| line.contains(word)))
                {
                    tokio::task::yield_now().await;
                }
            };
            let said = tokio::time::timeout(Duration::from_secs(60), said).await;
            assert!(said.is_ok(), "{words:?}: {}", kdc.log());
        };
        assert!(ticket(&asks, "wrong").await.is_err());
        said(["PREAUTH_FAILED", &format!("rep@{REALM}")]).await;
        assert!(!kdc.log().contains("ISSUE"), "{}", kdc.log());
        // MIT's server says in another way than Windows what it encrypts (RFC 4120 §5.4.2), which `sspi` does not read.
        let read = ticket(&asks, "right").await;
        assert!(read.is_err_and(|why| why.contains("got: 26")), "{}", kdc.log());
        said(["ISSUE", &format!("rep@{REALM} for krbtgt/{REALM}@{REALM}")]).await;
    }

    #[tokio::test]
    async fn nobody_is_asked_for_another_realm() {
        #[derive(Debug)]
        struct Nobody;

        #[async_trait]
        impl KdcClient for Nobody {
            async fn exchange(&self, _: &[u8]) -> Result<Vec<u8>> {
                Ok(b"asked".to_vec())
            }
        }

        let mut request = NetworkRequest {
            protocol: ironrdp_connector::sspi::NetworkProtocol::Tcp,
            url: config().unwrap().kdc_proxy_url.unwrap(),
            data: Vec::new(),
        };
        assert_eq!(ask(Some(&Nobody), &request).await.unwrap(), b"asked");
        assert_eq!(
            ask(None, &request).await.unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        request.url.set_host(Some("other.realm")).unwrap();
        let error = ask(Some(&Nobody), &request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
