//! `jump items import|export|template` and `jump site import|export`.

use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jump_core::model::{JumpMethod, World};
use jump_core::text::Escaped;
use jump_core::{Error, ErrorKind};
use jump_transfer::csv::{self, method_code};
use jump_transfer::diff::What;
use jump_transfer::document::MAX_DOCUMENT;
use jump_transfer::{
    Document, DocumentOptions, FreshIds, OnConflict, Plan, Problems, Refusal, plan_document, plan_items,
};

use super::Context;
use super::export::destination;
use crate::connect::connect;
use crate::error::Failure;
use crate::output::{Output, not_written};

/// How often an import is planned anew because the site was changed meanwhile.
const ATTEMPTS: u32 = 3;

#[derive(Debug, Args)]
pub(crate) struct TemplateArguments {
    /// The type of the items, such as `shell_jump`
    #[arg(value_name = "TYPE", value_parser = item_type)]
    method: JumpMethod,
}

#[derive(Debug, Args)]
pub(crate) struct ExportItemsArguments {
    /// The type of the items, such as `shell_jump`
    #[arg(value_name = "TYPE", value_parser = item_type)]
    method: JumpMethod,
    /// Only those of this Jump Group, by name or code name
    #[arg(long)]
    group: Option<String>,
    /// Where to write it, for you alone [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportItemsArguments {
    /// The type of the items, such as `shell_jump`
    #[arg(value_name = "TYPE", value_parser = item_type)]
    method: JumpMethod,
    /// The CSV file; `-` is standard input
    file: PathBuf,
    /// What happens with a row whose item exists
    #[arg(long, value_enum, default_value = "fail")]
    on_conflict: Conflict,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportSiteArguments {
    /// How to write it [default: toml; json with --json]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Where to write it, for you alone [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportSiteArguments {
    /// The document; `-` is standard input
    file: PathBuf,
    /// How it is written [default: json if it begins with `{`, toml otherwise]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Remove what is missing from a section of the document
    #[arg(long)]
    prune: bool,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Conflict {
    /// It is a problem
    Fail,
    /// The item becomes what the row says
    Update,
    /// The item stays as it is
    Skip,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// JSON
    Json,
    /// TOML
    Toml,
}

impl Format {
    const fn of_document(self) -> jump_transfer::Format {
        match self {
            Format::Json => jump_transfer::Format::Json,
            Format::Toml => jump_transfer::Format::Toml,
        }
    }
}

fn item_type(text: &str) -> Result<JumpMethod, String> {
    let code = text.to_ascii_lowercase().replace('-', "_");
    let mut all = JumpMethod::ALL.iter().copied();
    all.find(|method| method_code(*method) == code).ok_or_else(|| {
        let known: Vec<&str> = JumpMethod::ALL
            .iter()
            .map(|method| method_code(*method))
            .collect();
        format!("the types are {}", known.join(", "))
    })
}

pub(crate) fn template(output: &Output, arguments: &TemplateArguments) -> Result<(), Failure> {
    let header = csv::template(arguments.method);
    output.say(header.trim_end())?;
    output.value(&serde_json::json!({ "header": header.trim_end() }))
}

pub(crate) async fn export_items(
    context: &Context<'_>,
    arguments: ExportItemsArguments,
) -> Result<(), Failure> {
    let world = connect(&context.home).await?.read_site().await?;
    let group = match &arguments.group {
        None => None,
        Some(name) => Some(
            world
                .group_named(name)
                .ok_or_else(|| {
                    let message = format!("there is no jump group named `{name}`");
                    Error::new(ErrorKind::NotFound, "export items", message)
                })?
                .id,
        ),
    };
    let file = csv::write(&world, arguments.method, group)?;
    let text = String::from_utf8(file).map_err(|error| {
        Error::new(ErrorKind::Internal, "export items", "the file is not UTF-8").with_source(error)
    })?;
    write(context.output, arguments.output.as_deref(), &text)
}

pub(crate) async fn export_site(
    context: &Context<'_>,
    arguments: ExportSiteArguments,
) -> Result<(), Failure> {
    let world = connect(&context.home).await?.read_site().await?;
    let default = if context.output.json() {
        Format::Json
    } else {
        Format::Toml
    };
    let format = arguments.format.unwrap_or(default).of_document();
    let text = Document::of(&world)?.write(format)?;
    write(context.output, arguments.output.as_deref(), &text)
}

/// Writes an export as it is; to a terminal, with nothing in it that acts.
fn write(output: &Output, path: Option<&Path>, text: &str) -> Result<(), Failure> {
    let mut out = destination(path)?;
    if path.is_none() && io::stdout().is_terminal() {
        out.write_all(text.replace("\r\n", "\n").as_bytes())
            .map_err(not_written)?;
    } else {
        out.write_all(text.as_bytes()).map_err(not_written)?;
    }
    out.flush().map_err(not_written)?;
    match path {
        None => Ok(()),
        Some(path) => {
            let path = path.display().to_string();
            output.say(format_args!("Wrote {}.", Escaped(&path)))?;
            output.value(&serde_json::json!({ "written": path, "bytes": text.len() }))
        }
    }
}

pub(crate) async fn import_items(
    context: &Context<'_>,
    arguments: ImportItemsArguments,
) -> Result<(), Failure> {
    let on_conflict = match arguments.on_conflict {
        Conflict::Fail => OnConflict::Fail,
        Conflict::Update => OnConflict::Update,
        Conflict::Skip => OnConflict::Skip,
    };
    let read = open(&arguments.file)
        .map_err(Refusal::from)
        .and_then(|file| csv::read(file, arguments.method));
    let rows = accepted(context.output, read)?;
    import(context, arguments.dry_run, |world, ids| {
        plan_items(world, &rows, on_conflict, ids)
    })
    .await
}

pub(crate) async fn import_site(
    context: &Context<'_>,
    arguments: ImportSiteArguments,
) -> Result<(), Failure> {
    let mut text = Vec::new();
    let limit = MAX_DOCUMENT as u64 + 1;
    open(&arguments.file)?
        .take(limit)
        .read_to_end(&mut text)
        .map_err(|error| Error::from_io(ErrorKind::Storage, "read the file", error))?;
    let begins = text
        .trim_ascii_start()
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(text.trim_ascii_start());
    let guessed = if begins.starts_with(b"{") {
        Format::Json
    } else {
        Format::Toml
    };
    let format = arguments.format.unwrap_or(guessed).of_document();
    let document = Document::parse(&text, format)?;
    let options = DocumentOptions {
        prune: arguments.prune,
    };
    import(context, arguments.dry_run, |world, ids| {
        plan_document(world, &document, options, ids)
    })
    .await
}

fn open(path: &Path) -> Result<Box<dyn Read>, Error> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = std::fs::File::open(path).map_err(|error| {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Storage,
        };
        Error::new(kind, "read the file", path.display().to_string()).with_source(error)
    })?;
    Ok(Box::new(file))
}

/// Plans, and makes what is planned unless it is only to be shown. If the site is changed between the two, it is planned
/// anew.
async fn import(
    context: &Context<'_>,
    dry_run: bool,
    plan: impl Fn(&World, &FreshIds) -> Result<Plan, Refusal>,
) -> Result<(), Failure> {
    let output = context.output;
    let rep = connect(&context.home).await?;
    let mut attempt = 1;
    loop {
        let world = rep.read_site().await?;
        let planned = accepted(output, plan(&world, &FreshIds::beyond(&world)))?;
        if dry_run || planned.changes.is_empty() {
            return show(output, &planned, !dry_run);
        }
        let kinds = planned.adds(&world);
        let planned = if kinds.is_empty() {
            planned
        } else {
            let ids = FreshIds::from_first(rep.fresh_ids(kinds).await?);
            accepted(output, plan(&world, &ids))?
        };
        match rep.change_site(world.revision(), planned.changes.clone()).await {
            Ok(()) => return show(output, &planned, true),
            Err(error)
                if error.is_retryable() && error.kind() == ErrorKind::Conflict && attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// What was accepted; otherwise every problem is said.
fn accepted<T>(output: &Output, result: Result<T, Refusal>) -> Result<T, Failure> {
    match result {
        Ok(accepted) => Ok(accepted),
        Err(Refusal::Error(error)) => Err(error.into()),
        Err(Refusal::Problems(problems)) => Err(told(output, &problems)),
    }
}

fn told(output: &Output, problems: &Problems) -> Failure {
    if let Err(failure) = output.value(&serde_json::json!({ "made": false, "problems": problems })) {
        return failure;
    }
    if !output.json() {
        for problem in problems.list() {
            output.complain(problem);
        }
        let more = problems.count() - problems.list().len() as u64;
        if more > 0 {
            output.complain(&format_args!("… and {more} more"));
        }
    }
    let count = match problems.count() {
        1 => "1 problem".to_owned(),
        count => format!("{count} problems"),
    };
    let message = format!("{count} found, nothing was changed");
    Error::new(ErrorKind::InvalidArgument, "import", message).into()
}

fn show(output: &Output, plan: &Plan, made: bool) -> Result<(), Failure> {
    for difference in &plan.differences {
        output.say(difference)?;
    }
    let count = |kind: fn(&What) -> bool| plan.differences.iter().filter(|one| kind(&one.what)).count();
    let added = count(|what| matches!(what, What::Added(_)));
    let changed = count(|what| matches!(what, What::Changed(_)));
    let removed = count(|what| matches!(what, What::Removed(_)));
    let skipped = match plan.skipped {
        0 => String::new(),
        skipped => format!(", {skipped} rows left out because their items exist"),
    };
    let words = format!("{added} added, {changed} changed, {removed} removed{skipped}.");
    output.say(if made {
        words
    } else {
        format!("A dry run; nothing was changed. It would be: {words}")
    })?;
    output.value(&serde_json::json!({
        "made": made,
        "added": added,
        "changed": changed,
        "removed": removed,
        "skipped": plan.skipped,
        "differences": plan.differences,
    }))
}
