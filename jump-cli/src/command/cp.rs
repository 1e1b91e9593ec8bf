//! `jump cp`: one file, one way.

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jump_core::protocol::{Progress, Session};
use jump_core::text::Escaped;
use jump_core::{Error, ErrorKind};

use super::Context;
use crate::connect::{SessionArguments, connect};
use crate::error::{Failure, usage};
use crate::stop::Stop;
use crate::warnings;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    session: SessionArguments,
    /// A local path, or ITEM:PATH
    source: String,
    /// A local path, or ITEM:PATH
    destination: String,
}

/// One end of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Here(PathBuf),
    There { item: String, path: String },
}

impl Place {
    /// `ITEM:PATH`, unless it starts like a path of this machine. Item names may hold slashes (`group/name`).
    fn read(text: &str) -> Self {
        match text.split_once(':') {
            Some((item, path)) if !item.is_empty() && !text.starts_with(['.', '/']) => Self::There {
                item: item.to_owned(),
                path: path.to_owned(),
            },
            _ => Self::Here(PathBuf::from(text)),
        }
    }
}

/// What is to be copied where.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Job {
    Upload {
        local: PathBuf,
        item: String,
        remote: String,
    },
    Download {
        item: String,
        remote: String,
        local: PathBuf,
    },
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let job = plan(
        Place::read(&arguments.source),
        Place::read(&arguments.destination),
    )?;
    let item = match &job {
        Job::Upload { item, .. } | Job::Download { item, .. } => item,
    };
    let rep = connect(&context.home).await?;
    let opened = Box::pin(rep.open_session(item, &arguments.session.options())).await?;
    let Session::Shell(session) = opened.session else {
        return Err(usage("this item is no shell, so it has no files"));
    };
    let bar = bar(context.output.json());
    let progress = |progress: Progress| {
        if let Some(total) = progress.total {
            bar.set_length(total);
        }
        bar.set_position(progress.done);
    };
    let copy = async {
        match &job {
            Job::Upload { local, remote, .. } => session.upload(local, remote, &progress).await,
            Job::Download { remote, local, .. } => session.download(remote, local, &progress).await,
        }
    };
    let mut stop = Stop::listen()?;
    let copied = tokio::select! {
        copied = Box::pin(copy) => copied.map_err(Failure::from),
        () = stop.told() => Err(Error::new(ErrorKind::Closed, "copy", "it was interrupted").into()),
        never = warnings::tell(opened.events, warnings::Line::Plain) => match never {},
    };
    bar.finish_and_clear();
    // The copy is done or has failed; a goodbye that fails changes nothing about that.
    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), session.close()).await;
    let bytes = copied?;
    let output = context.output;
    output.say(format_args!(
        "Copied {bytes} bytes from {} to {}.",
        Escaped(&arguments.source),
        Escaped(&arguments.destination)
    ))?;
    output.value(&serde_json::json!({ "bytes": bytes }))
}

fn plan(source: Place, destination: Place) -> Result<Job, Failure> {
    match (source, destination) {
        (Place::Here(local), Place::There { item, path }) => {
            let name = local.file_name().and_then(|name| name.to_str()).unwrap_or("file");
            let remote = if path.is_empty() || path.ends_with('/') {
                format!("{path}{name}")
            } else {
                path
            };
            Ok(Job::Upload { local, item, remote })
        }
        (Place::There { item, path }, Place::Here(local)) => {
            // Only the last part of a path that others chose may name a file here.
            let name = path
                .rsplit('/')
                .next()
                .filter(|name| !matches!(*name, "" | "." | ".."));
            let local = if is_folder(&local) {
                let name = name.ok_or_else(|| usage("say which file: ITEM:PATH"))?;
                local.join(name)
            } else {
                local
            };
            Ok(Job::Download {
                item,
                remote: path,
                local,
            })
        }
        (Place::Here(_), Place::Here(_)) => Err(usage("one of the two is ITEM:PATH")),
        (Place::There { .. }, Place::There { .. }) => Err(usage("one of the two is a local path")),
    }
}

fn is_folder(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/')
}

/// A bar on a terminal, nothing elsewhere.
fn bar(silent: bool) -> ProgressBar {
    let target = if silent {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(None, target);
    let template = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(item: &str, path: &str) -> Place {
        Place::There {
            item: item.to_owned(),
            path: path.to_owned(),
        }
    }

    #[test]
    fn a_colon_makes_it_remote_unless_it_is_plainly_a_path_here() {
        assert_eq!(Place::read("web:/etc/hosts"), there("web", "/etc/hosts"));
        assert_eq!(Place::read("group/web:x"), there("group/web", "x"));
        assert_eq!(Place::read("web:"), there("web", ""));
        for here in ["x", "./a:b", "/a:b", "../a:b", ":x"] {
            assert_eq!(Place::read(here), Place::Here(here.into()));
        }
    }

    #[test]
    fn a_folder_as_destination_keeps_the_name() {
        let upload = plan(Place::read("/a/report.txt"), Place::read("web:/tmp/")).unwrap();
        assert!(matches!(upload, Job::Upload { remote, .. } if remote == "/tmp/report.txt"));
        let download = plan(Place::read("web:/etc/hosts"), Place::read("new/")).unwrap();
        assert!(matches!(download, Job::Download { local, .. } if local == Path::new("new/hosts")));
        assert!(plan(Place::read("web:/etc/.."), Place::read("new/")).is_err());
        assert!(plan(Place::read("a"), Place::read("b")).is_err());
        assert!(plan(Place::read("a:x"), Place::read("b:x")).is_err());
    }
}
