//! `jump roles`.

use clap::{Args, Subcommand};
use jump_core::control::{Described, EditVerb, ModelEdit, NamedEdit, RolePatch};
use jump_core::model::{Description, Name, RolePermission};

use super::Context;
use super::objects::{edit, held, show, something};
use crate::connect::connect;
use crate::error::{Failure, usage};
use crate::output::{Column, yes_no};
use crate::values::{each_once, role_permission};

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the roles with what they allow
    List,
    /// Show one role
    Show { name: Name },
    /// Add a role: it allows what --allow says
    Add {
        name: Name,
        #[command(flatten)]
        fields: Fields,
    },
    /// Change a role; what is not named stays
    Edit {
        name: Name,
        /// Its new name
        #[arg(long, value_name = "NAME")]
        rename: Option<Name>,
        #[command(flatten)]
        fields: Fields,
    },
    /// Remove a role that nothing refers to
    Remove { name: Name },
}

#[derive(Debug, Args)]
struct Fields {
    /// What it is for
    #[arg(long)]
    description: Option<Description>,
    /// A permission that it has, such as perm_start, or `all`; may be given several times
    #[arg(long, value_name = "PERMISSION")]
    allow: Vec<String>,
    /// A permission that it does not have, or `all`; may be given several times
    #[arg(long, value_name = "PERMISSION")]
    deny: Vec<String>,
}

impl Fields {
    fn patch(self, rename: Option<Name>) -> Result<RolePatch, Failure> {
        let mut patch = RolePatch {
            name: rename,
            description: self.description,
            ..RolePatch::default()
        };
        if self.allow.iter().any(|one| one == "all") && self.deny.iter().any(|one| one == "all") {
            return Err(usage("--allow all and --deny all contradict each other"));
        }
        // `all` first, so that what is named besides is an exception to it.
        for (named, allowed) in [(&self.allow, true), (&self.deny, false)] {
            if named.iter().any(|one| one == "all") {
                let all = RolePermission::ALL.iter().map(|one| (*one, allowed));
                patch.permissions.extend(all);
            }
        }
        let mut named = Vec::new();
        for (texts, allowed) in [(&self.allow, true), (&self.deny, false)] {
            for one in texts.iter().filter(|one| *one != "all") {
                named.push((role_permission(one).map_err(usage)?, allowed));
            }
        }
        patch
            .permissions
            .extend(each_once(named, |one| one.code().to_owned())?);
        Ok(patch)
    }
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    let change = |verb, name: &Name, patch| {
        let name = name.clone();
        ModelEdit::Role(NamedEdit { verb, name, patch })
    };
    match arguments.verb {
        Verb::List => {
            let rep = connect(&context.home).await?;
            output.table(
                &rep.described::<RolePatch>(None).await?,
                &[
                    Column {
                        name: "ID",
                        text: |role| role.id.to_string(),
                    },
                    Column {
                        name: "NAME",
                        text: |role| role.name.clone(),
                    },
                    Column {
                        name: "BUILT-IN",
                        text: |role| yes_no(role.built_in),
                    },
                    Column {
                        name: "ALLOWS",
                        text: allows,
                    },
                ],
            )
        }
        Verb::Show { name } => show::<RolePatch>(output, &connect(&context.home).await?, Some(name)).await,
        Verb::Add { name, fields } => {
            let made = change(EditVerb::Add, &name, fields.patch(None)?);
            let rep = connect(&context.home).await?;
            let done =
                format!("Added role {name}. Give it with: jump groups add-member GROUP USER --role {name}");
            edit::<RolePatch>(output, &rep, made, &done, Some(name)).await
        }
        Verb::Edit { name, rename, fields } => {
            let shown = rename.clone().unwrap_or_else(|| name.clone());
            let patch = fields.patch(rename)?;
            something(&patch)?;
            let made = change(EditVerb::Edit, &name, patch);
            let rep = connect(&context.home).await?;
            edit::<RolePatch>(output, &rep, made, &format!("Changed role {shown}."), Some(shown)).await
        }
        Verb::Remove { name } => {
            let made = change(EditVerb::Remove, &name, RolePatch::default());
            let rep = connect(&context.home).await?;
            edit::<RolePatch>(output, &rep, made, &format!("Removed role {name}."), None).await
        }
    }
}

fn allows(role: &Described<RolePatch>) -> String {
    if role.value.permissions.values().all(|held| *held) {
        return "everything".to_owned();
    }
    held(&role.value.permissions)
}
