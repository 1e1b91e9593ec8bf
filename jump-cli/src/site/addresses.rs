//! Under which address peers reach a broker.

use std::net::SocketAddr;

use crate::error::{Failure, usage};

/// The address that invitations name: what the user says, otherwise where the broker listens.
///
/// # Errors
/// If it listens everywhere and the user did not say which of those addresses others reach.
pub(crate) fn public_address(wished: Option<&str>, listening: &str) -> Result<String, Failure> {
    if let Some(wished) = wished {
        let port = wished
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        return match port {
            Some((host, port)) if !host.is_empty() && port > 0 => Ok(wished.to_owned()),
            _ => Err(usage("--public-address is HOST:PORT")),
        };
    }
    let everywhere = listening
        .parse::<SocketAddr>()
        .is_ok_and(|address| address.ip().is_unspecified());
    if everywhere {
        return Err(usage(format!("{listening} is every address of this machine"))
            .hint("say which one others reach: --public-address HOST:PORT"));
    }
    Ok(listening.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invitations_never_name_an_address_that_leads_nowhere() {
        assert_eq!(public_address(None, "127.0.0.1:7422").unwrap(), "127.0.0.1:7422");
        assert_eq!(
            public_address(Some("jump.example:443"), "0.0.0.0:7422").unwrap(),
            "jump.example:443"
        );
        for (wished, listening) in [
            (None, "0.0.0.0:7422"),
            (None, "[::]:7422"),
            (Some("jump.example"), "x"),
            (Some(":7"), "x"),
        ] {
            assert!(
                public_address(wished, listening).is_err(),
                "{wished:?} {listening}"
            );
        }
    }
}
