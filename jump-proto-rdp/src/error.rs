//! IronRDP's errors as the library's one error.

use ironrdp_connector::{ConnectorError, ConnectorErrorKind};
use ironrdp_pdu::nego::FailureCode;
use ironrdp_session::SessionError;
use jump_core::{Error, ErrorKind};

/// An error of the connection sequence.
pub(crate) fn connector(error: &ConnectorError, operation: &'static str) -> Error {
    let kind = match error.kind() {
        ConnectorErrorKind::Credssp(_)
        | ConnectorErrorKind::AccessDenied
        | ConnectorErrorKind::EntraAuth(_) => ErrorKind::TargetAuthentication,
        ConnectorErrorKind::Negotiation(failure) => match failure.code() {
            FailureCode::HYBRID_REQUIRED_BY_SERVER
            | FailureCode::SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER
            | FailureCode::ENTRA_AUTH_REQUIRED_BY_SERVER => ErrorKind::TargetAuthentication,
            _ => ErrorKind::Unsupported,
        },
        _ => ErrorKind::Protocol,
    };
    Error::new(kind, operation, error.report().to_string())
}

/// An error of a running session.
pub(crate) fn session(error: &SessionError, operation: &'static str) -> Error {
    Error::new(ErrorKind::Protocol, operation, error.report().to_string())
}
