//! The connection sequence over a stream (MS-RDPBCGR §1.3.1.1): X.224, TLS, CredSSP, settings, channels, capabilities.

use std::time::Instant;

use ironrdp_connector::connection_activation::ConnectionActivationFactory;
use ironrdp_connector::credssp::CredsspSequence;
use ironrdp_connector::sspi::credssp::TsRequest;
use ironrdp_connector::sspi::generator::GeneratorState;
use ironrdp_connector::{
    ClientConnector, ClientConnectorState, ConnectionOutcome, ConnectionResult, ConnectorError,
    ConnectorErrorKind, Credentials, Sequence, ServerName,
};
use ironrdp_core::{MonotonicInstant, WriteBuf, decode};
use ironrdp_pdu::mcs::ConnectResponse;
use ironrdp_pdu::nego::SecurityProtocol;
use ironrdp_pdu::rdp::server_redirection::ServerRedirectionPdu;
use ironrdp_pdu::x224::{X224, X224Data};
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind, Result};
use zeroize::Zeroize;

use super::OPERATION;
use super::clipboard::Backend;
use super::framed::Framed;
use super::kerberos::{self, KdcClient};
use super::options::RdpClientOptions;
use super::redirect::{self, Redirection};
use crate::tls::ServerCertificate;
use crate::{certificate, error, tls};

/// What came of a connection.
pub(super) enum Connecting {
    Connected(Box<Connected>),
    /// The server sends its clients elsewhere.
    Sent(Box<ServerRedirectionPdu>),
}

/// A session that is active.
pub(super) struct Connected {
    pub(super) stream: BoxStream,
    pub(super) result: ConnectionResult,
}

fn failed(kind: ErrorKind, message: &str) -> Error {
    Error::new(kind, OPERATION, message)
}

/// Connects and logs in. Not cancel-safe: dropping the future closes the stream.
pub(super) async fn connect(
    stream: BoxStream,
    options: &RdpClientOptions,
    clipboard: Backend,
    sent: Option<&Redirection>,
) -> Result<Connecting> {
    let mut connector = super::config::connector(options, clipboard)?;
    let mut certificate = options.certificate.clone();
    if let Some(sent) = sent {
        connector = sent.apply(connector);
        if let Some(name) = &sent.name {
            certificate = certificate.for_name(name)?;
        }
    } else if options.follow.is_some() {
        connector = connector.with_cluster_data(redirect::cluster(None));
    }
    let mut handshake = Handshake {
        connector,
        certificate,
        framed: Framed::new(stream),
        requested: None,
        inner: options.inner,
        began: Instant::now(),
    };
    let connected = handshake.run(options).await;
    // IronRDP's own copies cannot be wiped, but need not be kept.
    if let Credentials::UsernamePassword { password, .. } = &mut handshake.connector.config.credentials {
        password.zeroize();
    }
    let config = handshake.connector.config;
    let mut result = match connected? {
        ConnectionOutcome::Connected(result) => result,
        ConnectionOutcome::Redirected(said) => return Ok(Connecting::Sent(said)),
    };
    let (io, user) = (result.io_channel_id, result.user_channel_id);
    result.activation_factory = ConnectionActivationFactory::new(config, io, user);
    Ok(Connecting::Connected(Box::new(Connected {
        stream: handshake.framed.stream,
        result,
    })))
}

struct Handshake {
    connector: ClientConnector,
    framed: Framed,
    /// What the X.224 request asked for.
    requested: Option<SecurityProtocol>,
    inner: bool,
    certificate: ServerCertificate,
    began: Instant,
}

impl Handshake {
    async fn run(&mut self, options: &RdpClientOptions) -> Result<ConnectionOutcome> {
        while !self.connector.should_perform_security_upgrade() {
            self.step().await?;
        }
        let public_key = if options.inner {
            Vec::new()
        } else {
            self.start_tls().await?
        };
        self.connector.mark_security_upgrade_as_done();
        if self.connector.should_perform_credssp() {
            self.log_in(options, public_key).await?;
        }
        loop {
            if self.connector.should_perform_multitransport() {
                let mut output = WriteBuf::new();
                let declined = self.connector.skip_multitransport(&mut output);
                declined.map_err(|error| error::connector(&error, OPERATION))?;
                self.framed.write(output.filled()).await?;
                continue;
            }
            self.step().await?;
            if let Some(outcome) = self.connector.state.take_outcome() {
                return Ok(outcome);
            }
        }
    }

    /// Takes a message if one is due, and answers.
    async fn step(&mut self) -> Result<()> {
        let mut output = WriteBuf::new();
        let stepped = match self.connector.next_pdu_hint() {
            None => self.connector.step_no_input(&mut output),
            Some(hint) => {
                let message = self.framed.read(hint).await?.ok_or_else(|| self.cut_off())?;
                self.check(&message)?;
                let at = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
                let at = Some(MonotonicInstant::from_millis(at));
                let waited_for_choice = self.note_request();
                let stepped = self.connector.step(&message, at, &mut output);
                if waited_for_choice {
                    stepped.map_err(|error| self.choice_failed(&error))?;
                    return self.framed.write(output.filled()).await;
                }
                stepped
            }
        };
        stepped.map_err(|error| error::connector(&error, OPERATION))?;
        self.framed.write(output.filled()).await
    }

    /// Whether the answer is due to what was asked for, which is noted.
    fn note_request(&mut self) -> bool {
        if let ClientConnectorState::ConnectionInitiationWaitConfirm { requested_protocol } =
            self.connector.state
        {
            self.requested = Some(requested_protocol);
            return true;
        }
        false
    }

    /// Whether the server was asked for what this client asked for: the question itself is not protected, so whoever is in
    /// between could have taken the stronger logins out (MS-RDPBCGR §2.2.1.4.2, `clientRequestedProtocols`).
    fn check(&self, message: &[u8]) -> Result<()> {
        if !matches!(
            self.connector.state,
            ClientConnectorState::BasicSettingsExchangeWaitResponse { .. }
        ) {
            return Ok(());
        }
        // What cannot be read is the connector's to complain about.
        let Some(response) = decode::<X224<X224Data<'_>>>(message)
            .ok()
            .and_then(|data| decode::<ConnectResponse>(&data.0.data).ok())
        else {
            return Ok(());
        };
        let core = &response.conference_create_response.gcc_blocks().core;
        match core.optional_data.client_requested_protocols {
            Some(protocols) if Some(protocols) != self.requested => Err(failed(
                ErrorKind::TargetAuthentication,
                "the server was not asked for the logins that were asked for: somebody is in between",
            )),
            _ => Ok(()),
        }
    }

    /// A server that wants another login than it may have, or a gate that lets nobody in: why is in the session's outcome.
    fn choice_failed(&self, error: &ConnectorError) -> Error {
        let plain = error::connector(error, OPERATION);
        match error.kind() {
            _ if self.inner => failed(ErrorKind::Closed, "the gate did not let the client in"),
            ConnectorErrorKind::Reason(_) => failed(ErrorKind::TargetAuthentication, plain.context()),
            _ => plain,
        }
    }

    fn cut_off(&self) -> Error {
        failed(
            ErrorKind::Network,
            "the server closed the connection within the handshake",
        )
    }

    async fn start_tls(&mut self) -> Result<Vec<u8>> {
        // The stream is put back, or the handshake is over.
        let nothing: BoxStream = Box::new(tokio::io::empty());
        let stream = std::mem::replace(&mut self.framed.stream, nothing);
        let (stream, shown) = tls::start(stream, &self.certificate)
            .await
            .map_err(|failure| failure.error)?;
        self.framed = Framed::new(Box::new(stream));
        certificate::public_key(&shown.certificate)
    }

    /// CredSSP with NTLM, or Kerberos where there is somebody to ask (MS-CSSP §3.1.5).
    async fn log_in(&mut self, options: &RdpClientOptions, public_key: Vec<u8>) -> Result<()> {
        let ClientConnectorState::Credssp { selected_protocol } = self.connector.state else {
            return Err(failed(ErrorKind::Internal, "CredSSP is not due"));
        };
        let config = &self.connector.config;
        let wrong = |error: ConnectorError| error::connector(&error, OPERATION);
        let (mut sequence, mut request) = CredsspSequence::init(
            config.credentials.clone(),
            config.domain.as_deref(),
            selected_protocol,
            ServerName::new(&options.host),
            public_key,
            options.kdc.as_ref().map(|_| kerberos::config()).transpose()?,
        )
        .map_err(wrong)?;
        loop {
            let mut output = WriteBuf::new();
            let state = process(&mut sequence, request, options.kdc.as_deref()).await?;
            sequence
                .handle_process_result(state, &mut output)
                .map_err(wrong)?;
            self.framed.write(output.filled()).await?;
            let Some(hint) = sequence.next_pdu_hint() else {
                break;
            };
            // Some servers say no by closing.
            let message = self.framed.read(hint).await?.ok_or_else(|| {
                failed(
                    ErrorKind::TargetAuthentication,
                    "the server closed the connection at the login: it does not accept the user or the password",
                )
            })?;
            match sequence.decode_server_message(&message).map_err(wrong)? {
                Some(next) => request = next,
                None => break,
            }
        }
        self.connector.mark_credssp_as_done();
        Ok(())
    }
}

async fn process(
    sequence: &mut CredsspSequence,
    request: TsRequest,
    kdc: Option<&dyn KdcClient>,
) -> Result<ironrdp_connector::sspi::credssp::ClientState> {
    let mut generator = sequence.process_ts_request(request);
    let mut state = generator.start();
    loop {
        match state {
            GeneratorState::Completed(state) => {
                return state.map_err(|error| {
                    let message = format!("the server did not accept the login: {error}");
                    failed(ErrorKind::TargetAuthentication, &message)
                });
            }
            GeneratorState::Suspended(request) => {
                let answer = kerberos::ask(kdc, &request).await?;
                state = generator.resume(Ok(answer));
            }
        }
    }
}
