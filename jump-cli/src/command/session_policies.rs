//! `jump session-policies`.

use clap::{Args, Subcommand};
use jump_core::control::{EditVerb, ModelEdit, NamedEdit, SessionPolicyPatch};
use jump_core::model::{CodeName, CommandFilter, Description, Field, Name, PathPattern};
use jump_core::session::SessionPermission;

use super::Context;
use super::objects::{edit, show, something};
use crate::connect::connect;
use crate::error::Failure;
use crate::output::Column;
use crate::values::{each_once, given_or_cleared, given_or_emptied, session_permission};

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the session policies
    List,
    /// Show one session policy
    Show { name: Name },
    /// Add a session policy: what is neither allowed nor denied is not defined
    Add {
        name: Name,
        #[command(flatten)]
        fields: Box<Fields>,
    },
    /// Change a session policy; what is not named stays
    Edit {
        name: Name,
        /// Its new name
        #[arg(long, value_name = "NAME")]
        rename: Option<Name>,
        #[command(flatten)]
        fields: Box<Fields>,
    },
    /// Remove a session policy that nothing refers to
    Remove { name: Name },
}

#[derive(Debug, Args)]
struct Fields {
    /// What scripts and imports call it
    #[arg(long)]
    code_name: Option<CodeName>,
    /// What it is for
    #[arg(long)]
    description: Option<Description>,
    /// What may happen, such as file_upload; may be given several times
    #[arg(long, value_name = "PERMISSION", value_parser = session_permission)]
    allow: Vec<SessionPermission>,
    /// What may not happen; may be given several times
    #[arg(long, value_name = "PERMISSION", value_parser = session_permission)]
    deny: Vec<SessionPermission>,
    /// What the next policy says: the user's, then the site's; may be given several times
    #[arg(long, value_name = "PERMISSION", value_parser = session_permission)]
    undefine: Vec<SessionPermission>,
    /// Only commands that match may run without a shell; `*` stands for any text; may be given several times
    #[arg(long, value_name = "PATTERN", conflicts_with = "all_but_command")]
    only_command: Vec<Field>,
    /// Commands that match may not run without a shell; may be given several times
    #[arg(long, value_name = "PATTERN")]
    all_but_command: Vec<Field>,
    /// Files may be written only here and beneath; `*` stands for any text in one part; may be given several times
    #[arg(long, value_name = "PATH")]
    upload_path: Vec<PathPattern>,
    /// Files may be read only here and beneath; may be given several times
    #[arg(long, value_name = "PATH")]
    download_path: Vec<PathPattern>,
    /// Clear a field; may be given several times
    #[arg(
        long,
        value_name = "FIELD",
        value_parser = ["commands", "upload-path", "download-path", "description", "code-name"]
    )]
    clear: Vec<String>,
}

impl Fields {
    fn patch(self, rename: Option<Name>) -> Result<SessionPolicyPatch, Failure> {
        let states = [
            (self.allow, Some(true)),
            (self.deny, Some(false)),
            (self.undefine, None),
        ];
        let named = states
            .into_iter()
            .flat_map(|(named, state)| named.into_iter().map(move |one| (one, state)));
        let permissions = each_once(named, |one| one.name().to_owned())?;
        let commands = match (self.only_command, self.all_but_command) {
            (only, _) if !only.is_empty() => Some(CommandFilter::Only(only)),
            (_, all_but) if !all_but.is_empty() => Some(CommandFilter::AllBut(all_but)),
            _ => None,
        };
        let paths = |paths: Vec<PathPattern>| (!paths.is_empty()).then_some(paths);
        Ok(SessionPolicyPatch {
            name: rename,
            code_name: given_or_cleared(self.code_name, &self.clear, "code-name")?,
            description: given_or_emptied(self.description, &self.clear, "description")?,
            permissions,
            commands: given_or_cleared(commands, &self.clear, "commands")?,
            upload_paths: given_or_cleared(paths(self.upload_path), &self.clear, "upload-path")?,
            download_paths: given_or_cleared(paths(self.download_path), &self.clear, "download-path")?,
        })
    }
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    let change = |verb, name: &Name, patch| {
        let name = name.clone();
        ModelEdit::SessionPolicy(NamedEdit { verb, name, patch })
    };
    let (made, done, shown) = match arguments.verb {
        Verb::List => {
            let rep = connect(&context.home).await?;
            return output.table(
                &rep.described::<SessionPolicyPatch>(None).await?,
                &[
                    Column {
                        name: "ID",
                        text: |policy| policy.id.to_string(),
                    },
                    Column {
                        name: "NAME",
                        text: |policy| policy.name.clone(),
                    },
                    Column {
                        name: "ALLOWS",
                        text: |policy| named(&policy.value, Some(true)),
                    },
                    Column {
                        name: "DENIES",
                        text: |policy| named(&policy.value, Some(false)),
                    },
                    Column {
                        name: "COMMANDS",
                        text: |policy| match policy.value.commands.as_ref().and_then(Option::as_ref) {
                            None => "not defined".to_owned(),
                            Some(CommandFilter::Only(patterns)) => {
                                format!("only {} patterns", patterns.len())
                            }
                            Some(CommandFilter::AllBut(patterns)) => {
                                format!("all but {} patterns", patterns.len())
                            }
                        },
                    },
                    Column {
                        name: "PATHS",
                        text: |policy| paths(&policy.value),
                    },
                ],
            );
        }
        Verb::Show { name } => {
            let rep = connect(&context.home).await?;
            return show::<SessionPolicyPatch>(output, &rep, Some(name)).await;
        }
        Verb::Add { name, fields } => {
            let made = change(EditVerb::Add, &name, fields.patch(None)?);
            let done = format!("Added session policy {name}.");
            (made, done, Some(name))
        }
        Verb::Edit { name, rename, fields } => {
            let shown = rename.clone().unwrap_or_else(|| name.clone());
            let patch = fields.patch(rename)?;
            something(&patch)?;
            let made = change(EditVerb::Edit, &name, patch);
            let done = format!("Changed session policy {shown}.");
            (made, done, Some(shown))
        }
        Verb::Remove { name } => {
            let made = change(EditVerb::Remove, &name, SessionPolicyPatch::default());
            (made, format!("Removed session policy {name}."), None)
        }
    };
    let rep = connect(&context.home).await?;
    edit::<SessionPolicyPatch>(output, &rep, made, &done, shown).await
}

/// For which directions there are paths.
fn paths(policy: &SessionPolicyPatch) -> String {
    let limited = [
        ("upload", &policy.upload_paths),
        ("download", &policy.download_paths),
    ];
    let parts: Vec<String> = limited
        .into_iter()
        .filter_map(|(direction, paths)| {
            let count = paths.as_ref()?.as_ref()?.len();
            Some(format!("{direction} {count} paths"))
        })
        .collect();
    if parts.is_empty() {
        "not defined".to_owned()
    } else {
        parts.join(", ")
    }
}

fn named(policy: &SessionPolicyPatch, state: Option<bool>) -> String {
    let names: Vec<&str> = policy
        .permissions
        .iter()
        .filter(|(_, now)| **now == state)
        .map(|(permission, _)| permission.name())
        .collect();
    names.join(", ")
}
