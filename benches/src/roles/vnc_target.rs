//! A VNC server that plays a recording.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use jump_core::keys::random_bytes;
use jump_core::secret::Secret;
use jump_core::{Error, ErrorKind, Result};
use jump_proto_vnc::security::{ServerHandshake, ServerLogin, ServerStep};
use jump_proto_vnc::wire::{ClientFramer, ClientMessageKind, Input, ServerInit};
use jump_testkit::vnc::PASSWORD;

use super::{OPERATION, Starter, failed};
use crate::vnc::Recording;

/// Lets every viewer in that knows [`PASSWORD`]. When it asks for the screen, it gets the whole recording so many times.
pub(super) fn run(recording: &Path, times: &str) -> Result<()> {
    let starter = Starter::listen();
    let recording = Arc::new(Recording::read(recording)?);
    let times: u64 = times
        .parse()
        .map_err(|_| Error::new(ErrorKind::InvalidArgument, OPERATION, "this is no number"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    starter.tell(listener.local_addr().map_err(failed)?)?;
    loop {
        let (stream, _) = listener.accept().map_err(failed)?;
        let recording = recording.clone();
        // A viewer that has seen enough hangs up.
        std::thread::spawn(move || serve(stream, &recording, times));
    }
}

fn serve(mut stream: TcpStream, recording: &Recording, times: u64) -> Result<()> {
    stream.set_nodelay(true).map_err(failed)?;
    let mut received = log_in(&mut stream)?;
    let mut init = Vec::new();
    ServerInit {
        size: recording.size,
        pixel_format: recording.format,
        name: b"recording".to_vec(),
    }
    .write(&mut init)
    .map_err(|error| error.into_error(OPERATION))?;
    stream.write_all(&init).map_err(failed)?;
    let framer = ClientFramer::new();
    loop {
        let head = framer
            .head(&received)
            .map_err(|error| error.into_error(OPERATION))?
            .filter(|head| head.length <= received.len());
        match head {
            Some(head) if head.kind == ClientMessageKind::UpdateRequest => break,
            Some(head) => drop(received.drain(..head.length)),
            None => read_more(&mut stream, &mut received)?,
        }
    }
    for _ in 0..times {
        stream.write_all(&recording.messages).map_err(failed)?;
    }
    // Until it hangs up.
    io::copy(&mut stream, &mut io::sink()).map_err(failed)?;
    Ok(())
}

/// What the viewer sent beyond its login.
fn log_in(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut handshake = ServerHandshake::new(ServerLogin::Password {
        password: Secret::new(PASSWORD.to_owned()),
        challenge: random_bytes()?,
    });
    let mut received = Vec::new();
    loop {
        let mut input = Input::new(&received);
        let mut output = Vec::new();
        let step = handshake.advance(&mut input, &mut output);
        let read = input.consumed();
        received.drain(..read);
        stream.write_all(&output).map_err(failed)?;
        match step.map_err(|error| error.into_error(OPERATION))? {
            ServerStep::More => read_more(stream, &mut received)?,
            ServerStep::Done(_) => return Ok(received),
            ServerStep::Refused => return Err(Error::new(ErrorKind::Closed, OPERATION, "no login")),
        }
    }
}

fn read_more(stream: &mut TcpStream, received: &mut Vec<u8>) -> Result<()> {
    let mut more = [0; 4096];
    let read = stream.read(&mut more).map_err(failed)?;
    if read == 0 {
        return Err(Error::new(ErrorKind::Closed, OPERATION, "the viewer went away"));
    }
    received.extend_from_slice(more.get(..read).unwrap_or_default());
    Ok(())
}
