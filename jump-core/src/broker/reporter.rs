//! Who reports on a session: the Jumpoint that serves it, or the rep itself.

use super::Caller;
use super::sessions::LiveSession;
use crate::audit::Actor;
use crate::control::Connection;
use crate::error::{Error, ErrorKind};
use crate::id::JumpointId;
use crate::session::GatePlace;

/// Who says something about a session.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reporter<'a> {
    /// A Jumpoint, over whichever of its connections.
    Jumpoint(JumpointId),
    /// A rep, over this connection of its own.
    Rep {
        connection: &'a Connection,
        caller: &'a Caller,
    },
}

impl Reporter<'_> {
    /// Whether it is the one who serves the session. A rep is that for what it started over the same connection and runs
    /// the gate of: never for a Jumpoint's session, its own or another's.
    pub(super) fn serves(self, live: &LiveSession) -> bool {
        match self {
            Reporter::Jumpoint(jumpoint) => live.record.place == GatePlace::Jumpoint(jumpoint),
            Reporter::Rep { connection, .. } => live.served_over(connection),
        }
    }

    /// What it hears about a session that it does not serve. A rep is not told whether there is one.
    pub(super) fn not_yours(self) -> Error {
        const REPORT: &str = "report on a session";
        match self {
            Reporter::Jumpoint(_) => Error::new(ErrorKind::Denied, REPORT, "it is another jumpoint's"),
            Reporter::Rep { .. } => Error::new(
                ErrorKind::NotFound,
                REPORT,
                "you serve no such live session over this connection",
            ),
        }
    }
}

impl LiveSession {
    /// Whether the rep serves it, over this connection.
    pub(super) fn served_over(&self, connection: &Connection) -> bool {
        self.record.place.is_rep() && self.rep.as_ref().is_some_and(|rep| rep.is_same(connection))
    }

    /// Who is logged as having said what is said about it.
    pub(super) fn reported_by(&self) -> Actor {
        match self.record.place {
            GatePlace::Jumpoint(jumpoint) => Actor::Jumpoint { jumpoint },
            GatePlace::Rep => Actor::Rep {
                user: self.record.user,
                name: self.record.user_name.clone(),
                login: self.login,
            },
        }
    }
}
