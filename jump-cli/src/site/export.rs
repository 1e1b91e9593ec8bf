//! Taking a site's audit log elsewhere while its broker runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jump_core::audit::AuditLog;
use jump_core::export::{
    Delivered, FileSink, Forwarder, Rotation, Sink, SyslogFormat, SyslogSink, SyslogTarget,
};
use jump_core::{Error, ErrorKind};

use super::SiteFolder;
use crate::error::Failure;

/// How long a site that stops waits for what is still to be sent; the rest is sent after its next start.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the audit log is sent besides.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ExportArguments {
    /// Send the audit log to a syslog server, too: udp://HOST, tcp://HOST or tls://HOST, each with :PORT
    #[arg(long, value_name = "URL")]
    syslog: Option<SyslogTarget>,
    /// The authorities that may sign the certificate of a tls:// server, as PEM
    #[arg(long, value_name = "FILE", requires = "syslog")]
    syslog_ca: Option<PathBuf>,
    /// Write the audit log to a file of JSON lines, too; what is full or old is renamed to FILE.1, FILE.2 and so on
    #[arg(long, value_name = "FILE")]
    export_file: Option<PathBuf>,
    /// How large such a file may become, in MB
    #[arg(long, value_name = "MB", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    export_file_size: u64,
    /// How old such a file may become, in hours
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    export_file_age: u64,
    /// How many full or old files to keep; 0 keeps all
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    export_file_keep: u32,
}

/// What sends a site's log elsewhere.
#[derive(Debug)]
pub(crate) struct Exports(Vec<Forwarder>);

impl Exports {
    /// Starts what was asked for. How far each has come is kept in the site's folder.
    pub(crate) fn start(
        arguments: &ExportArguments,
        folder: &SiteFolder,
        log: &Arc<dyn AuditLog>,
    ) -> Result<Self, Failure> {
        let mut forwarders = Vec::new();
        let mut start = |sink: Box<dyn Sink>, name: &str| -> Result<(), Failure> {
            let position = folder.path().join(format!("{name}.position"));
            forwarders.push(Forwarder::start(log.clone(), sink, position)?);
            Ok(())
        };
        if let Some(target) = &arguments.syslog {
            let target = match &arguments.syslog_ca {
                None => target.clone(),
                Some(path) => {
                    let authorities = std::fs::read(path).map_err(|error| {
                        let what = path.display().to_string();
                        Error::new(
                            ErrorKind::InvalidArgument,
                            "read the authorities of --syslog-ca",
                            what,
                        )
                        .with_source(error)
                    })?;
                    target.clone().trusting(&authorities)?
                }
            };
            target.check()?;
            let format = SyslogFormat {
                hostname: hostname(),
                ..SyslogFormat::for_transport(target.transport())
            };
            start(Box::new(SyslogSink::new(target, format)), "syslog")?;
        }
        if let Some(path) = &arguments.export_file {
            let rotation = Rotation {
                bytes: arguments.export_file_size.saturating_mul(1_000_000),
                age: Duration::from_secs(arguments.export_file_age.saturating_mul(3600)),
                keep: arguments.export_file_keep,
            };
            start(Box::new(FileSink::new(path.clone(), rotation)), "export-file")?;
        }
        Ok(Self(forwarders))
    }

    /// How far each has come.
    pub(crate) fn progress(&self) -> Vec<Delivered> {
        self.0.iter().map(Forwarder::progress).collect()
    }

    /// Sends what is left, for a few seconds at most.
    pub(crate) async fn stop(self) {
        for forwarder in self.0 {
            forwarder.stop(PATIENCE).await;
        }
    }
}

/// This machine's name.
fn hostname() -> String {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    name
}
