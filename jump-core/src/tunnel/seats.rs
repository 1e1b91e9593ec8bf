//! Who waits at the relay for whom, and which tickets are used up.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::relayed::Status;
use super::ticket::{Party, Ticket};
use super::transport::Socket;
use crate::id::SessionId;
use crate::time::Timestamp;

/// Used tickets that are remembered until they expire. Only the broker can make them more; when there are that many,
/// new ones are refused rather than old ones forgotten.
const USED_LIMIT: usize = 1 << 20;
/// Ended sessions that are remembered, so that a party that comes late is told.
const ENDED_LIMIT: usize = 1 << 14;

/// The places of all sessions of a relay.
#[derive(Default)]
pub(super) struct Seats(Mutex<State>);

#[derive(Default)]
struct State {
    sessions: HashMap<SessionId, Entry>,
    waiting: usize,
    used: BTreeSet<(Timestamp, [u8; 16])>,
    ended: Ended,
    generations: u64,
}

/// A session's place. The generation tells a later holder of the same place apart, so that cleaning up after an
/// earlier one cannot remove it.
struct Entry {
    generation: u64,
    seat: Seat,
}

enum Seat {
    Waiting {
        party: Party,
        news: oneshot::Sender<News>,
    },
    Running {
        /// Dropped to cut the session.
        _cut: oneshot::Sender<()>,
    },
}

/// What a waiting party is told.
pub(super) enum News {
    Paired(Box<Pair>),
    Refused(Status),
}

/// The partner, for the party that waited.
pub(super) struct Pair {
    pub(super) partner: Socket,
    /// Fails when the session is to be cut.
    pub(super) cut: oneshot::Receiver<()>,
    pub(super) place: Place,
}

/// Where a party with a good ticket ends up.
pub(super) enum Seated {
    /// It waits for its partner.
    Waiting(Socket, oneshot::Receiver<News>, Place),
    /// The partner was waiting, has taken the socket and runs the session.
    Joined,
    /// There is no place for it.
    Refused(Socket, Status),
}

/// The last sessions that were ended, oldest first.
#[derive(Default)]
struct Ended {
    known: HashSet<SessionId>,
    order: VecDeque<SessionId>,
}

impl Ended {
    fn insert(&mut self, session: SessionId) {
        if self.known.insert(session) {
            self.order.push_back(session);
            if self.order.len() > ENDED_LIMIT
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
    }
}

/// Holds a session's place; dropping it frees the place if it is still the same.
pub(super) struct Place {
    seats: Arc<Seats>,
    pub(super) session: SessionId,
    generation: u64,
}

impl Place {
    /// Frees the place; false if somebody else has it already.
    pub(super) fn release(&self) -> bool {
        self.seats
            .state()
            .remove(self.session, Some(self.generation))
            .is_some()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.release();
    }
}

impl State {
    fn remove(&mut self, session: SessionId, generation: Option<u64>) -> Option<Seat> {
        if let Some(generation) = generation
            && self.sessions.get(&session)?.generation != generation
        {
            return None;
        }
        let entry = self.sessions.remove(&session)?;
        if matches!(entry.seat, Seat::Waiting { .. }) {
            self.waiting = self.waiting.saturating_sub(1);
        }
        Some(entry.seat)
    }

    fn insert(&mut self, session: SessionId, seat: Seat) -> u64 {
        self.generations += 1;
        if matches!(seat, Seat::Waiting { .. }) {
            self.waiting += 1;
        }
        let generation = self.generations;
        self.sessions.insert(session, Entry { generation, seat });
        generation
    }
}

impl Seats {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many sessions are running.
    pub(super) fn running(&self) -> usize {
        let state = self.state();
        state.sessions.len().saturating_sub(state.waiting)
    }

    /// How many parties wait.
    pub(super) fn waiting(&self) -> usize {
        self.state().waiting
    }

    /// Takes a session's place away and remembers that it has ended.
    pub(super) fn end(&self, session: SessionId) {
        let mut state = self.state();
        state.ended.insert(session);
        if let Some(Seat::Waiting { news, .. }) = state.remove(session, None) {
            // A party that has just given up needs no news.
            let _ = news.send(News::Refused(Status::Ended));
        }
    }

    /// Uses a ticket up, whose signature is good.
    pub(super) fn redeem(&self, ticket: &Ticket, now: Timestamp, max_waiting: usize) -> Result<(), Status> {
        if ticket.expires <= now {
            return Err(Status::Expired);
        }
        let mut state = self.state();
        // Those that have expired would be refused for that.
        while state.used.first().is_some_and(|(expires, _)| *expires <= now) {
            state.used.pop_first();
        }
        let key = (ticket.expires, ticket.nonce);
        if state.used.contains(&key) {
            return Err(Status::Used);
        }
        // Who joins a partner, or takes over from an older connection, needs no place of its own.
        let no_place = state.waiting >= max_waiting && !state.sessions.contains_key(&ticket.session);
        if no_place || state.used.len() >= USED_LIMIT {
            return Err(Status::Full);
        }
        state.used.insert(key);
        Ok(())
    }

    /// Brings a party to its partner, or makes it wait. Of two waiting connections of the same party the newer stays:
    /// the older one is most likely dead without knowing it.
    pub(super) fn take(self: &Arc<Self>, ticket: &Ticket, mut socket: Socket) -> Seated {
        let session = ticket.session;
        loop {
            let (partner_news, cut, place) = {
                let mut state = self.state();
                if state.ended.known.contains(&session) {
                    return Seated::Refused(socket, Status::Ended);
                }
                match state.sessions.get(&session).map(|entry| &entry.seat) {
                    Some(Seat::Running { .. }) => return Seated::Refused(socket, Status::Running),
                    Some(Seat::Waiting { party, .. }) if *party != ticket.party => {}
                    Some(Seat::Waiting { .. }) | None => {
                        if let Some(Seat::Waiting { news, .. }) = state.remove(session, None) {
                            // If it gave up in this moment, it needs no news.
                            let _ = news.send(News::Refused(Status::Replaced));
                        }
                        let (news, receiver) = oneshot::channel();
                        let party = ticket.party;
                        let generation = state.insert(session, Seat::Waiting { party, news });
                        return Seated::Waiting(socket, receiver, self.place(session, generation));
                    }
                }
                let Some(Seat::Waiting { news, .. }) = state.remove(session, None) else {
                    continue;
                };
                let (cut, receiver) = oneshot::channel();
                let generation = state.insert(session, Seat::Running { _cut: cut });
                (news, receiver, self.place(session, generation))
            };
            let partner = socket;
            match partner_news.send(News::Paired(Box::new(Pair { partner, cut, place }))) {
                Ok(()) | Err(News::Refused(_)) => return Seated::Joined,
                // The partner gave up in this moment: look again.
                Err(News::Paired(pair)) => socket = pair.partner,
            }
        }
    }

    fn place(self: &Arc<Self>, session: SessionId, generation: u64) -> Place {
        Place {
            seats: Arc::clone(self),
            session,
            generation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ended_sessions_are_remembered_up_to_a_bound() {
        let mut ended = Ended::default();
        let session = |number: u32| {
            let mut bytes = [0u8; 16];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            SessionId::from_bytes(bytes)
        };
        let count = u32::try_from(ENDED_LIMIT).unwrap() + 1;
        for number in 0..count {
            ended.insert(session(number));
            ended.insert(session(number));
        }
        assert_eq!((ended.known.len(), ended.order.len()), (ENDED_LIMIT, ENDED_LIMIT));
        assert!(!ended.known.contains(&session(0)), "the oldest is forgotten");
        assert!(ended.known.contains(&session(count - 1)));
    }

    #[test]
    fn a_late_clean_up_does_not_remove_its_successor() {
        let seats = Arc::new(Seats::default());
        let session = SessionId::random().unwrap();
        let seat = || Seat::Waiting {
            party: Party::Rep,
            news: oneshot::channel().0,
        };
        let take = || {
            let generation = seats.state().insert(session, seat());
            seats.place(session, generation)
        };
        let old = take();
        seats.state().remove(session, None);
        let new = take();
        assert!(!old.release());
        drop(old);
        assert_eq!(seats.waiting(), 1);
        drop(new);
        assert_eq!(seats.waiting(), 0);
    }
}
