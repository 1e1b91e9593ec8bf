//! Logging in before anything is shown (NLA: CredSSP with NTLM, MS-CSSP), as a client and as a server.

use ironrdp_acceptor::credssp::CredsspSequence as Acceptor;
use ironrdp_connector::ServerName;
use ironrdp_core::WriteBuf;
use jump_core::{Error, ErrorKind, Result};
use sspi::credssp::{
    ClientMode, ClientState, CredSspClient, CredSspMode, EARLY_USER_AUTH_RESULT_PDU_SIZE,
    EarlyUserAuthResult, TsRequest,
};
use sspi::generator::GeneratorState;
use sspi::ntlm::NtlmConfig;
use sspi::{AuthIdentity, Username};

use super::filter::TargetLogin;
use super::leg::Leg;

const LOG_IN: &str = "log in to the target";
const LET_IN: &str = "let the rep's client in";

/// Who a native client logs in as if it insists on it, and its password. It proves nothing: whoever gets here is the rep, by the
/// session's own keys.
pub(super) const THROW_AWAY: (&str, &str) = ("jump", "jump");

fn refused(what: &'static str) -> Error {
    Error::new(ErrorKind::TargetAuthentication, LOG_IN, what)
}

/// Logs in to a target whose certificate has this public key. `early` says that it tells how that went (`PROTOCOL_HYBRID_EX`).
///
/// # Errors
/// [`ErrorKind::TargetAuthentication`] if it refuses, which many targets say by closing the connection.
pub(super) async fn log_in(
    leg: &mut Leg,
    login: &TargetLogin,
    host: &str,
    public_key: Vec<u8>,
    early: bool,
) -> Result<()> {
    let domain = (!login.domain.is_empty()).then_some(login.domain.as_str());
    let username = Username::new(&login.user, domain)
        .map_err(|error| refused("the user's name is none").with_source(error))?;
    let identity = AuthIdentity {
        username,
        password: login
            .password
            .as_ref()
            .map(|password| password.to_string())
            .unwrap_or_default()
            .into(),
    };
    let mut client = CredSspClient::new(
        public_key,
        identity.into(),
        CredSspMode::WithCredentials,
        ClientMode::Ntlm(NtlmConfig::default()),
        format!("TERMSRV/{host}"),
    )
    .map_err(|error| Error::new(ErrorKind::Internal, LOG_IN, "credssp cannot begin").with_source(error))?;
    let mut request = TsRequest::default();
    loop {
        // What the target says is wrong, or says that the login is.
        let state = match client.process(request).start() {
            GeneratorState::Completed(state) => state,
            GeneratorState::Suspended(_) => return Err(refused("it wants kerberos, which is not supported")),
        };
        let state = state.map_err(|error| refused("it refused the login").with_source(error))?;
        let (reply, last) = match state {
            ClientState::ReplyNeeded(reply) => (reply, false),
            ClientState::FinalMessage(reply) => (reply, true),
        };
        leg.write(&encoded(&reply, LOG_IN)?).await?;
        if last {
            break;
        }
        let answer = leg.read_credssp().await.map_err(said_by_closing)?;
        request = TsRequest::from_buffer(&answer)
            .map_err(|error| Error::from_io(ErrorKind::Protocol, LOG_IN, error))?;
    }
    if early {
        let answer = leg
            .read_exactly(EARLY_USER_AUTH_RESULT_PDU_SIZE)
            .await
            .map_err(said_by_closing)?;
        let result = EarlyUserAuthResult::from_buffer(&*answer)
            .map_err(|error| Error::from_io(ErrorKind::Protocol, LOG_IN, error))?;
        if !matches!(result, EarlyUserAuthResult::Success) {
            return Err(refused("the user may not log in there"));
        }
    }
    Ok(())
}

/// A target that closes while somebody logs in has refused the login.
fn said_by_closing(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Closed => refused("it refused the login").with_source(error),
        _ => error,
    }
}

fn encoded(request: &TsRequest, operation: &'static str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    request
        .encode_ts_request(&mut bytes)
        .map_err(|error| Error::from_io(ErrorKind::Internal, operation, error))?;
    Ok(bytes)
}

/// Lets a client in that logs in with [`THROW_AWAY`]. `public_key` is that of our own certificate, `early` as for [`log_in`].
///
/// # Errors
/// [`ErrorKind::Unauthenticated`] if it logs in as somebody else; it has been told.
pub(super) async fn let_in(leg: &mut Leg, public_key: Vec<u8>, early: bool) -> Result<()> {
    let internal = |what: &'static str| Error::new(ErrorKind::Internal, LET_IN, what);
    let (user, password) = THROW_AWAY;
    let identity = AuthIdentity {
        username: Username::parse(user).map_err(|error| internal("no name").with_source(error))?,
        password: password.to_owned().into(),
    };
    let mut sequence = Acceptor::init(&identity, ServerName::new("jump"), public_key, None)
        .map_err(|error| internal("credssp cannot begin").with_source(error))?;
    let result = accept(leg, &mut sequence).await;
    if early {
        let said = match result {
            Ok(()) => EarlyUserAuthResult::Success,
            Err(_) => EarlyUserAuthResult::AccessDenied,
        };
        let mut bytes = Vec::new();
        said.to_buffer(&mut bytes)
            .map_err(|error| Error::from_io(ErrorKind::Internal, LET_IN, error))?;
        leg.write(&bytes).await?;
    }
    result
}

async fn accept(leg: &mut Leg, sequence: &mut Acceptor<'_>) -> Result<()> {
    let refused = |what: &'static str| Error::new(ErrorKind::Unauthenticated, LET_IN, what);
    loop {
        let more = sequence
            .next_pdu_hint()
            .map_err(|error| refused("the client logs in as somebody else").with_source(error))?
            .is_some();
        if !more {
            return Ok(());
        }
        let message = leg.read_credssp().await?;
        let request = sequence
            .decode_client_message(&message)
            .map_err(|error| Error::new(ErrorKind::Protocol, LET_IN, "no credssp").with_source(error))?;
        let Some(request) = request else {
            return Ok(());
        };
        let result = match sequence.process_ts_request(request).start() {
            GeneratorState::Completed(result) => result,
            GeneratorState::Suspended(_) => return Err(refused("the client wants kerberos")),
        };
        let mut output = WriteBuf::new();
        // The credential that the client delegates is wiped with its value.
        let (written, _) = sequence
            .handle_process_result(result, &mut output)
            .map_err(|error| refused("the client's login is wrong").with_source(error))?;
        if let Some(length) = written.size() {
            leg.write(output.filled().get(..length).unwrap_or_default())
                .await?;
        }
    }
}
