//! Finding a recording and the key that opens it.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;
use jump_core::id::SessionId;
use jump_core::keys::SealingKey;
use jump_core::recording::{RecordingInfo, RecordingReader};
use jump_core::{Error, ErrorKind};
use jump_proto_ssh::SshBackend;
use jump_proto_ssh::recording::{ChannelKind, ChannelSummary, channels};

use super::Context;
use crate::error::{Failure, usage};
use crate::site::SiteFolder;
use crate::state::Home;

/// The protocols' keys in recordings of a screen.
const VNC: &str = "vnc";
const RDP: &str = "rdp";

#[derive(Debug, Args)]
pub(crate) struct RecordingArguments {
    /// The recording: its file, or the id of a session that was recorded on this machine
    recording: String,
    /// The site's folder, which holds the key and the recordings [default: HOME/site]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The site's recording key, if it is elsewhere
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Only this channel of the session
    #[arg(long, value_name = "NUMBER")]
    channel: Option<u32>,
}

/// A recording that can be opened.
#[derive(Debug)]
pub(crate) struct Recording {
    path: PathBuf,
    key: SealingKey,
    pub(crate) info: RecordingInfo,
    /// Whether it is of a screen, and not of channels.
    pub(crate) screen: bool,
    /// The channels that a person can watch, in their order; none of a screen.
    pub(crate) watchable: Vec<ChannelSummary>,
}

impl RecordingArguments {
    /// Finds and opens the recording, and reads what is in it.
    pub(crate) fn open(&self, context: &Context<'_>) -> Result<Recording, Failure> {
        let site = SiteFolder::new(self.data.clone().unwrap_or_else(|| context.home.site()));
        let path = self.find(&site, &context.home)?;
        let key_path = self.key.clone().unwrap_or_else(|| site.recording_key_path());
        let key = SiteFolder::read_recording_key(&key_path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                Failure::from(error).hint("only the site's recording key opens it: say where with --key")
            }
            _ => error.into(),
        })?;
        let mut recording = Recording::open(path, key)?;
        if self.channel.is_some() && recording.screen {
            return Err(usage("a screen has no channels"));
        }
        if let Some(wanted) = self.channel {
            recording.watchable.retain(|summary| summary.channel == wanted);
            if recording.watchable.is_empty() {
                return Err(usage(format!("the recording shows nothing on channel {wanted}")));
            }
        }
        Ok(recording)
    }

    fn find(&self, site: &SiteFolder, home: &Home) -> Result<PathBuf, Failure> {
        let given = PathBuf::from(&self.recording);
        if given.is_file() {
            return Ok(given);
        }
        let missing =
            |message: String| Failure::from(Error::new(ErrorKind::NotFound, "open a recording", message));
        let Ok(session) = self.recording.parse::<SessionId>() else {
            return Err(missing(format!("there is no file {}", given.display())));
        };
        let jumpoint = home.jumpoint().join("recordings");
        [site.recordings(), jumpoint, home.recordings()]
            .iter()
            .map(|folder| folder.join(format!("{session}.jrec")))
            .find(|path| path.is_file())
            .ok_or_else(|| {
                missing(format!("session {session} has no recording on this machine"))
                    .hint("it is where the session's jumpoint runs, in its folder `recordings`, or with who opened a local item")
            })
    }
}

impl Recording {
    /// Opens the file and reads what is in it.
    pub(crate) fn open(path: PathBuf, key: SealingKey) -> Result<Self, Failure> {
        let reader = read(&path, &key)?;
        let info = reader.info().clone();
        let screen = matches!(info.protocol.as_str(), VNC | RDP);
        if !screen && info.protocol != jump_core::protocol::Backend::protocol(&SshBackend::new()) {
            let message = format!(
                "a recording of protocol `{}` shows nothing on a screen",
                info.protocol
            );
            return Err(Error::new(ErrorKind::Unsupported, "open a recording", message).into());
        }
        let watchable = if screen {
            Vec::new()
        } else {
            let all = channels(reader)?.into_iter();
            all.filter(ChannelSummary::is_watchable).collect()
        };
        Ok(Self {
            path,
            key,
            info,
            screen,
            watchable,
        })
    }

    /// Whether it is of a screen by RDP.
    pub(crate) fn is_rdp(&self) -> bool {
        self.info.protocol == RDP
    }

    /// The records, from the beginning.
    pub(crate) fn records(&self) -> Result<RecordingReader<BufReader<File>>, Failure> {
        Ok(self.reader()?)
    }

    /// The same, for what opens a recording several times.
    pub(crate) fn reader(&self) -> jump_core::Result<RecordingReader<BufReader<File>>> {
        read(&self.path, &self.key)
    }
}

fn read(path: &Path, key: &SealingKey) -> jump_core::Result<RecordingReader<BufReader<File>>> {
    let file = File::open(path).map_err(|error| {
        Error::new(
            ErrorKind::NotFound,
            "open a recording",
            path.display().to_string(),
        )
        .with_source(error)
    })?;
    RecordingReader::open(BufReader::new(file), key)
}

/// What a channel was for, for people; the text is the peer's own.
pub(crate) fn title(summary: &ChannelSummary) -> String {
    let what = match &summary.kind {
        ChannelKind::Shell => "shell".to_owned(),
        ChannelKind::Command(command) => format!("command `{command}`"),
        ChannelKind::Subsystem(name) => format!("subsystem `{name}`"),
        ChannelKind::Connection(to) => format!("connection to {to}"),
        _ => "channel".to_owned(),
    };
    match &summary.exit {
        Some(exit) => format!("{what}, {exit}"),
        None => what,
    }
}
