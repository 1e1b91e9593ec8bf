//! An RDP server that plays a recording.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use jump_core::{Error, ErrorKind, Result};

use super::{OPERATION, Starter, failed};
use crate::rdp::{Recording, Replay, serve};

/// Lets everybody in, and gives them the whole recording, its graphics so many times. `pace` is `step` for clients that replay
/// the same recording, `free` for others.
pub(super) fn run(recording: &Path, times: &str, pace: &str) -> Result<()> {
    let starter = Starter::listen();
    let recording = Arc::new(Recording::read(recording)?);
    let times: u64 = times
        .parse()
        .map_err(|_| Error::new(ErrorKind::InvalidArgument, OPERATION, "this is no number"))?;
    let replay = Replay {
        in_step: pace == "step",
        times,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    starter.tell(listener.local_addr().map_err(failed)?)?;
    loop {
        let (stream, _) = listener.accept().map_err(failed)?;
        let recording = recording.clone();
        // A client that has seen enough hangs up.
        std::thread::spawn(move || serve(stream, &recording, replay));
    }
}
