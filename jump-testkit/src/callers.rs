//! A broker without a network, and callers whose logins are put into its site: for tests that ask a great deal.

use std::sync::Arc;

use jump_core::Result;
use jump_core::audit::MemoryAuditLog;
use jump_core::broker::{Broker, Caller};
use jump_core::control::{Edit, RepRequest, Response};
use jump_core::id::{LoginId, UserId};
use jump_core::keys::SigningKey;
use jump_core::model::{Change, Login, LoginScope, Name};
use jump_core::store::MemoryStore;
use jump_core::time::{ManualClock, Timestamp};

/// A broker whose clock stands still.
#[derive(Debug)]
pub struct QuietBroker {
    /// The broker.
    pub broker: Broker,
    /// Its log.
    pub audit: Arc<MemoryAuditLog>,
    /// Its clock.
    pub clock: Arc<ManualClock>,
}

impl QuietBroker {
    /// Starts a broker with this site at this time.
    ///
    /// # Errors
    /// What the changes are refused for.
    pub async fn start(changes: Vec<Change>, now: Timestamp) -> Result<Self> {
        let audit = Arc::new(MemoryAuditLog::new(100_000));
        let clock = Arc::new(ManualClock::new(now));
        let store = Arc::new(MemoryStore::new()?);
        let broker = Broker::builder(SigningKey::generate()?, store, audit.clone())
            .clock(clock.clone())
            .start()
            .await?;
        let quiet = Self { broker, audit, clock };
        quiet.change(changes).await?;
        Ok(quiet)
    }

    /// Makes changes as the embedding program.
    ///
    /// # Errors
    /// What they are refused for.
    pub async fn change(&self, changes: Vec<Change>) -> Result<()> {
        let dry_run = false;
        self.edit(&Caller::local(), Edit::Change { changes, dry_run })
            .await
            .map(drop)
    }

    /// Edits the site as `caller`.
    ///
    /// # Errors
    /// What the edit is refused for.
    pub async fn edit(&self, caller: &Caller, edit: Edit) -> Result<Response> {
        self.broker.request(caller, RepRequest::Edit(edit)).await
    }

    /// Gives an enabled user a login with an id that is derived from the user's, and the caller behind it.
    ///
    /// # Errors
    /// If there is no such user, or it is disabled.
    pub async fn caller(&self, user: UserId, scope: LoginScope) -> Result<Caller> {
        let key = SigningKey::generate()?.public();
        let id = LoginId::new(user.get() * 2 + u32::from(scope == LoginScope::Sessions))?;
        let login = Login {
            id,
            user,
            label: Name::new("test")?,
            key,
            scope,
            expires: None,
            sources: Default::default(),
        };
        self.change(vec![Change::PutLogin(login)]).await?;
        self.broker.caller(&key)
    }
}
