//! The leg toward the target, until it has let us in.

use bytes::BytesMut;
use ironrdp_pdu::nego::{
    ConnectionConfirm, ConnectionRequest, FailureCode, NegoRequestData, RequestFlags, ResponseFlags,
    SecurityProtocol,
};
use ironrdp_pdu::x224::X224;
use jump_core::protocol::{Dialer, EventSink, SessionEvent};
use jump_core::session::{Credential, CredentialSecret, Grant};
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

use super::credssp;
use super::filter::TargetLogin;
use super::leg::Leg;
use crate::{certificate, tls};

const CONNECT: &str = "connect to the target";
/// The cookie of our own first message, which brokers of sessions look at (MS-RDPBCGR §2.2.1.1); who logs in is said later.
const COOKIE: &str = "jump";
const NLA: SecurityProtocol = SecurityProtocol::HYBRID.union(SecurityProtocol::HYBRID_EX);

/// A target that has let us in, or will with the Client Info PDU.
pub(super) struct Target {
    pub(super) stream: BoxStream,
    /// What it sent beyond its login.
    pub(super) early: BytesMut,
    /// What it can do beyond the first RDP (MS-RDPBCGR §2.2.1.2.1).
    pub(super) flags: ResponseFlags,
    /// What it was asked for.
    pub(super) asked: SecurityProtocol,
    pub(super) selected: SecurityProtocol,
    /// Who logs in with the Client Info PDU.
    pub(super) login: Option<TargetLogin>,
}

fn refused(what: &'static str) -> Error {
    Error::new(ErrorKind::TargetAuthentication, CONNECT, what)
}

/// Dials the target, checks its certificate and logs in, if it does that before it shows anything.
///
/// # Errors
/// [`ErrorKind::TargetUnreachable`], [`ErrorKind::HostKey`], [`ErrorKind::TargetAuthentication`], [`ErrorKind::Unsupported`],
/// [`ErrorKind::Protocol`].
pub(super) async fn connect(
    grant: &Grant,
    dialer: &dyn Dialer,
    credential: Option<Credential>,
    events: &EventSink,
) -> Result<Target> {
    let address = grant
        .target()
        .addresses
        .first()
        .ok_or_else(|| Error::new(ErrorKind::InvalidArgument, CONNECT, "the grant names no address"))?;
    let item = &grant.target().rdp;
    let mut login = credential
        .map(|credential| login(credential, item.domain.as_str()))
        .transpose()?;
    let asked = match (&login, item.require_nla) {
        (Some(_), true) => NLA,
        (Some(_), false) => SecurityProtocol::SSL | NLA,
        (None, false) => SecurityProtocol::SSL,
        (None, true) => return Err(refused("the item asks for nla and has no credential for it")),
    };
    let stream = dialer.dial(address).await?;
    let mut leg = Leg::new(stream, ErrorKind::TargetUnreachable, CONNECT);
    let (flags, selected) = negotiate(&mut leg, asked)
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::Closed => Error::new(
                ErrorKind::TargetUnreachable,
                CONNECT,
                "the target closed the connection",
            )
            .with_source(error),
            _ => error,
        })?;
    let certificates = &grant.target().certificates;
    let (stream, shown) = tls::start_for_gate(leg.into_stream()?, certificates, events)
        .await
        .map_err(|failure| failure.error)?;
    let public_key = certificate::public_key(&shown.certificate)?;
    let mut leg = Leg::new(Box::new(stream), ErrorKind::TargetUnreachable, CONNECT);
    if let Some(login) = &mut login {
        let kind = || "password".to_owned();
        let username = login.user.clone();
        if selected.intersects(NLA) {
            let early = selected == SecurityProtocol::HYBRID_EX;
            let host = address.host().as_str();
            let in_it = credssp::log_in(&mut leg, login, host, public_key, early).await;
            if let Err(error) = in_it {
                if error.kind() == ErrorKind::TargetAuthentication {
                    let kind = kind();
                    events
                        .report(SessionEvent::CredentialRefused { kind, username })
                        .await;
                }
                return Err(error);
            }
            // It has it.
            login.password = Some(Zeroizing::default());
        }
        let kind = kind();
        events
            .report(SessionEvent::CredentialInjected { kind, username })
            .await;
    }
    // The item may say who logs in; the rep's client knows the password.
    if login.is_none() && !item.username.as_str().is_empty() {
        login = Some(TargetLogin {
            domain: item.domain.as_str().to_owned(),
            user: item.username.as_str().to_owned(),
            password: None,
        });
    }
    Ok(Target {
        stream: leg.stream,
        early: leg.read,
        flags,
        asked,
        selected,
        login,
    })
}

/// The user's name may say the domain itself (`DOMAIN\user`), unless the item does.
fn login(credential: Credential, domain: &str) -> Result<TargetLogin> {
    let Credential { username, secret } = &credential;
    let CredentialSecret::Password(password) = secret else {
        return Err(refused(
            "an rdp target takes a password, and the item has another kind of credential",
        ));
    };
    let (domain, user) = match username.split_once('\\') {
        Some((own, user)) if domain.is_empty() => (own, user),
        _ => (domain, username.as_str()),
    };
    Ok(TargetLogin {
        domain: domain.to_owned(),
        user: user.to_owned(),
        password: Some(Zeroizing::new(password.expose().clone())),
    })
}

/// Agrees on how the connection is secured (MS-RDPBCGR §5.4.2.1). What is exchanged here is unprotected: whoever is on the path
/// can take NLA out, so an item that asks for it is answered with nothing less.
async fn negotiate(leg: &mut Leg, asked: SecurityProtocol) -> Result<(ResponseFlags, SecurityProtocol)> {
    leg.write_pdu(&X224(ConnectionRequest {
        nego_data: Some(NegoRequestData::cookie(COOKIE.to_owned())),
        flags: RequestFlags::empty(),
        protocol: asked,
        correlation_info: None,
    }))
    .await?;
    let X224(answer) = leg.read_pdu::<X224<ConnectionConfirm>>().await?;
    let only_nla = !asked.contains(SecurityProtocol::SSL);
    match answer {
        ConnectionConfirm::Response { flags, protocol } => {
            let one = protocol.bits().is_power_of_two();
            if one && asked.contains(protocol) {
                return Ok((flags, protocol));
            }
            Err(if only_nla {
                refused("the target would be logged in to without nla, which the item asks for")
            } else {
                Error::new(
                    ErrorKind::Unsupported,
                    CONNECT,
                    "the target has neither tls nor nla: standard rdp security is not supported",
                )
            })
        }
        ConnectionConfirm::Failure { code } => Err(match code {
            FailureCode::HYBRID_REQUIRED_BY_SERVER if !asked.intersects(NLA) => {
                refused("the target wants a login before it shows anything, and the item has no credential")
            }
            _ if only_nla => refused("the target does not do nla, which the item asks for"),
            FailureCode::SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER => {
                refused("the target wants a certificate of the user, which is not supported")
            }
            code => Error::new(
                ErrorKind::Unsupported,
                CONNECT,
                format!("the target takes neither tls nor nla: {code}"),
            ),
        }),
    }
}
