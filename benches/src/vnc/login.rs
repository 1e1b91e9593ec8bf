//! A viewer's login to a server, or to the gate before it.

use std::io::{self, ErrorKind as IoKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use jump_core::keys::random_bytes;
use jump_core::secret::Secret;
use jump_core::{Error, ErrorKind, Result};
use jump_proto_vnc::security::{
    ClientConfig, ClientHandshake, ClientStep, SecurityPolicy, SecurityType, VncCredential,
};
use jump_proto_vnc::wire::{ClientFramer, ClientMessage, Encoding, Input, Rectangle, ServerInit};
use jump_testkit::vnc::PASSWORD;

const OPERATION: &str = "log in to a VNC server";

/// With a timeout a read ends at any signal, such as that of a child that has ended (signal(7)).
fn read(stream: &mut TcpStream, piece: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(piece) {
            Err(error) if error.kind() == IoKind::Interrupted => {}
            read => return read,
        }
    }
}

/// A connection to a server that has let us in.
#[derive(Debug)]
pub(crate) struct LoggedIn {
    pub(crate) stream: TcpStream,
    pub(crate) init: ServerInit,
    /// What was received beyond the login.
    pub(crate) received: Vec<u8>,
}

fn network(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Network, OPERATION, error)
}

impl LoggedIn {
    /// Without a password, or with [`PASSWORD`], as the server wants it; then these encodings are all that it may use.
    pub(crate) fn connect(address: SocketAddr, encodings: &[Encoding]) -> Result<Self> {
        let mut stream = TcpStream::connect(address).map_err(network)?;
        stream.set_nodelay(true).map_err(network)?;
        let mut handshake = ClientHandshake::new(ClientConfig {
            policy: SecurityPolicy::only(&[SecurityType::NONE, SecurityType::VNC_AUTH]),
            credential: VncCredential::Password(Secret::new(PASSWORD.to_owned())),
            shared: true,
            seed: Secret::new(random_bytes()?),
            client_key: None,
        });
        let mut received = Vec::new();
        let session = loop {
            let mut input = Input::new(&received);
            let mut output = Vec::new();
            let step = handshake.advance(&mut input, &mut output);
            let consumed = input.consumed();
            received.drain(..consumed);
            let step = step.map_err(|error| error.into_error(OPERATION))?;
            stream.write_all(&output).map_err(network)?;
            if let ClientStep::Done(session) = step {
                break session;
            }
            let mut more = [0; 4096];
            let read = read(&mut stream, &mut more).map_err(network)?;
            if read == 0 {
                return Err(handshake.closed(&received).into_error(OPERATION));
            }
            received.extend_from_slice(more.get(..read).unwrap_or_default());
        };
        let mut logged_in = Self {
            stream,
            init: session.server_init,
            received,
        };
        logged_in.send(&ClientMessage::SetEncodings(encodings.to_vec()))?;
        Ok(logged_in)
    }

    fn send(&mut self, message: &ClientMessage<'_>) -> Result<()> {
        let mut bytes = Vec::new();
        ClientFramer::new()
            .write(message, &mut bytes)
            .map_err(|error| error.into_error(OPERATION))?;
        self.stream.write_all(&bytes).map_err(network)
    }

    /// The next bytes that come; 0 at the end of the stream.
    pub(crate) fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        read(&mut self.stream, piece)
    }

    /// Asks for the whole screen, or for what has changed on it.
    pub(crate) fn ask(&mut self, incremental: bool) -> Result<()> {
        let rectangle = Rectangle::whole(self.init.size);
        self.send(&ClientMessage::UpdateRequest {
            incremental,
            rectangle,
        })
    }
}
