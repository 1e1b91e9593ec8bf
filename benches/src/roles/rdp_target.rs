//! An RDP server that plays a recording.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use jump_core::{Error, ErrorKind, Result};

use super::{OPERATION, Starter, failed};
use crate::rdp::{Recording, Replay};

/// Lets everybody in, and gives them the whole recording, its graphics so many times.
pub(super) fn run(recording: &Path, times: &str) -> Result<()> {
    let starter = Starter::listen();
    let times = times
        .parse()
        .map_err(|_| Error::new(ErrorKind::InvalidArgument, OPERATION, "this is no number"))?;
    let replay = Arc::new(Replay::new(Recording::read(recording)?, times)?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    starter.tell(listener.local_addr().map_err(failed)?)?;
    loop {
        let (stream, _) = listener.accept().map_err(failed)?;
        let replay = replay.clone();
        // A client that has seen enough hangs up.
        std::thread::spawn(move || replay.serve(stream));
    }
}
