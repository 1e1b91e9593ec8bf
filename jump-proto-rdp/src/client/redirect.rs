//! Being sent to another server before a session begins (MS-RDPBCGR §2.2.13.1, §3.2.5.13.1), as brokers of many servers do.
//!
//! It is followed only where a dialer was given for it, which has the last word on where to; the other server has to show a
//! certificate that is allowed, as the first had to, before it hears of any login.

use std::fmt;

use ironrdp_connector::ClientConnector;
use ironrdp_pdu::gcc::{ClientClusterData, RedirectionFlags, RedirectionVersion};
use ironrdp_pdu::rdp::server_redirection::{ServerRedirectionFlags, ServerRedirectionPdu};
use jump_core::model::{Hostname, TargetAddress};
use jump_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

/// How often a client may be sent elsewhere.
pub(super) const MAX_HOPS: usize = 3;
/// The longest routing token, in bytes (MS-RDPBCGR §2.2.1.1, `routingToken`).
const MAX_TOKEN: usize = 4096;

const OPERATION: &str = super::OPERATION;

/// Where a client was sent, and what it is to say there.
pub(super) struct Redirection {
    session: u32,
    /// `None` is the same server again, which knows by the token where to go on.
    pub(super) address: Option<TargetAddress>,
    /// The name by which the other server's certificate is for it, if it was told.
    pub(super) name: Option<String>,
    token: Option<String>,
    user: Option<String>,
    domain: Option<String>,
    cookie: Option<Zeroizing<Vec<u8>>>,
}

impl fmt::Debug for Redirection {
    /// Without the cookie, which logs in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redirection")
            .field("session", &self.session)
            .field("address", &self.address)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Redirection {
    /// Reads what a server said.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if it cannot be followed, [`ErrorKind::Unsupported`] if it takes RDSTLS.
    pub(super) fn new(said: ServerRedirectionPdu, port: u16) -> Result<Self> {
        let wrong = |why: &str| Error::new(ErrorKind::Protocol, OPERATION, why);
        if said
            .flags
            .contains(ServerRedirectionFlags::PASSWORD_IS_PK_ENCRYPTED)
        {
            let why = "the server sends its clients to another one with a login that takes RDSTLS";
            return Err(Error::new(ErrorKind::Unsupported, OPERATION, why));
        }
        let addresses = said.target_net_addresses.unwrap_or_default();
        let host = said
            .target_net_address
            .or_else(|| addresses.into_iter().next())
            .or_else(|| said.target_fqdn.clone());
        // A token leads to the right server behind the address that was dialed (§3.2.5.3.1).
        let address = match host.filter(|_| said.load_balance_info.is_none()) {
            Some(host) => {
                let host = Hostname::new(&host)
                    .map_err(|_| wrong("the server sends its clients to what is no address"))?;
                Some(TargetAddress::new(host, port)?)
            }
            None => None,
        };
        let token = said
            .load_balance_info
            .map(|token| String::from_utf8(token).map_err(|_| wrong("a routing token is no text")))
            .transpose()?;
        if token.as_ref().is_some_and(|token| token.len() > MAX_TOKEN) {
            return Err(wrong("a routing token has more than 4096 bytes"));
        }
        if address.is_none() && token.is_none() {
            return Err(wrong(
                "the server sends its clients elsewhere and does not say where to",
            ));
        }
        Ok(Self {
            session: said.session_id,
            address,
            name: said.target_fqdn,
            token,
            user: said.username,
            domain: said.domain,
            cookie: said.password.map(Zeroizing::new),
        })
    }

    /// Has a client say at the other server what the first wants.
    pub(super) fn apply(&self, mut connector: ClientConnector) -> ClientConnector {
        if let (Some(user), ironrdp_connector::Credentials::UsernamePassword { username, .. }) =
            (&self.user, &mut connector.config.credentials)
        {
            username.clone_from(user);
        }
        if let Some(domain) = &self.domain {
            connector.config.domain = Some(domain.clone());
        }
        connector = connector.with_cluster_data(cluster(Some(self.session)));
        if let Some(token) = &self.token {
            connector = connector.with_load_balance_info(token.clone());
        }
        match &self.cookie {
            Some(cookie) => connector.with_redirection_password_cookie(cookie.to_vec()),
            None => connector,
        }
    }
}

/// That a client can be sent elsewhere, and to which session it was (MS-RDPBCGR §2.2.1.3.5).
pub(super) fn cluster(session: Option<u32>) -> ClientClusterData {
    let valid = match session {
        Some(_) => RedirectionFlags::REDIRECTED_SESSION_FIELD_VALID,
        None => RedirectionFlags::empty(),
    };
    ClientClusterData {
        flags: RedirectionFlags::REDIRECTION_SUPPORTED | valid,
        redirection_version: RedirectionVersion::V4,
        redirected_session_id: session.unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use super::*;

    #[test]
    fn an_address_is_dialed_and_a_token_leads_back() {
        let address = |host: &str| ServerRedirectionPdu {
            target_net_address: Some(host.to_owned()),
            ..ServerRedirectionPdu::default()
        };
        let followed = Redirection::new(address("192.0.2.9"), 3390).unwrap();
        assert_eq!(followed.address.unwrap().to_string(), "192.0.2.9:3390");
        let token = ServerRedirectionPdu {
            load_balance_info: Some(b"Cookie: msts=1\r\n".to_vec()),
            ..address("192.0.2.9")
        };
        let followed = Redirection::new(token, 3390).unwrap();
        assert_eq!(
            (followed.address, followed.token.as_deref()),
            (None, Some("Cookie: msts=1\r\n"))
        );
    }

    #[test]
    fn what_cannot_be_followed_is_an_error() {
        let nowhere = ServerRedirectionPdu::default();
        let no_address = ServerRedirectionPdu {
            target_net_address: Some("no host at all/..".to_owned()),
            ..nowhere.clone()
        };
        let long = ServerRedirectionPdu {
            load_balance_info: Some(vec![b'x'; MAX_TOKEN + 1]),
            ..nowhere.clone()
        };
        let encrypted = ServerRedirectionPdu {
            flags: ServerRedirectionFlags::PASSWORD_IS_PK_ENCRYPTED,
            target_net_address: Some("192.0.2.9".to_owned()),
            ..nowhere.clone()
        };
        for (said, kind) in [
            (nowhere, ErrorKind::Protocol),
            (no_address, ErrorKind::Protocol),
            (long, ErrorKind::Protocol),
            (encrypted, ErrorKind::Unsupported),
        ] {
            assert_eq!(Redirection::new(said, 3389).unwrap_err().kind(), kind);
        }
    }
}
