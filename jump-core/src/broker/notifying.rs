//! The queue between the broker and its notifiers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};

use super::sessions::LiveSession;
use super::{Broker, Inner, lock};
use crate::audit::{Actor, AuditKind};
use crate::error::{Error, ErrorKind};
use crate::id::UserId;
use crate::model::{ApprovalRequest, JumpPolicy, World};
use crate::notify::{
    ApprovalFacts, Notification, NotificationCounts, NotificationEvent, Notifier, SessionFacts,
};
use crate::protocol::Outcome;
use crate::session::EndReason;

/// How many parts wait for one notifier.
const WAITING: usize = 1024;
/// How many parts of one notifier are on their way at once.
const AT_ONCE: usize = 8;
/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a part is tried; between the tries the wait doubles.
const ATTEMPTS: u32 = 7;
/// How long a broker that stops waits for what is on its way.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A notifier and its queue.
#[derive(Debug)]
struct Lane {
    notifier: Arc<dyn Notifier>,
    queue: mpsc::Sender<Part>,
}

/// What is delivered by itself.
#[derive(Clone, Debug)]
struct Part {
    number: u64,
    notification: Arc<Notification>,
}

/// A part that is not delivered yet, and who is to carry it.
#[derive(Clone, Debug)]
struct Waiting {
    notifier: Arc<dyn Notifier>,
    notification: Arc<Notification>,
}

/// Every notifier of a broker.
#[derive(Debug, Default)]
pub(super) struct Notifying {
    lanes: Vec<Lane>,
    next: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
    /// What is not delivered yet, by number.
    waiting: Mutex<HashMap<u64, Waiting>>,
}

/// What a lane's worker takes from.
pub(super) struct Work {
    notifier: Arc<dyn Notifier>,
    queue: mpsc::Receiver<Part>,
}

impl Notifying {
    pub(super) fn new(notifiers: Vec<Arc<dyn Notifier>>) -> (Self, Vec<Work>) {
        let lanes = notifiers.into_iter().map(|notifier| {
            let (sender, queue) = mpsc::channel(WAITING);
            let lane = Lane {
                notifier: notifier.clone(),
                queue: sender,
            };
            (lane, Work { notifier, queue })
        });
        let (lanes, work) = lanes.unzip();
        let notifying = Self {
            lanes,
            ..Self::default()
        };
        (notifying, work)
    }

    pub(super) fn counts(&self) -> NotificationCounts {
        NotificationCounts {
            waiting: lock(&self.waiting).len(),
            delivered: self.delivered.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    fn take(&self, number: u64) -> bool {
        lock(&self.waiting).remove(&number).is_some()
    }
}

/// Hands a notification to every notifier. Never waits.
fn push(broker: &Broker, notification: Notification) {
    let notifying = &broker.0.notifying;
    let notification = Arc::new(notification);
    for lane in &notifying.lanes {
        for notification in lane.notifier.parts(notification.clone()) {
            let number = notifying.next.fetch_add(1, Ordering::Relaxed);
            let waiting = Waiting {
                notifier: lane.notifier.clone(),
                notification: notification.clone(),
            };
            lock(&notifying.waiting).insert(number, waiting);
            let part = Part { number, notification };
            if let Err(error) = lane.queue.try_send(part) {
                let part = error.into_inner();
                let rule = "too many notifications wait already";
                let error = Error::new(ErrorKind::ResourceLimit, "notify", rule);
                let (broker, notifier) = (broker.clone(), lane.notifier.clone());
                let runtime = broker.0.runtime.clone();
                runtime.spawn(async move { give_up(&broker, &*notifier, &part, 0, &error).await });
            }
        }
    }
}

/// Delivers what comes through a queue, until the broker is dropped.
async fn work(broker: Weak<Inner>, work: Work) {
    let Work { notifier, mut queue } = work;
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(part) = queue.recv().await {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let (broker, notifier) = (broker.clone(), notifier.clone());
        tokio::spawn(async move {
            let _place = place;
            deliver(&broker, &*notifier, &part).await;
        });
    }
}

async fn deliver(broker: &Weak<Inner>, notifier: &dyn Notifier, part: &Part) {
    let mut attempts = 0;
    let error = loop {
        attempts += 1;
        let attempt = tokio::time::timeout(PATIENCE, notifier.deliver(&part.notification)).await;
        let error = match attempt {
            Ok(Ok(())) => {
                if let Some(broker) = broker.upgrade()
                    && broker.notifying.take(part.number)
                {
                    broker.notifying.delivered.fetch_add(1, Ordering::Relaxed);
                }
                return;
            }
            Ok(Err(error)) if !error.is_retryable() => break error,
            Ok(Err(error)) => error,
            Err(_) => Error::new(ErrorKind::Timeout, "notify", "it took too long"),
        };
        if attempts >= ATTEMPTS {
            break error;
        }
        tracing::debug!(notifier = notifier.name(), %error, "a notification will be tried again");
        let Some(first) = broker
            .upgrade()
            .map(|broker| broker.settings.notification_backoff)
        else {
            return;
        };
        tokio::time::sleep(first.saturating_mul(1 << (attempts - 1))).await;
    };
    if let Some(inner) = broker.upgrade() {
        give_up(&Broker(inner), notifier, part, attempts, &error).await;
    }
}

/// Counts and logs a part that is not delivered.
async fn give_up(broker: &Broker, notifier: &dyn Notifier, part: &Part, attempts: u32, error: &Error) {
    if !broker.0.notifying.take(part.number) {
        return;
    }
    broker.0.notifying.failed.fetch_add(1, Ordering::Relaxed);
    let (session, request) = match &part.notification.event {
        NotificationEvent::SessionStarted(session) | NotificationEvent::SessionEnded { session, .. } => {
            (Some(session.session), None)
        }
        NotificationEvent::ApprovalRequested(facts) => (None, Some(facts.request)),
    };
    let failed = AuditKind::NotificationFailed {
        notifier: notifier.name().to_owned(),
        id: part.notification.id.clone(),
        about: part.notification.event.word().to_owned(),
        session,
        request,
        attempts,
        kind: error.kind(),
        message: error.to_string(),
    };
    if let Err(logged) = broker.log(Actor::System, None, failed).await {
        tracing::error!(%error, %logged, "a notification was not delivered, and that is not in the log");
    }
}

/// Waits a moment for what is on its way, and gives up the rest.
pub(super) async fn finish(broker: &Broker) {
    let empty = async {
        while broker.0.notifying.counts().waiting > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(LAST_WORDS, empty).await.is_ok() {
        return;
    }
    let left: Vec<_> = lock(&broker.0.notifying.waiting)
        .iter()
        .map(|(number, part)| (*number, part.clone()))
        .collect();
    let error = Error::new(ErrorKind::Unavailable, "notify", "the broker stopped before");
    for (number, waiting) in left {
        let part = Part {
            number,
            notification: waiting.notification,
        };
        give_up(broker, &*waiting.notifier, &part, 0, &error).await;
    }
}

fn tell(broker: &Broker, policy: &JumpPolicy, event: NotificationEvent, to: &[crate::model::Field]) {
    let site = broker.0.settings.public_address.clone();
    match Notification::new(broker.now(), site, policy.name.clone(), event) {
        Ok(mut notification) => {
            notification.email_addresses = to.to_vec();
            notification.display_name = policy.notification.display_name.clone();
            push(broker, notification);
        }
        Err(error) => tracing::error!(%error, "nobody can be notified"),
    }
}

fn facts(live: &LiveSession) -> SessionFacts {
    SessionFacts {
        session: live.record.id,
        user: live.record.user_name.clone(),
        item: live.record.item_name.clone(),
        protocol: live.record.protocol.clone(),
        started: live.record.started,
    }
}

/// The rep has joined a session.
pub(super) fn started(broker: &Broker, live: &LiveSession) {
    if let Some(policy) = live
        .policy
        .as_ref()
        .filter(|policy| policy.notification.session_start)
    {
        let to = &policy.notification.email_addresses;
        tell(broker, policy, NotificationEvent::SessionStarted(facts(live)), to);
    }
}

/// A session is over; one that nobody joined had not started.
pub(super) fn ended(broker: &Broker, live: &LiveSession, reason: &EndReason, outcome: &Outcome) {
    let policy = live.policy.as_ref().filter(|_| live.joined);
    if let Some(policy) = policy.filter(|policy| policy.notification.session_end) {
        let event = NotificationEvent::SessionEnded {
            session: facts(live),
            end: reason.clone(),
            bytes_from_rep: outcome.bytes_from_rep,
            bytes_from_target: outcome.bytes_from_target,
        };
        tell(broker, policy, event, &policy.notification.email_addresses);
    }
}

/// Somebody asks for an approval.
pub(super) fn approval_requested(
    broker: &Broker,
    world: &World,
    policy: &JumpPolicy,
    request: &ApprovalRequest,
) {
    let Some(approval) = &policy.approval else {
        return;
    };
    let name = |user: UserId| world.user(user).map(|user| user.name.to_string());
    let may_answer = |user: &UserId| {
        let in_team = world
            .teams_of(*user)
            .any(|(team, _)| approval.approver_teams.contains(&team.id));
        (approval.approvers.contains(user) || in_team)
            && (*user != request.requester || approval.self_approval)
    };
    let approvers = world.users().filter(|user| user.enabled).map(|user| user.id);
    let event = NotificationEvent::ApprovalRequested(ApprovalFacts {
        request: request.id,
        requester: name(request.requester).unwrap_or_default(),
        item: world
            .item(request.item)
            .map_or_else(String::new, |item| item.name.to_string()),
        start: request.start,
        end: request.end(),
        reason: request.reason.to_string(),
        approvers: approvers.filter(may_answer).filter_map(name).take(100).collect(),
    });
    tell(broker, policy, event, &approval.email_addresses);
}

/// Starts one worker for each notifier.
pub(super) fn start(broker: &Broker, lanes: Vec<Work>) {
    for lane in lanes {
        tokio::spawn(work(Arc::downgrade(&broker.0), lane));
    }
}
