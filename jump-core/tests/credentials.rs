//! Which credential a session is given: a provider's before the item's own, the closest of several, none at all if a
//! provider fails; and who may see one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jump_core::audit::{AuditKind, VaultNote};
use jump_core::control::{
    AssociationDraft, CriteriaDraft, Edit, ItemView, RepRequest, Response, VaultAnswer, VaultRequest,
};
use jump_core::error::{Error, ErrorKind, Result};
use jump_core::keys::SealingKey;
use jump_core::model::{Change, JumpItem, Login, LoginScope, Name, Tag, UserName};
use jump_core::protocol::{Backend, Capabilities, ConnectOptions, GateContext, Outcome, Registry, Session};
use jump_core::rep::{JumpOptions, JumpSession, LoginIdentity, Rep};
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret, EndReason, RecordingMode, SealedCredential};
use jump_core::stream::BoxStream;
use jump_core::time::{SignedDuration, Timestamp};
use jump_core::vault::{
    AccountDraft, Candidate, CredentialProvider, CredentialQuery, GivenKey, GroupOrAccount, MasterKey,
    MemoryVaultStore, Specificity, Vault, VaultRole, open_checked_out, seal_for_vault,
};
use jump_testkit::canary::Canary;
use jump_testkit::echo::EchoBackend;
use jump_testkit::running_site::{RunningSite, SiteOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SECRET: &str = "canary-secret/4711+x";

/// A gate that says which user name it was given, and refuses the password `wrong`.
#[derive(Debug)]
struct Telling;

#[async_trait]
impl Backend for Telling {
    fn protocol(&self) -> &'static str {
        "ssh"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::none()
    }

    async fn gate(&self, mut rep: BoxStream, context: GateContext) -> Outcome {
        let refused = |credential: &Credential| matches!(&credential.secret, CredentialSecret::Password(password) if password.expose() == "wrong");
        if context.credential.as_ref().is_some_and(refused) {
            let error = Error::new(ErrorKind::TargetAuthentication, "log in", "refused");
            return Outcome::nothing_moved(EndReason::from_error(&error));
        }
        let name = context
            .credential
            .as_ref()
            .map_or("nobody", |credential| credential.username.as_str());
        rep.write_all(name.as_bytes()).await.unwrap();
        rep.shutdown().await.unwrap();
        Outcome::nothing_moved(EndReason::TargetClosed)
    }

    async fn connect(&self, _stream: BoxStream, _options: ConnectOptions) -> Result<Session> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "connect",
            "it has no client half",
        ))
    }
}

/// A provider whose one credential is for everything, and which fails or hangs when it is told to.
#[derive(Debug, Default)]
struct Moody {
    empty: AtomicBool,
    fails: AtomicBool,
    fails_to_seal: AtomicBool,
}

#[async_trait]
impl CredentialProvider for Moody {
    fn name(&self) -> &str {
        "moody"
    }

    async fn candidates(&self, _: &CredentialQuery<'_>) -> Result<Vec<Candidate>> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "ask",
                "the store at 10.1.2.3 is gone",
            ));
        }
        let one = Candidate {
            id: "m-1".into(),
            name: "moody one".into(),
            specificity: Specificity::Any,
        };
        Ok(if self.empty.load(Ordering::Relaxed) {
            Vec::new()
        } else {
            vec![one]
        })
    }

    async fn seal(&self, query: &CredentialQuery<'_>, id: &str) -> Result<SealedCredential> {
        assert_eq!(id, "m-1");
        if self.fails_to_seal.load(Ordering::Relaxed) {
            return Err(Error::new(
                ErrorKind::Storage,
                "ask",
                "the store at 10.1.2.3 is gone",
            ));
        }
        password("from-moody", "x").seal(&query.sealing_key, &query.binding())
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn account(text: &str) -> GroupOrAccount {
    GroupOrAccount::Account(name(text))
}

fn password(username: &str, password: &str) -> Credential {
    Credential {
        username: username.into(),
        secret: CredentialSecret::Password(Secret::new(password.into())),
    }
}

struct Scene {
    site: RunningSite,
    item: ItemView,
    admin: Rep,
    alice: Rep,
}

impl Scene {
    async fn new(providers: Vec<Arc<dyn CredentialProvider>>) -> Self {
        Self::with(Arc::new(Telling), providers).await
    }

    async fn with(backend: Arc<dyn Backend>, providers: Vec<Arc<dyn CredentialProvider>>) -> Self {
        let store = Arc::new(MemoryVaultStore::new());
        let key = MasterKey::generate().unwrap();
        Vault::create(&*store, &key).await.unwrap();
        let vault = Vault::open(store, Arc::new(GivenKey::new(key))).await.unwrap();
        let mut options = SiteOptions::new(Registry::new().with(backend));
        options.vault = Some(Arc::new(vault));
        options.providers = providers;
        let site = RunningSite::start(options).await.unwrap();
        site.add_user("alice", Some("Start Sessions Only"), false)
            .await
            .unwrap();
        site.add_user("admin", Some("Administrator"), true).await.unwrap();
        let nowhere = "127.0.0.1:9".parse().unwrap();
        let item = site
            .add_shell("web-1", nowhere, RecordingMode::Off)
            .await
            .unwrap();
        Self {
            item,
            admin: site.login("admin", Registry::new()).await.unwrap(),
            alice: site.login("alice", Registry::new()).await.unwrap(),
            site,
        }
    }

    async fn ask(&self, request: VaultRequest) -> Result<Response> {
        self.admin.request(RepRequest::Vault(request)).await
    }

    async fn sealed(&self, to: &str, credential: &Credential) -> jump_core::keys::Sealed {
        let Response::Vault(VaultAnswer::Key(key)) = self.ask(VaultRequest::Key).await.unwrap() else {
            panic!()
        };
        seal_for_vault(&key, &name(to), credential).unwrap()
    }

    /// An account that goes with these items and that alice may inject.
    async fn add(&self, text: &str, with: AssociationDraft) {
        let secret = self.sealed(text, &password(text, SECRET)).await;
        let draft = AccountDraft::new(name(text));
        self.ask(VaultRequest::Add { draft, secret }).await.unwrap();
        let (on, with) = (account(text), Some(with));
        self.ask(VaultRequest::Associate { on, with }).await.unwrap();
        self.grant(text, Some(VaultRole::Inject)).await;
    }

    async fn grant(&self, text: &str, role: Option<VaultRole>) {
        let (on, user) = (account(text), UserName::new("alice").unwrap());
        self.ask(VaultRequest::Grant { on, user, role }).await.unwrap();
    }

    /// The user name that the gate was given.
    async fn jump(&self, credential: Option<&str>) -> Result<String> {
        let mut options = JumpOptions::default();
        options.credential = credential.map(Into::into);
        let mut session = self.alice.jump_with("web-1", &options).await?;
        let mut told = String::new();
        session
            .stream
            .read_to_string(&mut told)
            .await
            .map_err(|error| Error::from_io(ErrorKind::Network, "read", error))?;
        Ok(told)
    }

    async fn own(&self, username: &str) {
        self.site
            .set_credential(&self.item, &password(username, "x"))
            .await
            .unwrap();
    }

    fn logged(&self, wanted: impl Fn(&AuditKind) -> bool) -> usize {
        self.site
            .audit
            .events()
            .iter()
            .filter(|event| wanted(&event.kind))
            .count()
    }
}

fn criteria(change: impl FnOnce(&mut CriteriaDraft)) -> AssociationDraft {
    let mut draft = CriteriaDraft::default();
    change(&mut draft);
    AssociationDraft::Criteria(Box::new(draft))
}

fn direct() -> AssociationDraft {
    criteria(|draft| draft.jump_items = vec!["web-1".into()])
}

fn by_name() -> AssociationDraft {
    criteria(|draft| {
        draft.name = vec!["WEB*".parse().unwrap()].try_into().unwrap();
        draft.shared_jump_groups = vec![name("web")];
    })
}

#[tokio::test]
async fn the_vaults_credential_comes_before_the_items_own_and_the_closest_first() {
    let scene = Scene::new(Vec::new()).await;
    assert_eq!(scene.jump(None).await.unwrap(), "nobody");
    scene.own("own").await;
    assert_eq!(scene.jump(None).await.unwrap(), "own");
    scene.add("any", AssociationDraft::AnyJumpItems).await;
    assert_eq!(scene.jump(None).await.unwrap(), "any");
    scene.add("fits", by_name()).await;
    assert_eq!(scene.jump(None).await.unwrap(), "fits");
    scene.add("named", direct()).await;
    assert_eq!(scene.jump(None).await.unwrap(), "named");
    assert_eq!(scene.jump(Some("FITS")).await.unwrap(), "fits");
    let names: Vec<_> = scene.alice.credentials("web-1").await.unwrap();
    let names: Vec<_> = names.into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["named", "fits", "any"]);
    scene.add("named too", direct()).await;
    let error = scene.jump(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("\"named\", \"named too\""), "{error}");
    assert_eq!(scene.jump(Some("named too")).await.unwrap(), "named too");
    let error = scene.jump(Some("own")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    for account in ["named", "named too", "fits", "any"] {
        scene.grant(account, None).await;
    }
    assert_eq!(
        scene.jump(None).await.unwrap(),
        "own",
        "nobody else's credential is used"
    );
    assert!(scene.alice.credentials("web-1").await.unwrap().is_empty());
    let attempts = scene.logged(|kind| {
        matches!(kind, AuditKind::CredentialInjectionAttempt { provider, name, .. }
            if provider == "vault" && name == "named too")
    });
    assert_eq!(attempts, 1);
}

#[tokio::test]
async fn v29_a_new_credential_is_used_in_the_next_session_of_the_same_process() {
    let scene = Scene::new(Vec::new()).await;
    scene.add("a", AssociationDraft::AnyJumpItems).await;
    assert_eq!(scene.jump(None).await.unwrap(), "a");
    let secret = scene.sealed("a", &password("b", SECRET)).await;
    let account = name("a");
    scene
        .ask(VaultRequest::SetSecret { account, secret })
        .await
        .unwrap();
    assert_eq!(scene.jump(None).await.unwrap(), "b");
}

#[tokio::test]
async fn providers_are_asked_in_their_order_and_one_that_fails_starts_no_session() {
    let moody = Arc::new(Moody::default());
    let scene = Scene::new(vec![moody.clone()]).await;
    scene.own("own").await;
    scene.add("any", direct()).await;
    assert_eq!(
        scene.jump(None).await.unwrap(),
        "from-moody",
        "the first that has a match decides"
    );
    assert_eq!(scene.jump(Some("any")).await.unwrap(), "any");
    moody.empty.store(true, Ordering::Relaxed);
    assert_eq!(scene.jump(None).await.unwrap(), "any");

    let granted = || scene.logged(|kind| matches!(kind, AuditKind::SessionGranted { .. }));
    let before = granted();
    moody.fails.store(true, Ordering::Relaxed);
    let error = scene.jump(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(!error.to_string().contains("10.1.2.3"), "{error}");
    moody.fails.store(false, Ordering::Relaxed);
    moody.empty.store(false, Ordering::Relaxed);
    moody.fails_to_seal.store(true, Ordering::Relaxed);
    let error = scene.jump(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
    assert_eq!(granted(), before);
    let failed = scene.logged(|kind| {
        matches!(kind, AuditKind::CredentialInjectionFailed { session: None, provider, message, .. }
            if provider == "moody" && message.contains("10.1.2.3"))
    });
    assert_eq!(failed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_never_answers_is_given_up() {
    #[derive(Debug)]
    struct Silent;
    #[async_trait]
    impl CredentialProvider for Silent {
        fn name(&self) -> &str {
            "silent"
        }
        async fn candidates(&self, _: &CredentialQuery<'_>) -> Result<Vec<Candidate>> {
            std::future::pending().await
        }
        async fn seal(&self, _: &CredentialQuery<'_>, _: &str) -> Result<SealedCredential> {
            std::future::pending().await
        }
    }
    let scene = Scene::new(vec![Arc::new(Silent)]).await;
    let error = scene.jump(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

#[tokio::test]
async fn a_credential_that_the_target_refuses_is_logged_by_name() {
    let scene = Scene::new(Vec::new()).await;
    scene.add("a", AssociationDraft::AnyJumpItems).await;
    let secret = scene.sealed("a", &password("a", "wrong")).await;
    let account = name("a");
    scene
        .ask(VaultRequest::SetSecret { account, secret })
        .await
        .unwrap();
    let error = scene.jump(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TargetAuthentication, "{error}");
    let refused = |kind: &AuditKind| {
        matches!(kind, AuditKind::CredentialInjectionFailed { session: Some(_), name: Some(name), .. }
            if name == "a")
    };
    scene
        .site
        .until("the refusal is logged", || scene.logged(refused) == 1)
        .await
        .unwrap();
}

#[tokio::test]
async fn only_who_may_check_out_sees_a_secret_and_the_log_says_who_did() {
    let scene = Scene::new(Vec::new()).await;
    scene.add("a", AssociationDraft::AnyJumpItems).await;
    let key = SealingKey::generate().unwrap();
    let check_out = || {
        RepRequest::Vault(VaultRequest::CheckOut {
            account: name("a"),
            key: key.public(),
        })
    };
    let error = scene.alice.request(check_out()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    let error = scene.admin.request(check_out()).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::NotFound,
        "an administrator has no role of its own: {error}"
    );
    scene.grant("a", Some(VaultRole::InjectAndCheckout)).await;
    let Response::Vault(VaultAnswer::CheckedOut(checked)) = scene.alice.request(check_out()).await.unwrap()
    else {
        panic!()
    };
    let wire = serde_json::to_vec(&checked).unwrap();
    assert_eq!(Canary::new(SECRET.as_bytes()).find(&wire), []);
    let open = open_checked_out(&key, &name("a"), &checked.credential).unwrap();
    assert!(matches!(&open.secret, CredentialSecret::Password(password) if password.expose() == SECRET));
    let out = |kind: &AuditKind| matches!(kind, AuditKind::CredentialCheckedOut { name, .. } if name.as_str() == "a");
    assert_eq!(scene.logged(out), 1);

    // A login for sessions only does not see it, whoever's it is.
    let invitation = scene.site.invite("alice", LoginScope::Sessions).await.unwrap();
    let identity = LoginIdentity::generate().unwrap();
    jump_core::rep::enrol(&*scene.site.transport, &invitation, &identity, name("script"))
        .await
        .unwrap();
    let script = scene.site.connect(identity, Registry::new()).await.unwrap();
    assert_eq!(
        script.request(check_out()).await.unwrap_err().kind(),
        ErrorKind::Denied
    );

    let check_in = |user: Option<&str>| {
        RepRequest::Vault(VaultRequest::CheckIn {
            account: name("a"),
            user: user.map(|user| UserName::new(user).unwrap()),
        })
    };
    let error = scene.alice.request(check_in(Some("admin"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    scene.admin.request(check_in(Some("alice"))).await.unwrap();
    let error = scene.alice.request(check_in(None)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn the_vault_is_an_administrators_and_every_change_is_logged_without_its_secret() {
    let scene = Scene::new(Vec::new()).await;
    scene.add("a", AssociationDraft::AnyJumpItems).await;
    for request in [
        VaultRequest::Key,
        VaultRequest::Groups,
        VaultRequest::RotateKey,
        VaultRequest::Remove { account: name("a") },
    ] {
        let error = scene.alice.request(RepRequest::Vault(request)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    }
    let seen = async |rep: &Rep| match rep.request(RepRequest::Vault(VaultRequest::List)).await.unwrap() {
        Response::Vault(VaultAnswer::Accounts(accounts)) => accounts,
        other => panic!("{other:?}"),
    };
    let own = seen(&scene.alice).await;
    assert_eq!((own.len(), own[0].own_role), (1, Some(VaultRole::Inject)));
    assert!(own[0].grants.is_empty() && own[0].association.is_none());
    scene.grant("a", None).await;
    assert!(seen(&scene.alice).await.is_empty());
    assert_eq!(seen(&scene.admin).await.len(), 1);
    let error = scene.ask(VaultRequest::RotateKey).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Unsupported,
        "the key was given to the broker: {error}"
    );
    scene
        .ask(VaultRequest::Remove { account: name("a") })
        .await
        .unwrap();
    let error = scene
        .ask(VaultRequest::Remove { account: name("a") })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        scene.logged(|kind| matches!(kind, AuditKind::ChangeFailed { .. })),
        1
    );
    for (change, times) in [
        ("account_added", 1),
        ("associated", 1),
        ("granted", 2),
        ("account_removed", 2),
    ] {
        let said = |kind: &AuditKind| match kind {
            AuditKind::VaultChanged(note) => {
                serde_json::to_value::<&VaultNote>(note).unwrap()["change"] == change
            }
            _ => false,
        };
        assert_eq!(scene.logged(said), times, "{change}");
    }
    let log = serde_json::to_vec(&scene.site.audit.events()).unwrap();
    assert_eq!(Canary::new(SECRET.as_bytes()).find(&log), []);
}

#[tokio::test]
async fn without_a_vault_its_requests_say_so() {
    let site = RunningSite::start(SiteOptions::new(Registry::new()))
        .await
        .unwrap();
    site.add_user("admin", None, true).await.unwrap();
    let admin = site.login("admin", Registry::new()).await.unwrap();
    let error = admin
        .request(RepRequest::Vault(VaultRequest::List))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

/// What the admin does to the vault, or to the item.
#[derive(Clone, Copy, Debug)]
enum Taken {
    Grant,
    Association,
    Account,
    Tag,
}

#[tokio::test]
async fn s10_a_credential_that_is_taken_away_ends_the_sessions_that_were_given_it_and_a_new_secret_does_not()
{
    for taken in [Taken::Grant, Taken::Association, Taken::Account, Taken::Tag] {
        let scene = Scene::with(Arc::new(EchoBackend("ssh")), Vec::new()).await;
        scene.tag("blue").await;
        let blue = criteria(|draft| draft.tag = vec!["blue".parse().unwrap()].try_into().unwrap());
        scene.add("a", blue).await;
        scene.add("b", AssociationDraft::AnyJumpItems).await;
        let mut session = scene.alice.jump("web-1").await.unwrap();
        let mut options = JumpOptions::default();
        options.credential = Some("b".into());
        let mut other = scene.alice.jump_with("web-1", &options).await.unwrap();
        for session in [&mut session, &mut other] {
            echoed(session).await;
        }
        // A new secret is for the next session.
        let secret = scene.sealed("a", &password("a", SECRET)).await;
        let change = VaultRequest::SetSecret {
            account: name("a"),
            secret,
        };
        scene.ask(change).await.unwrap();
        scene.looked_twice().await;
        echoed(&mut session).await;

        let on = account("a");
        match taken {
            Taken::Grant => scene.grant("a", None).await,
            Taken::Association => {
                let with = Some(AssociationDraft::NoJumpItems);
                scene
                    .ask(VaultRequest::Associate { on, with })
                    .await
                    .map(drop)
                    .unwrap();
            }
            Taken::Account => {
                let account = name("a");
                scene
                    .ask(VaultRequest::Remove { account })
                    .await
                    .map(drop)
                    .unwrap();
            }
            Taken::Tag => scene.tag("red").await,
        }
        let mut rest = Vec::new();
        let read = tokio::time::timeout(
            std::time::Duration::from_secs(20),
            session.stream.read_to_end(&mut rest),
        );
        let error = read.await.expect("it must stop").expect_err("with a reason");
        let error = Error::from_io(ErrorKind::Network, "read", error);
        assert_eq!(error.kind(), ErrorKind::SessionEnded, "{taken:?}");
        assert!(
            error
                .to_string()
                .contains("the credential \"a\" may not be used here any more"),
            "{taken:?}: {error}"
        );
        // Another credential's session goes on.
        echoed(&mut other).await;
        let ended = scene.logged(|kind| {
            matches!(kind, AuditKind::SessionEnded { reason: EndReason::AccessRevoked(why), .. }
                if why.contains("credential"))
        });
        assert_eq!(ended, 1);
    }
}

async fn echoed(session: &mut JumpSession) {
    session.stream.write_all(b"ping").await.unwrap();
    session.stream.flush().await.unwrap();
    let mut back = [0; 4];
    session.stream.read_exact(&mut back).await.unwrap();
}

impl Scene {
    async fn tag(&self, text: &str) {
        let item = JumpItem::clone(self.site.broker.world().item(self.item.id).unwrap());
        let changes = vec![Change::PutItem(JumpItem {
            tag: Tag::new(text).unwrap(),
            ..item
        })];
        let dry_run = false;
        self.site.edit(Edit::Change { changes, dry_run }).await.unwrap();
    }

    /// Waits until the broker has asked its vault again, which is as often as it re-decides: two logins that expire one after
    /// the other show it.
    async fn looked_twice(&self) {
        for _ in 0..2 {
            let rep = self.site.login("alice", Registry::new()).await.unwrap();
            let world = self.site.broker.world();
            let login = world.logins().max_by_key(|login| login.id).unwrap();
            let login = Login {
                expires: Some(Timestamp::now() + SignedDuration::from_millis(1)),
                ..Login::clone(login)
            };
            let (changes, dry_run) = (vec![Change::PutLogin(login)], false);
            self.site.edit(Edit::Change { changes, dry_run }).await.unwrap();
            rep.disconnected().await;
        }
    }
}
