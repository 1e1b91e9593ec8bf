//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures the product beside its peers and prints the tables as Markdown.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// What to measure.
    #[arg(value_enum, default_value = "all")]
    pub(crate) subject: Subject,
    /// Rounds; every candidate runs once in each.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// MiB in one bulk run.
    #[arg(long, default_value_t = 1024)]
    pub(crate) mib: u64,
    /// Idle sessions.
    #[arg(long, default_value_t = 2000)]
    pub(crate) sessions: usize,
    /// Commands in one run of a library.
    #[arg(long, default_value_t = 1000)]
    pub(crate) commands: u64,
    /// Writes every value into this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Writes the page and its picture into this folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) publish: Option<PathBuf>,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// Bulk: CPU per GiB, and speed.
    Path,
    /// Small messages there and back.
    Latency,
    /// Memory of idle sessions.
    Idle,
    /// A file by stock OpenSSH.
    Ssh,
    /// Access decisions.
    Decisions,
    /// A store of a million items: listing, searching, deciding.
    Store,
    /// Recorded streams of VNC servers through our decoder and libvncclient.
    VncDecode,
    /// What the VNC gate adds to a plain tunnel.
    VncGate,
    /// Logging in to live RDP servers with our client and with FreeRDP's libraries.
    RdpSessions,
    /// Recorded streams of RDP servers through our client and FreeRDP's libraries.
    RdpDecode,
    /// What the RDP gate adds to a plain tunnel.
    RdpGate,
    /// What C and Python cost over Rust.
    Bindings,
    /// The package for Python beside asyncssh and paramiko.
    Libraries,
    /// All of these.
    All,
}

impl Subject {
    pub(crate) fn includes(self, other: Self) -> bool {
        self == other || self == Subject::All
    }
}
