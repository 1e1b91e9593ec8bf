//! The same facts and the same rules for cedar-policy.
//!
//! In the form that suits Cedar best: three policies, and everything else as attributes and parents of entities, whose
//! ancestors it keeps computed. Requests are made before the clock runs.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression,
};
use jump_core::model::JumpMethod;
use jump_core::{Error, ErrorKind, Result};

use super::facts::{self, Facts, GROUPS, Policy, Role};
use super::questions::Question;

const POLICIES: &str = r#"
permit (principal, action == Action::"start", resource)
when {
    principal.enabled &&
    principal.methods.contains(resource.method) &&
    resource.jumpoint.enabled &&
    principal in resource.jumpoint &&
    (principal in resource.starters ||
     (principal in resource.defaults && principal.default_starts) ||
     (!(principal in resource.members) && principal.system_starts))
};
forbid (principal, action == Action::"start", resource)
when { (resource.needs_reason && !context.reason) || (resource.needs_ticket && !context.ticket) };
forbid (principal, action == Action::"start", resource)
when { resource.exclusive && context.live > 0 };
"#;

/// The engine with the site in it.
pub(crate) struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Internal, "ask cedar-policy", "it refuses the site").with_source(error)
}

fn uid(kind: &str, name: impl Into<String>) -> Result<EntityUid> {
    let kind: EntityTypeName = kind.parse().map_err(failed)?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(name.into())))
}

/// Those who are in a group by a membership of this sort.
fn sort(group: u32, sort: &str) -> Result<EntityUid> {
    uid("Members", format!("{group}/{sort}"))
}

const fn method(tunnel: bool) -> JumpMethod {
    if tunnel {
        JumpMethod::ProtocolTunnel
    } else {
        JumpMethod::ShellJump
    }
}

fn entity(
    uid: EntityUid,
    attributes: Vec<(&str, RestrictedExpression)>,
    parents: HashSet<EntityUid>,
) -> Result<Entity> {
    let attributes: HashMap<String, RestrictedExpression> = attributes
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Entity::new(uid, attributes, parents).map_err(failed)
}

impl Cedar {
    pub(crate) fn new(facts: &Facts) -> Result<Self> {
        let mut entities = Vec::new();
        for group in 0..GROUPS {
            for kind in ["starters", "defaults", "members"] {
                entities.push(entity(sort(group, kind)?, vec![], HashSet::new())?);
            }
        }
        for (number, enabled) in facts.jumpoint_enabled.iter().enumerate() {
            let enabled = RestrictedExpression::new_bool(*enabled);
            entities.push(entity(
                uid("Jumpoint", number.to_string())?,
                vec![("enabled", enabled)],
                HashSet::new(),
            )?);
        }
        for (number, user) in facts.users.iter().enumerate() {
            entities.push(Self::user(number, user)?);
        }
        for (number, item) in facts.items.iter().enumerate() {
            entities.push(Self::item(number, item)?);
        }
        Ok(Self {
            authorizer: Authorizer::new(),
            policies: POLICIES.parse().map_err(failed)?,
            entities: Entities::from_entities(entities, None).map_err(failed)?,
        })
    }

    fn user(number: usize, user: &facts::User) -> Result<Entity> {
        let mut parents = HashSet::new();
        for (group, role) in &user.memberships {
            parents.insert(sort(*group, "members")?);
            match role {
                Role::Own(role) if facts::starts(*role) => {
                    parents.insert(sort(*group, "starters")?);
                }
                Role::Own(_) => {}
                Role::Default => {
                    parents.insert(sort(*group, "defaults")?);
                }
            }
        }
        for jumpoint in &user.jumpoints {
            parents.insert(uid("Jumpoint", jumpoint.to_string())?);
        }
        let starts = |role: Option<u32>| RestrictedExpression::new_bool(role.is_some_and(facts::starts));
        let methods = user
            .methods
            .iter()
            .map(|method| RestrictedExpression::new_string(method.to_string()));
        let attributes = vec![
            ("enabled", RestrictedExpression::new_bool(user.enabled)),
            ("methods", RestrictedExpression::new_set(methods)),
            ("default_starts", starts(user.default_role)),
            ("system_starts", starts(user.system_role)),
        ];
        entity(uid("User", number.to_string())?, attributes, parents)
    }

    fn item(number: usize, item: &facts::Item) -> Result<Entity> {
        let is = |policy: Policy| RestrictedExpression::new_bool(item.policy == policy);
        let members = |kind| Ok::<_, Error>(RestrictedExpression::new_entity_uid(sort(item.group, kind)?));
        let attributes = vec![
            (
                "method",
                RestrictedExpression::new_string(method(item.tunnel).to_string()),
            ),
            (
                "jumpoint",
                RestrictedExpression::new_entity_uid(uid("Jumpoint", item.jumpoint.to_string())?),
            ),
            ("starters", members("starters")?),
            ("defaults", members("defaults")?),
            ("members", members("members")?),
            ("needs_reason", is(Policy::Reason)),
            ("needs_ticket", is(Policy::Ticket)),
            ("exclusive", is(Policy::Exclusive)),
        ];
        entity(uid("Item", number.to_string())?, attributes, HashSet::new())
    }

    pub(crate) fn request(question: &Question) -> Result<Request> {
        let context = Context::from_pairs([
            (
                "reason".to_owned(),
                RestrictedExpression::new_bool(question.reason),
            ),
            (
                "ticket".to_owned(),
                RestrictedExpression::new_bool(question.ticket),
            ),
            (
                "live".to_owned(),
                RestrictedExpression::new_long(i64::from(question.live)),
            ),
        ])
        .map_err(failed)?;
        Request::new(
            uid("User", question.user.to_string())?,
            uid("Action", "start")?,
            uid("Item", question.item.to_string())?,
            context,
            None,
        )
        .map_err(failed)
    }

    pub(crate) fn allowed(&self, request: &Request) -> bool {
        let response = self
            .authorizer
            .is_authorized(request, &self.policies, &self.entities);
        response.decision() == Decision::Allow
    }
}
