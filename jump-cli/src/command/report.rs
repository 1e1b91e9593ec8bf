//! `jump report`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use jump_core::audit::LogReader;
use jump_core::id::SessionId;
use jump_core::keys::PublicKey;
use jump_core::report::{ReportFilter, ReportFormat, ReportKind, ReportRow, ReportWriter, Reporter};
use jump_core::time::Timestamp;
use jump_core::{Error, ErrorKind};

use super::{Context, audit};
use crate::connect::connect;
use crate::error::{Failure, usage};
use crate::output::moment;

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Who was on what, when, and what happened there: your own sessions and those you may view reports of
    Sessions {
        #[command(flatten)]
        report: ReportArguments,
        /// Only this session
        #[arg(long, value_name = "ID")]
        session: Option<SessionId>,
        /// Say under each session what happened in it
        #[arg(long)]
        details: bool,
    },
    /// The Jump Item report: items created, deleted, copied and moved, and sessions started
    Items {
        #[command(flatten)]
        report: ReportArguments,
    },
    /// Who changed what, with old and new values (administrators)
    Changes {
        #[command(flatten)]
        report: ReportArguments,
    },
}

/// What all reports have in common.
#[derive(Debug, Args)]
struct ReportArguments {
    /// From this moment on, such as 2026-03-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Before this moment
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// What this user did
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// About this item
    #[arg(long, value_name = "NAME|GROUP/NAME|ID")]
    item: Option<String>,
    /// About the items of this group
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// The form [default: text, or json with --json]
    #[arg(long)]
    format: Option<Format>,
    /// Write to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Read this audit log instead of asking the broker; all of it is verified first
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// The checkpoints of that log [default: the file next to it, if there is one]
    #[arg(long, value_name = "FILE", requires = "log")]
    checkpoints: Option<PathBuf>,
    /// The site's public key, which signed them [default: that of the log's folder, or of HOME/site]
    #[arg(long, value_name = "KEY", requires = "log", allow_hyphen_values = true)]
    key: Option<PublicKey>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A table
    Text,
    /// One JSON array
    Json,
    /// One JSON object a line
    Jsonl,
    /// Comma-separated values
    Csv,
}

impl From<Format> for ReportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => ReportFormat::Text,
            Format::Json => ReportFormat::Json,
            Format::Jsonl => ReportFormat::JsonLines,
            Format::Csv => ReportFormat::Csv,
        }
    }
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let (kind, report, session, details) = match arguments.verb {
        Verb::Sessions {
            report,
            session,
            details,
        } => (ReportKind::Sessions, report, session, details),
        Verb::Items { report } => (ReportKind::Items, report, None, false),
        Verb::Changes { report } => (ReportKind::Changes, report, None, false),
    };
    if let (Some(from), Some(to)) = (report.from, report.to)
        && from >= to
    {
        return Err(usage("--from is before --to"));
    }
    let format = match report.format {
        Some(format) => format.into(),
        None if context.output.json() => ReportFormat::Json,
        None => ReportFormat::Text,
    };
    let filter = ReportFilter {
        from: report.from,
        to: report.to,
        user: report.user,
        item: report.item,
        group: report.group,
        session,
    };
    let target = Target::open(report.output.as_deref())?;
    let mut writer = ReportWriter::new(kind, format, target).with_details(details);
    let mut write = |rows: Vec<ReportRow>| rows.into_iter().try_for_each(|row| writer.row(row));
    let missing = match report.log {
        None => {
            let mut pages = connect(&context.home).await?.report(kind, filter);
            while let Some(rows) = pages.next().await? {
                write(rows)?;
            }
            pages.missing_until()
        }
        Some(path) => {
            let (unknown, missing) = from_log(
                context,
                &path,
                report.checkpoints,
                report.key,
                (kind, filter),
                write,
            )?;
            if unknown > 0 {
                let said =
                    format!("jump: {unknown} events of a newer version of jump are not in this report");
                context.output.complain(&said);
            }
            missing
        }
    };
    let (target, rows) = writer.finish()?;
    target.keep()?;
    if let Some(until) = missing {
        context.output.complain(&format_args!(
            "jump: events until {} were removed by retention; what happened before is not in this report",
            moment(until)
        ));
    }
    if rows == 0 && matches!(format, ReportFormat::Text) {
        context.output.complain(&"Nothing to report.");
    }
    Ok(())
}

/// Verifies a log, then reports what it holds; gives the number of events that this version does not know, and until when
/// events are missing that were asked for.
fn from_log(
    context: &Context<'_>,
    path: &Path,
    checkpoints: Option<PathBuf>,
    key: Option<PublicKey>,
    (kind, filter): (ReportKind, ReportFilter),
    mut write: impl FnMut(Vec<ReportRow>) -> jump_core::Result<()>,
) -> Result<(u64, Option<Timestamp>), Failure> {
    // Nothing is reported from a log of which a part is wrong.
    let (path, log) = audit::open(context, Some(path.to_owned()))?;
    let verified = audit::check(context, &path, log, checkpoints, key)?;
    let missing = filter.missing_until(verified.removed.as_ref());
    let mut reporter = Reporter::new(kind, filter);
    if kind == ReportKind::Sessions {
        let (_, log) = audit::open(context, Some(path.clone()))?;
        for entry in LogReader::new(log) {
            match entry {
                Ok(entry) => reporter.expect(&entry.event)?,
                Err(error) if error.kind() == ErrorKind::Unsupported => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    let (_, log) = audit::open(context, Some(path))?;
    let mut unknown = 0;
    for entry in LogReader::new(log) {
        match entry {
            Ok(entry) => write(reporter.push(entry.sequence, &entry.event)?)?,
            Err(error) if error.kind() == ErrorKind::Unsupported => unknown += 1,
            Err(error) => return Err(error.into()),
        }
    }
    write(reporter.finish())?;
    Ok((unknown, missing))
}

/// Where a report goes: standard output, or a file that is there only once the report is whole.
#[derive(Debug)]
enum Target {
    Output(BufWriter<io::Stdout>),
    File {
        file: BufWriter<File>,
        part: PathBuf,
        path: PathBuf,
    },
}

impl Target {
    fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::Output(BufWriter::new(io::stdout())));
        };
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&part).map_err(|error| not_kept(&part, error))?;
        let file = BufWriter::new(file);
        let path = path.to_owned();
        Ok(Self::File { file, part, path })
    }

    /// Gives a file its name; the report was flushed.
    fn keep(self) -> Result<(), Failure> {
        match self {
            Self::Output(_) => Ok(()),
            Self::File { file, part, path } => file
                .get_ref()
                .sync_all()
                .and_then(|()| std::fs::rename(&part, &path))
                .map_err(|error| not_kept(&path, error)),
        }
    }
}

fn not_kept(path: &Path, error: io::Error) -> Failure {
    let what = path.display().to_string();
    Error::new(ErrorKind::Storage, "write the report", what)
        .with_source(error)
        .into()
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Output(output) => output.write(bytes),
            Self::File { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Output(output) => output.flush(),
            Self::File { file, .. } => file.flush(),
        }
    }
}
