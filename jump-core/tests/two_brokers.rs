//! Two brokers that run in one process: what one of them gave out does nothing at the other, and what it is used for there
//! leaves the first as it was.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

use std::path::Path;
use std::sync::Arc;

use jump_core::ErrorKind;
use jump_core::audit::{AuditLog, FileAuditLog, LogPosition, ReadLimits};
use jump_core::broker::{Broker, Caller};
use jump_core::control::{
    ApprovalAnswer, BrokerEndpoint, Edit, Invitation, RepRequest, ReportCursor, ReportRequest, Response,
};
use jump_core::id::{ApprovalId, LoginId};
use jump_core::jumpoint::{self, Jumpoint, JumpointIdentity};
use jump_core::keys::SigningKey;
use jump_core::model::{LoginScope, Name, Remark};
use jump_core::protocol::Registry;
use jump_core::rep::{self, JumpSession, LoginIdentity, Rep};
use jump_core::report::{ReportFilter, ReportKind};
use jump_core::session::RecordingMode;
use jump_core::store::MemoryStore;
use jump_testkit::echo::EchoBackend;
use jump_testkit::folder::Folder;
use jump_testkit::running_site::{RunningSite, SiteOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn echo() -> Registry {
    Registry::new().with(Arc::new(EchoBackend("ssh")))
}

/// A site; both have the same names and, by that, the same numbers.
async fn site() -> RunningSite {
    let site = RunningSite::start(SiteOptions::new(echo()).over_tcp())
        .await
        .unwrap();
    site.add_user("alice", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    site.add_user("root", None, true).await.unwrap();
    site.add_shell("web-1", "127.0.0.1:9".parse().unwrap(), RecordingMode::Off)
        .await
        .unwrap();
    site
}

async fn works(session: &mut JumpSession) {
    session.stream.write_all(b"ping").await.unwrap();
    session.stream.flush().await.unwrap();
    let mut back = [0; 4];
    session.stream.read_exact(&mut back).await.unwrap();
}

/// The invitation of one broker, taken to another.
fn taken_to(invitation: &Invitation, elsewhere: &BrokerEndpoint) -> Invitation {
    let mut taken: Invitation = invitation.reveal().expose().parse().unwrap();
    taken.broker = elsewhere.clone();
    taken
}

/// A broker whose log is a file, with a few events in it.
async fn broker_with_a_log(path: &Path) -> (Broker, Arc<FileAuditLog>) {
    let log = Arc::new(FileAuditLog::open(path).unwrap());
    let key = SigningKey::generate().unwrap();
    let store = Arc::new(MemoryStore::new().unwrap());
    let broker = Broker::builder(key, store, log.clone()).start().await.unwrap();
    for name in ["one", "two", "three"] {
        let edit = Edit::AddGroup {
            name: Name::new(name).unwrap(),
            comments: Default::default(),
        };
        let edit = RepRequest::Edit(edit);
        broker.request(&Caller::local(), edit).await.unwrap();
    }
    (broker, log)
}

async fn changes_from(broker: &Broker, from: ReportCursor) -> jump_core::Result<Response> {
    let request = ReportRequest {
        kind: ReportKind::Changes,
        filter: ReportFilter::default(),
        from,
        open: Vec::new(),
    };
    broker
        .request(&Caller::local(), RepRequest::Report(request))
        .await
}

#[tokio::test]
async fn s13_logins_and_invitations_of_one_broker_do_nothing_at_another() {
    let (here, there) = (site().await, site().await);
    let invitation = here.invite("alice", LoginScope::Everything).await.unwrap();
    let identity = LoginIdentity::generate().unwrap();
    let label = || Name::new("device").unwrap();
    let logins = there.broker.world().logins().count();
    let taken = taken_to(&invitation, &there.endpoint);
    let refused = rep::enrol(&*there.transport, &taken, &identity, label()).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unauthenticated);
    assert_eq!(there.broker.world().logins().count(), logins);
    // It was not used up by that, and what it makes is a login here and none there.
    rep::enrol(&*here.transport, &invitation, &identity, label())
        .await
        .unwrap();
    here.connect(identity.clone(), Registry::new()).await.unwrap();
    let refused = there.connect(identity.clone(), Registry::new()).await.map(drop);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unauthenticated);
    // Nor does a broker pass for another: its key is pinned.
    let mixed = BrokerEndpoint {
        address: there.endpoint.address.clone(),
        key: here.endpoint.key,
    };
    let refused = Rep::builder(identity, mixed)
        .transport(there.transport.clone())
        .connect()
        .await
        .map(drop);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::UntrustedPeer);
}

#[tokio::test]
async fn s13_jumpoints_of_one_broker_do_nothing_at_another() {
    let (here, there) = (site().await, site().await);
    let again = |site: &RunningSite| {
        let name = Name::new("berlin").unwrap();
        let broker = site.broker.clone();
        async move {
            let edit = RepRequest::Edit(Edit::InviteJumpoint { name });
            match broker.request(&Caller::local(), edit).await {
                Ok(Response::Invitation(text)) => text.expose().parse::<Invitation>().unwrap(),
                other => panic!("{other:?}"),
            }
        }
    };
    let key = |site: &RunningSite| site.broker.world().jumpoints().next().unwrap().key;
    let (invitation, before) = (again(&here).await, key(&there));
    let identity = JumpointIdentity::generate().unwrap();
    let taken = taken_to(&invitation, &there.endpoint);
    let refused = jumpoint::enrol(&*there.transport, &taken, &identity).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unauthenticated);
    // Nor is a key that is enrolled here one there.
    let stranger = Jumpoint::builder(here.stolen_identity(), there.endpoint.clone(), echo())
        .transport(there.transport.clone())
        .build();
    let refused = stranger.run().await;
    assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
    assert!(there.is_online() && key(&there) == before);
    let alice = there.login("alice", Registry::new()).await.unwrap();
    works(&mut alice.jump("web-1").await.unwrap()).await;
}

#[tokio::test]
async fn s13_ids_of_one_broker_do_nothing_at_another() {
    let (here, there) = (site().await, site().await);
    let alice = here.login("alice", Registry::new()).await.unwrap();
    let other = there.login("alice", Registry::new()).await.unwrap();
    let root = there.login("root", Registry::new()).await.unwrap();
    let (mut session, mut others) = (
        alice.jump("web-1").await.unwrap(),
        other.jump("web-1").await.unwrap(),
    );
    let id = session.grant.session();
    for rep in [&other, &root] {
        let refused = rep.end_session(id).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotFound);
        let seen = rep.sessions(false, 100).await.unwrap();
        assert!(seen.iter().all(|one| one.id != id), "{seen:?}");
    }
    works(&mut session).await;
    // An administrator of one site changes the other's things of the same number by no means.
    let logins = |site: &RunningSite| site.broker.world().logins().count();
    let before = logins(&here);
    root.edit(Edit::RemoveLogin {
        login: LoginId::new(1).unwrap(),
    })
    .await
    .unwrap();
    assert_eq!((logins(&here), logins(&there)), (before, 1));
    let answer = RepRequest::AnswerApproval {
        request: ApprovalId::new(1).unwrap(),
        answer: ApprovalAnswer::Approve,
        comments: Remark::default(),
    };
    assert_eq!(
        root.request(answer).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    works(&mut session).await;
    let mut rest = Vec::new();
    // Its login was removed above: at this site, the session is over.
    others.stream.read_to_end(&mut rest).await.unwrap_err();
}

#[tokio::test]
async fn s13_positions_in_the_log_of_one_broker_are_none_at_another() {
    let folder = Folder::new().unwrap();
    let (here, log) = broker_with_a_log(&folder.join("here")).await;
    let (there, _) = broker_with_a_log(&folder.join("there")).await;
    let limits = ReadLimits {
        events: 3,
        bytes: 1 << 20,
    };
    let page = log.read(LogPosition::default(), limits).await.unwrap();
    assert_eq!(page.next.sequence(), 3);
    let from = ReportCursor {
        position: page.next,
        row: 0,
    };
    let refused = changes_from(&there, from).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument, "{refused}");
    changes_from(&here, from).await.unwrap();
}
