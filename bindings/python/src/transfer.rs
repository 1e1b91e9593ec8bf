//! Import and export of a site.

use jump_core::model::{JumpMethod, World};
use jump_core::rep::Rep;
use jump_core::{Error, ErrorKind, Result};
use jump_transfer::csv::{self, method_code};
use jump_transfer::diff::What;
use jump_transfer::{
    Document, DocumentOptions, Format, FreshIds, OnConflict, Plan, Refusal, plan_document, plan_items,
};
use pyo3::prelude::*;
use serde_json::json;

use crate::bridge;

/// How often an import is planned anew because the site was changed meanwhile.
const ATTEMPTS: u32 = 3;

/// What is to be imported, and how.
pub(crate) enum Import {
    /// A document, and whether what is missing from its sections is removed.
    Site { text: Vec<u8>, prune: bool },
    /// A CSV file with items of one type.
    Items {
        text: Vec<u8>,
        method: JumpMethod,
        on_conflict: OnConflict,
    },
}

impl Import {
    fn plan(&self, world: &World, ids: &FreshIds) -> Result<Plan, Refusal> {
        match self {
            Self::Site { text, prune } => {
                let options = DocumentOptions { prune: *prune };
                plan_document(world, &Document::parse(text, format_of(text))?, options, ids)
            }
            Self::Items {
                text,
                method,
                on_conflict,
            } => plan_items(world, &csv::read(text.as_slice(), *method)?, *on_conflict, ids),
        }
    }
}

/// A document that begins with a brace is JSON, every other TOML.
fn format_of(text: &[u8]) -> Format {
    let begins = text.trim_ascii_start();
    let begins = begins.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begins);
    if begins.starts_with(b"{") {
        Format::Json
    } else {
        Format::Toml
    }
}

/// The format of this name.
pub(crate) fn format(name: &str) -> Result<Format> {
    match name {
        "json" => Ok(Format::Json),
        "toml" => Ok(Format::Toml),
        _ => Err(wrong("the formats are `json` and `toml`".to_owned())),
    }
}

/// The type of items of this name.
pub(crate) fn method(name: &str) -> Result<JumpMethod> {
    let mut all = JumpMethod::ALL.iter().copied();
    all.find(|method| method_code(*method) == name).ok_or_else(|| {
        let known: Vec<&str> = JumpMethod::ALL
            .iter()
            .map(|method| method_code(*method))
            .collect();
        wrong(format!("the types are {}", known.join(", ")))
    })
}

/// Every method by which one may jump.
#[pyfunction]
pub(crate) fn jump_methods() -> Vec<&'static str> {
    JumpMethod::ALL
        .iter()
        .map(|method| method_code(*method))
        .collect()
}

/// What happens with a row whose item exists.
pub(crate) fn on_conflict(name: &str) -> Result<OnConflict> {
    match name {
        "fail" => Ok(OnConflict::Fail),
        "update" => Ok(OnConflict::Update),
        "skip" => Ok(OnConflict::Skip),
        _ => Err(wrong(
            "on a conflict it can `fail`, `update` or `skip`".to_owned(),
        )),
    }
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, "import or export", message)
}

/// The site as a document.
pub(crate) async fn export_site(rep: &Rep, format: Format) -> Result<String> {
    Document::of(&rep.read_site().await?)?.write(format)
}

/// The items of a type, of all groups or of one, as CSV.
pub(crate) async fn export_items(rep: &Rep, method: JumpMethod, group: Option<&str>) -> Result<String> {
    let world = rep.read_site().await?;
    let missing = |name: &str| {
        let message = format!("there is no jump group named `{name}`");
        Error::new(ErrorKind::NotFound, "export items", message)
    };
    let group = match group {
        Some(name) => Some(world.group_named(name).ok_or_else(|| missing(name))?.id),
        None => None,
    };
    String::from_utf8(csv::write(&world, method, group)?).map_err(|error| {
        Error::new(ErrorKind::Internal, "export items", "the file is not UTF-8").with_source(error)
    })
}

/// The world that a document describes.
pub(crate) fn world_of(text: &[u8]) -> Result<World> {
    let mut world = World::new()?;
    let document = Document::parse(text, format_of(text))?;
    let ids = FreshIds::beyond(&world);
    let plan =
        plan_document(&world, &document, DocumentOptions { prune: false }, &ids).map_err(|refusal| {
            match refusal {
                Refusal::Problems(problems) => problems.to_error(),
                Refusal::Error(error) => error,
            }
        })?;
    world.apply(&plan.changes)?;
    Ok(world)
}

/// Plans, and makes what is planned unless it is only to be shown; gives what is different, or what is wrong, as JSON.
pub(crate) async fn import(rep: &Rep, wanted: &Import, dry_run: bool) -> Result<String> {
    let mut attempt = 1;
    loop {
        let world = rep.read_site().await?;
        let plan = match wanted.plan(&world, &FreshIds::beyond(&world)) {
            Ok(plan) => plan,
            Err(Refusal::Error(error)) => return Err(error),
            Err(Refusal::Problems(problems)) => {
                return bridge::write(&json!({
                    "problems": problems.list(),
                    "count": problems.count(),
                    "message": problems.to_error().to_string(),
                }));
            }
        };
        if dry_run || plan.changes.is_empty() {
            return shown(&plan, !dry_run);
        }
        let kinds = plan.adds(&world);
        let plan = if kinds.is_empty() {
            plan
        } else {
            let ids = FreshIds::from_first(rep.fresh_ids(kinds).await?);
            wanted.plan(&world, &ids).map_err(|refusal| match refusal {
                Refusal::Problems(problems) => problems.to_error(),
                Refusal::Error(error) => error,
            })?
        };
        match rep.change_site(world.revision(), plan.changes.clone()).await {
            Ok(()) => return shown(&plan, true),
            Err(error)
                if error.is_retryable() && error.kind() == ErrorKind::Conflict && attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn shown(plan: &Plan, made: bool) -> Result<String> {
    let count = |kind: fn(&What) -> bool| plan.differences.iter().filter(|one| kind(&one.what)).count();
    bridge::write(&json!({
        "made": made,
        "added": count(|what| matches!(what, What::Added(_))),
        "changed": count(|what| matches!(what, What::Changed(_))),
        "removed": count(|what| matches!(what, What::Removed(_))),
        "skipped": plan.skipped,
        "differences": plan.differences.iter().map(ToString::to_string).collect::<Vec<_>>(),
    }))
}
