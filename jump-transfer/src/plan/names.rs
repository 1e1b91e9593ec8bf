//! Finding objects by names, those that an import adds included.

use std::collections::HashMap;

use jump_core::id::{GroupId, ItemId, JumpointId, PolicyId, RoleId, SessionPolicyId, TeamId, UserId};
use jump_core::model::{CodeName, Name, Placement, UserName, World};

use crate::document::Place;
use crate::names::fold;

/// The ids of one kind of object, by name.
#[derive(Debug)]
pub(super) struct Index<T> {
    what: &'static str,
    names: HashMap<String, T>,
    codes: HashMap<String, T>,
}

impl<T: Copy> Index<T> {
    fn new<'a>(what: &'static str, objects: impl Iterator<Item = (&'a str, Option<String>, T)>) -> Self {
        let mut index = Self {
            what,
            names: HashMap::new(),
            codes: HashMap::new(),
        };
        for (name, code, id) in objects {
            index.names.insert(fold(name), id);
            if let Some(code) = code {
                index.codes.insert(fold(&code), id);
            }
        }
        index
    }

    /// The object with this name; case does not matter.
    pub(super) fn find(&self, name: &str) -> Option<T> {
        self.names.get(&fold(name)).copied()
    }

    /// The object that is referred to by this name; by its code name first, if code names are known.
    pub(super) fn named(&self, name: &str) -> Result<T, String> {
        let code = self.codes.get(&fold(name)).copied();
        code.or_else(|| self.find(name))
            .ok_or_else(|| format!("there is no {} named `{name}`", self.what))
    }

    /// An object that is added.
    pub(super) fn add(&mut self, name: &str, id: T) {
        self.names.insert(fold(name), id);
    }
}

/// Every kind of object by name.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) roles: Index<RoleId>,
    pub(super) users: Index<UserId>,
    pub(super) groups: Index<GroupId>,
    pub(super) jumpoints: Index<JumpointId>,
    pub(super) policies: Index<PolicyId>,
    pub(super) session_policies: Index<SessionPolicyId>,
    pub(super) teams: Index<TeamId>,
    /// Items that are added; others are found in the world.
    pub(super) new_items: HashMap<(Placement, String), ItemId>,
}

impl Names {
    /// Names only: how documents refer to objects. With `codes`, code names first: how CSV files do.
    pub(super) fn of(world: &World, codes: bool) -> Self {
        let code = |code: CodeName| codes.then(|| code.to_string());
        Self {
            roles: Index::new("role", world.roles().map(|one| (one.name.as_str(), None, one.id))),
            users: Index::new("user", world.users().map(|one| (one.name.as_str(), None, one.id))),
            groups: Index::new(
                "jump group",
                world
                    .groups()
                    .map(|one| (one.name.as_str(), code(one.code_name()), one.id)),
            ),
            jumpoints: Index::new(
                "jumpoint",
                world
                    .jumpoints()
                    .map(|one| (one.name.as_str(), code(one.code_name()), one.id)),
            ),
            policies: Index::new(
                "jump policy",
                world
                    .policies()
                    .map(|one| (one.name.as_str(), code(one.code_name()), one.id)),
            ),
            session_policies: Index::new(
                "session policy",
                world
                    .session_policies()
                    .map(|one| (one.name.as_str(), code(one.code_name()), one.id)),
            ),
            teams: Index::new("team", world.teams().map(|one| (one.name.as_str(), None, one.id))),
            new_items: HashMap::new(),
        }
    }

    pub(super) fn role(&self, name: Option<&Name>) -> Result<Option<RoleId>, String> {
        name.map(|name| self.roles.named(name.as_str())).transpose()
    }

    pub(super) fn policy(&self, name: Option<&Name>) -> Result<Option<PolicyId>, String> {
        name.map(|name| self.policies.named(name.as_str())).transpose()
    }

    pub(super) fn session_policy(&self, name: Option<&Name>) -> Result<Option<SessionPolicyId>, String> {
        name.map(|name| self.session_policies.named(name.as_str()))
            .transpose()
    }

    pub(super) fn jumpoint(&self, name: Option<&Name>) -> Result<Option<JumpointId>, String> {
        name.map(|name| self.jumpoints.named(name.as_str())).transpose()
    }

    pub(super) fn user(&self, name: &UserName) -> Result<UserId, String> {
        self.users.named(name.as_str())
    }

    pub(super) fn placement(&self, place: Result<Place<'_>, &str>) -> Result<Placement, String> {
        Ok(match place? {
            Place::Group(group) => Placement::Shared(self.groups.named(group.as_str())?),
            Place::Personal(user) => Placement::personal(self.user(user)?),
        })
    }

    /// The item of this name in a place.
    pub(super) fn item(&self, world: &World, placement: Placement, name: &str) -> Option<ItemId> {
        self.new_items
            .get(&(placement, fold(name)))
            .copied()
            .or_else(|| world.item_in(placement, name).map(|item| item.id))
    }
}
