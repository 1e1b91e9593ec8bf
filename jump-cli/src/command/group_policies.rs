//! `jump group-policies`.

use std::collections::BTreeMap;
use std::str::FromStr;

use clap::{Args, Subcommand};
use jump_core::control::{
    Described, EditVerb, GroupPolicyPatch, MembershipNames, ModelEdit, NamedEdit, PolicyPlace, SettingStatus,
    SlotsPatch,
};
use jump_core::model::{JumpMethods, Name, Setting, UserName};

use super::Context;
use super::objects::{edit, held, show, something};
use crate::connect::connect;
use crate::error::{Failure, usage};
use crate::output::Column;
use crate::values::{MethodOrAll, each_once, given_or_cleared, methods, methods_named, one_of};

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the group policies in their order: a later one overrides an earlier one that is not final
    List,
    /// Show one group policy
    Show { name: Name },
    /// Add a group policy at the bottom of the order
    Add {
        name: Name,
        #[command(flatten)]
        fields: Box<Fields>,
    },
    /// Change a group policy; what is not named stays
    Edit {
        name: Name,
        /// Its new name
        #[arg(long, value_name = "NAME")]
        rename: Option<Name>,
        #[command(flatten)]
        fields: Box<Fields>,
    },
    /// Move a group policy in the order
    Move {
        name: Name,
        /// up, down, top, bottom, or its number from the top
        to: Place,
    },
    /// Remove a group policy
    Remove { name: Name },
    /// Give everybody in it a membership in a Jump Group, or change that
    AddMembership {
        name: Name,
        group: Name,
        /// The role there [default: each user's default role]
        #[arg(long)]
        role: Option<Name>,
        /// The Jump Policy that holds in place of the items' [default: the one set on the item]
        #[arg(long)]
        policy: Option<Name>,
    },
    /// Take that away
    RemoveMembership { name: Name, group: Name },
}

const STATUS: &[&str] = &["not_defined", "defined", "final"];

#[derive(Debug, Args)]
struct Fields {
    /// A user whom it is about; may be given several times
    #[arg(long, value_name = "USER")]
    member: Vec<UserName>,
    /// A user whom it is not about any more; may be given several times
    #[arg(long, value_name = "USER")]
    remove_member: Vec<UserName>,
    /// A Jumpoint that its members may use; may be given several times
    #[arg(long, value_name = "JUMPOINT")]
    jumpoint: Vec<Name>,
    /// A Jumpoint that it does not let them use any more; may be given several times
    #[arg(long, value_name = "JUMPOINT")]
    remove_jumpoint: Vec<Name>,
    /// A method by which its members may jump, in place of those there are, or `all`, or `none`; may be given several times
    #[arg(long)]
    method: Vec<MethodOrAll>,
    /// How the methods count
    #[arg(long, value_name = "STATUS", value_parser = one_of::<SettingStatus>(STATUS))]
    methods_status: Option<SettingStatus>,
    /// The role where a membership says "user's default"
    #[arg(long, value_name = "ROLE")]
    default_role: Option<Name>,
    /// The role on one's own personal list
    #[arg(long, value_name = "ROLE")]
    personal_role: Option<Name>,
    /// The role on personal lists of team members with a lower team role
    #[arg(long, value_name = "ROLE")]
    team_role: Option<Name>,
    /// The role everywhere else
    #[arg(long, value_name = "ROLE")]
    system_role: Option<Name>,
    /// How the roles count
    #[arg(long, value_name = "STATUS", value_parser = one_of::<SettingStatus>(STATUS))]
    roles_status: Option<SettingStatus>,
    /// How the memberships count
    #[arg(long, value_name = "STATUS", value_parser = one_of::<SettingStatus>(STATUS))]
    memberships_status: Option<SettingStatus>,
    /// Empty a role slot; may be given several times
    #[arg(long, value_name = "SLOT", value_parser = ["default-role", "personal-role", "team-role", "system-role"])]
    clear: Vec<String>,
}

fn flags<K: Ord + ToString>(yes: Vec<K>, no: Vec<K>) -> Result<BTreeMap<K, bool>, Failure> {
    let yes = yes.into_iter().map(|one| (one, true));
    each_once(yes.chain(no.into_iter().map(|one| (one, false))), K::to_string)
}

/// The methods that the policy says so far.
fn methods_of(policy: &Described<GroupPolicyPatch>) -> Option<JumpMethods> {
    match policy.value.allowed_methods.as_ref()? {
        Setting::NotDefined => None,
        Setting::Defined(methods) | Setting::Final(methods) => Some(*methods),
    }
}

impl Fields {
    /// Whether how the methods count changes, but not which they are.
    fn keeps_methods(&self) -> bool {
        let said = matches!(
            self.methods_status,
            Some(SettingStatus::Defined | SettingStatus::Final)
        );
        said && self.method.is_empty()
    }

    /// `before` are the methods that the policy says so far.
    fn patch(self, rename: Option<Name>, before: Option<JumpMethods>) -> Result<GroupPolicyPatch, Failure> {
        let named = match (self.keeps_methods(), before) {
            (true, Some(before)) => before,
            (true, None) => {
                return Err(usage(
                    "say which methods: --method, once for each, or all, or none",
                ));
            }
            (false, _) => methods(&self.method),
        };
        let allowed_methods = match self.methods_status {
            None if self.method.is_empty() => None,
            None | Some(SettingStatus::Defined) => Some(Setting::Defined(named)),
            Some(SettingStatus::Final) => Some(Setting::Final(named)),
            Some(SettingStatus::NotDefined) if self.method.is_empty() => Some(Setting::NotDefined),
            Some(SettingStatus::NotDefined) => {
                return Err(usage(
                    "--method and --methods-status not_defined contradict each other",
                ));
            }
        };
        Ok(GroupPolicyPatch {
            name: rename,
            place: None,
            members: flags(self.member, self.remove_member)?,
            allowed_methods,
            roles_status: self.roles_status,
            roles: SlotsPatch {
                default: given_or_cleared(self.default_role, &self.clear, "default-role")?,
                personal: given_or_cleared(self.personal_role, &self.clear, "personal-role")?,
                team: given_or_cleared(self.team_role, &self.clear, "team-role")?,
                system: given_or_cleared(self.system_role, &self.clear, "system-role")?,
            },
            memberships_status: self.memberships_status,
            memberships: BTreeMap::new(),
            jumpoints: flags(self.jumpoint, self.remove_jumpoint)?,
        })
    }
}

#[derive(Clone, Copy, Debug)]
struct Place(PolicyPlace);

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(match text {
            "up" => PolicyPlace::Up,
            "down" => PolicyPlace::Down,
            "top" => PolicyPlace::Top,
            "bottom" => PolicyPlace::Bottom,
            number => match number.parse() {
                Ok(number) if number > 0 => PolicyPlace::Number(number),
                _ => return Err("it moves up, down, top, bottom, or to a number from 1"),
            },
        }))
    }
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    let (verb, name, patch, done) = match arguments.verb {
        Verb::List => {
            let rep = connect(&context.home).await?;
            return output.table(&rep.described::<GroupPolicyPatch>(None).await?, COLUMNS);
        }
        Verb::Show { name } => {
            let rep = connect(&context.home).await?;
            return show::<GroupPolicyPatch>(output, &rep, Some(name)).await;
        }
        Verb::Add { name, fields } => {
            let done = format!("Added group policy {name}.");
            (EditVerb::Add, name, fields.patch(None, None)?, done)
        }
        Verb::Edit { name, rename, fields } => {
            let before = if fields.keeps_methods() {
                let rep = connect(&context.home).await?;
                let policies = rep.described::<GroupPolicyPatch>(Some(name.clone())).await?;
                policies.first().and_then(methods_of)
            } else {
                None
            };
            let patch = fields.patch(rename, before)?;
            something(&patch)?;
            let shown = patch.name.as_ref().unwrap_or(&name);
            let done = format!("Changed group policy {shown}.");
            (EditVerb::Edit, name, patch, done)
        }
        Verb::Move { name, to } => {
            let patch = GroupPolicyPatch {
                place: Some(to.0),
                ..GroupPolicyPatch::default()
            };
            let done = format!("Moved group policy {name}; see: jump group-policies list");
            (EditVerb::Edit, name, patch, done)
        }
        Verb::Remove { name } => {
            let done = format!("Removed group policy {name}.");
            (EditVerb::Remove, name, GroupPolicyPatch::default(), done)
        }
        Verb::AddMembership {
            name,
            group,
            role,
            policy,
        } => {
            let done = format!("Everybody in group policy {name} is in group {group}.");
            let patch = membership(group, Some(MembershipNames { role, policy }));
            (EditVerb::Edit, name, patch, done)
        }
        Verb::RemoveMembership { name, group } => {
            let done = format!("Group policy {name} gives no membership in group {group} any more.");
            (EditVerb::Edit, name, membership(group, None), done)
        }
    };
    let rep = connect(&context.home).await?;
    let shown = match verb {
        EditVerb::Remove => None,
        _ => Some(patch.name.clone().unwrap_or_else(|| name.clone())),
    };
    let made = ModelEdit::GroupPolicy(Box::new(NamedEdit { verb, name, patch }));
    edit::<GroupPolicyPatch>(output, &rep, made, &done, shown).await
}

fn membership(group: Name, membership: Option<MembershipNames>) -> GroupPolicyPatch {
    GroupPolicyPatch {
        memberships: BTreeMap::from([(group, membership)]),
        ..GroupPolicyPatch::default()
    }
}

fn status(status: Option<SettingStatus>) -> &'static str {
    match status {
        Some(SettingStatus::Final) => " (final)",
        _ => "",
    }
}

const COLUMNS: &[Column<Described<GroupPolicyPatch>>] = &[
    Column {
        name: "#",
        text: |policy| match policy.value.place {
            Some(PolicyPlace::Number(number)) => number.to_string(),
            _ => String::new(),
        },
    },
    Column {
        name: "NAME",
        text: |policy| policy.name.clone(),
    },
    Column {
        name: "MEMBERS",
        text: |policy| match policy.value.members.len() {
            0..=3 => held(&policy.value.members),
            many => format!("{many} users"),
        },
    },
    Column {
        name: "METHODS",
        text: |policy| match policy.value.allowed_methods.as_ref() {
            None | Some(Setting::NotDefined) => String::new(),
            Some(Setting::Defined(methods)) => methods_named(*methods),
            Some(Setting::Final(methods)) => format!("{} (final)", methods_named(*methods)),
        },
    },
    Column {
        name: "ROLES",
        text: |policy| {
            let roles = &policy.value.roles;
            let slots = [
                ("default", &roles.default),
                ("personal", &roles.personal),
                ("team", &roles.team),
                ("system", &roles.system),
            ];
            let named = slots
                .iter()
                .filter_map(|(slot, role)| Some(format!("{slot}: {}", role.as_ref()?.as_ref()?)));
            let named = named.collect::<Vec<_>>().join(", ");
            format!("{named}{}", status(policy.value.roles_status))
        },
    },
    Column {
        name: "GROUPS",
        text: |policy| {
            let given = policy.value.memberships.iter().map(|(group, names)| {
                let role = names.as_ref().and_then(|names| names.role.as_ref());
                format!("{group} ({})", role.map_or("default role", Name::as_str))
            });
            let given = given.collect::<Vec<_>>().join(", ");
            format!("{given}{}", status(policy.value.memberships_status))
        },
    },
    Column {
        name: "JUMPOINTS",
        text: |policy| held(&policy.value.jumpoints),
    },
];
