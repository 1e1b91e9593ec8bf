//! Asking the simulator.

use super::Rep;
use super::client::surprised;
use crate::access::simulate::{DiffCursor, ItemCursor, UserCursor};
use crate::control::{AccessPage, DiffPage, Look, RepRequest, Response, SimulateAnswer, SimulateRequest};
use crate::error::Result;
use crate::model::{Change, UserName};

impl Rep {
    async fn simulate(&self, request: SimulateRequest) -> Result<SimulateAnswer> {
        match self.request(RepRequest::Simulate(request)).await? {
            Response::Simulated(answer) => Ok(*answer),
            _ => Err(surprised()),
        }
    }

    /// Who may start a session on an item, by id, name or `group/name`; with `denied` also who may not. Administrators
    /// only. One page: go on with its `next` and its `at`. Cancel-safe.
    pub async fn who(
        &self,
        item: &str,
        denied: bool,
        look: Look<UserCursor>,
    ) -> Result<AccessPage<UserCursor>> {
        let item = item.to_owned();
        match self.simulate(SimulateRequest::Who { item, denied, look }).await? {
            SimulateAnswer::Who(page) => Ok(page),
            _ => Err(surprised()),
        }
    }

    /// On which items a user, or oneself, may start a session; with `denied` also on which not. One page: go on with
    /// its `next` and its `at`. Cancel-safe.
    pub async fn what(
        &self,
        user: Option<UserName>,
        denied: bool,
        look: Look<ItemCursor>,
    ) -> Result<AccessPage<ItemCursor>> {
        match self
            .simulate(SimulateRequest::What { user, denied, look })
            .await?
        {
            SimulateAnswer::What(page) => Ok(page),
            _ => Err(surprised()),
        }
    }

    /// What would be different after changes, without making them. Administrators only. One page: go on with its `next`
    /// and its `at`. Cancel-safe.
    ///
    /// # Errors
    /// Why the changes cannot be made.
    pub async fn diff(&self, changes: Vec<Change>, look: Look<DiffCursor>) -> Result<DiffPage> {
        match self.simulate(SimulateRequest::Diff { changes, look }).await? {
            SimulateAnswer::Diff(page) => Ok(page),
            _ => Err(surprised()),
        }
    }
}
