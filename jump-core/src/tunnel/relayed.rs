//! The way into the relay, and the socket that comes out of it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::ticket::SignedTicket;
use super::transport::{Socket, Transport};
use crate::error::{Error, ErrorKind, Result};

/// What a connection to the relay begins with, so that one port can serve the relay and TLS (whose first byte is
/// 0x16): look at one byte, then call [`Relay::serve`](super::Relay::serve) with it.
pub const RELAY_FIRST_BYTE: u8 = b'J';
/// The words that a connection begins with; the last byte is the version.
pub(super) const MAGIC: [u8; 8] = *b"JUMPRLY\x01";
/// What a party sends first: the magic words, then its [`SignedTicket`]. Nothing in it is variable.
pub const PREFACE_LENGTH: usize = MAGIC.len() + SignedTicket::LENGTH;

const OPERATION: &str = "join the session at the relay";

/// The one byte that the relay says to a party before it becomes transparent, or before it hangs up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Status {
    /// The partner is there: every byte from here on is the partner's.
    Paired = 0,
    /// The preface was not understood.
    Malformed = 1,
    /// The ticket is not signed by the broker that this relay serves.
    Forged = 2,
    /// The ticket has expired.
    Expired = 3,
    /// The ticket was used before.
    Used = 4,
    /// The partner did not come in time.
    Alone = 5,
    /// The relay has no room.
    Full = 6,
    /// A newer connection of the same party has taken this one's place.
    Replaced = 7,
    /// The session is running already, with both its parties.
    Running = 8,
    /// The session was ended.
    Ended = 9,
}

impl Status {
    const ALL: [Self; 10] = [
        Self::Paired,
        Self::Malformed,
        Self::Forged,
        Self::Expired,
        Self::Used,
        Self::Alone,
        Self::Full,
        Self::Replaced,
        Self::Running,
        Self::Ended,
    ];

    /// What a refusal means; `None` if it is none.
    pub(super) fn refusal(self) -> Option<Error> {
        let (kind, context) = match self {
            Self::Paired => return None,
            Self::Malformed => (
                ErrorKind::Protocol,
                "the relay did not understand us, check that both are up to date",
            ),
            Self::Forged => (
                ErrorKind::Grant,
                "the ticket is not signed by the broker that the relay serves",
            ),
            Self::Expired => (
                ErrorKind::Grant,
                "the ticket has expired, ask the broker for a new one",
            ),
            Self::Used => (
                ErrorKind::Grant,
                "the ticket was used before, ask the broker for a new one",
            ),
            Self::Alone => (
                ErrorKind::Timeout,
                "the other party did not come to the relay in time",
            ),
            Self::Full => (ErrorKind::ResourceLimit, "the relay has no room, try again later"),
            Self::Replaced => (
                ErrorKind::Conflict,
                "a newer connection of the same party has taken over",
            ),
            Self::Running => (
                ErrorKind::Grant,
                "the session is running already with both its parties",
            ),
            Self::Ended => (ErrorKind::SessionEnded, "the session was ended"),
        };
        Some(Error::new(kind, OPERATION, context))
    }

    /// Reads the byte.
    fn check(byte: u8) -> Result<()> {
        match Self::ALL.into_iter().find(|status| *status as u8 == byte) {
            Some(status) => status.refusal().map_or(Ok(()), Err),
            None => Err(Error::new(
                ErrorKind::Protocol,
                OPERATION,
                format!("the relay gave the unknown answer {byte}"),
            )),
        }
    }
}

/// Connects to the relay at `address` and shows `ticket`. Does not wait for the partner: what is written next (the
/// first message of TLS) travels right behind the ticket and waits at the relay.
///
/// `timeout` bounds connecting and sending the ticket. Dropping the call hangs up; the ticket may then be used up.
///
/// # Errors
/// [`ErrorKind::Timeout`], or what [`Transport::dial`] says. The relay's own answer comes with the first read of the
/// [`RelayedSocket`].
pub async fn dial_relay(
    transport: &dyn Transport,
    address: &str,
    ticket: &SignedTicket,
    timeout: Duration,
) -> Result<RelayedSocket> {
    let dial = async {
        let mut socket = transport.dial(address).await?;
        let preface = [MAGIC.as_slice(), ticket.as_bytes()].concat();
        socket
            .write_all(&preface)
            .await
            .map_err(|error| Error::from_io(ErrorKind::Network, OPERATION, error))?;
        Ok(RelayedSocket {
            socket,
            paired: false,
        })
    };
    tokio::time::timeout(timeout, dial).await.map_err(|_| {
        Error::new(
            ErrorKind::Timeout,
            OPERATION,
            format!("the relay at {address} did not answer in time"),
        )
    })?
}

/// A socket to the partner through the relay.
///
/// Writing works at once. The first read waits for the partner, takes the relay's answer off the stream, and fails
/// with it if it is a refusal: [`ErrorKind::Grant`] for a ticket that is forged, expired or used,
/// [`ErrorKind::Timeout`] if the partner never came, [`ErrorKind::ResourceLimit`] if the relay is full,
/// [`ErrorKind::SessionEnded`] or [`ErrorKind::Conflict`] if there is no place for it any more,
/// [`ErrorKind::Unavailable`] if the relay hung up without a word. The error travels inside the [`io::Error`];
/// [`Error::from_io`] takes it out, as [`Tls`](super::Tls) does.
#[derive(Debug)]
pub struct RelayedSocket {
    socket: Socket,
    paired: bool,
}

impl RelayedSocket {
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut byte = [0u8; 1];
        let mut answer = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut answer))?;
        match answer.filled() {
            [byte] => Status::check(*byte)?,
            _ => {
                let gone = "the relay hung up before the other party came";
                return Poll::Ready(Err(Error::new(ErrorKind::Unavailable, OPERATION, gone).into()));
            }
        }
        self.paired = true;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for RelayedSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.paired {
            ready!(this.poll_answer(cx))?;
        }
        Pin::new(&mut this.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for RelayedSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_of_the_relay_has_its_own_number_and_meaning() {
        for (number, status) in Status::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(status as u8), number);
        }
        assert!(Status::check(0).is_ok());
        assert_eq!(Status::check(4).unwrap_err().kind(), ErrorKind::Grant);
        assert_eq!(Status::check(200).unwrap_err().kind(), ErrorKind::Protocol);
        assert_eq!(MAGIC[0], RELAY_FIRST_BYTE);
    }
}
