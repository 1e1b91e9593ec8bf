//! A server that replays a recording to any client.

use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;

use jump_core::{Error, ErrorKind, Result};
use jump_proto_rdp::wire::connect::{Asked, change_server};
use jump_proto_rdp::wire::share::{self, Control, number};
use jump_proto_rdp::wire::{Domain, RdpError, domain};
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Recording;
use super::messages::{Messages, OPERATION, PIECE, network, wrong};

/// TLS is selected; extended client data and the graphics pipeline are known (MS-RDPBCGR §2.2.1.2.1).
const CONFIRM: [u8; 19] = [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 3, 8, 0, 1, 0, 0, 0];
/// The recorded client asked for TLS alone (MS-RDPBCGR §2.2.1.1.1, `PROTOCOL_SSL`), and listed one channel.
const RECORDED: u32 = 1;
const LISTED: usize = 1;
/// User ids are counted from here (ITU-T T.125 §7, `UserId`).
const USERS: u16 = 1001;

/// A recording, and the certificate that is shown: a gate that has seen it takes no other one.
pub(crate) struct Replay {
    tls: Arc<ServerConfig>,
    answers: Answers,
    graphics: Vec<u8>,
    /// How often the graphics are sent.
    times: u64,
}

impl Replay {
    pub(crate) fn new(recording: Recording, times: u64) -> Result<Self> {
        Ok(Self {
            tls: server_config()?,
            answers: Answers::of(&recording)?,
            graphics: recording.graphics,
            times,
        })
    }

    /// Lets a client in, whoever it is, and replays until it hangs up.
    pub(crate) fn serve(&self, stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true).map_err(network)?;
        let mut plain = Messages::new(stream);
        let asked = asked(&plain.next()?)?;
        plain.write(&CONFIRM)?;
        let connection = ServerConnection::new(self.tls.clone()).map_err(wrong)?;
        let mut client = Messages::new(StreamOwned::new(connection, plain.stream));
        let mut handshake = Handshake {
            answers: &self.answers,
            asked,
            said: 0,
            active: false,
        };
        while !handshake.active {
            let message = client.next()?;
            client.write(&handshake.answer(&message)?)?;
        }
        for _ in 0..self.times {
            client.write(&self.graphics)?;
        }
        let mut piece = vec![0; PIECE];
        while matches!(client.stream.read(&mut piece), Ok(1..)) {}
        Ok(())
    }
}

/// What a server said to a client until the session was active.
struct Answers {
    /// Its settings.
    settings: Vec<u8>,
    /// The client's user id.
    attached: Vec<u8>,
    user: u16,
    /// What followed each of the client's messages with data.
    data: Vec<Vec<u8>>,
}

impl Answers {
    fn of(recording: &Recording) -> Result<Self> {
        let mut answers = Self {
            settings: Vec::new(),
            attached: Vec::new(),
            user: 0,
            data: Vec::new(),
        };
        for message in &recording.handshake {
            let bytes = &message.bytes;
            match domain(bytes).map_err(|error| error.into_error(OPERATION))? {
                Domain::ConnectResponse(_) => answers.settings.clone_from(bytes),
                Domain::AttachUserConfirm(user) => {
                    answers.attached.clone_from(bytes);
                    answers.user = user;
                }
                Domain::SendDataRequest(_) => answers.data.push(Vec::new()),
                Domain::SendDataIndication(_) => {
                    let last = answers.data.last_mut();
                    last.ok_or_else(|| odd("data before a login"))?
                        .extend_from_slice(bytes);
                }
                // Each client joins its channels in its own order.
                _ => {}
            }
        }
        Ok(answers)
    }
}

fn odd(what: &str) -> Error {
    Error::new(ErrorKind::Protocol, OPERATION, what)
}

/// One client's way to a session.
struct Handshake<'a> {
    answers: &'a Answers,
    /// What it asked for before TLS, which it is to hear again within.
    asked: u32,
    /// How many messages with data the client has sent.
    said: usize,
    active: bool,
}

impl Handshake<'_> {
    /// What a message of the client is answered with.
    fn answer(&mut self, message: &[u8]) -> Result<Vec<u8>> {
        Ok(
            match domain(message).map_err(|error| error.into_error(OPERATION))? {
                Domain::ConnectInitial(_) => self.settings()?,
                Domain::AttachUserRequest => self.answers.attached.clone(),
                Domain::JoinRequest(channel) => joined(self.answers.user, channel),
                Domain::SendDataRequest(data) => {
                    let mut due = self.answers.data.iter().skip(self.said);
                    self.said += 1;
                    self.active = ends_handshake(message.get(data.range).unwrap_or_default());
                    if self.active {
                        // A client may have said less than the recorded one.
                        due.flatten().copied().collect()
                    } else {
                        due.next().cloned().unwrap_or_default()
                    }
                }
                Domain::ErectDomain => Vec::new(),
                _ => return Err(odd("a client is out of order")),
            },
        )
    }

    fn settings(&self) -> Result<Vec<u8>> {
        let mut settings = self.answers.settings.clone();
        let told = Asked {
            target: RECORDED,
            client: self.asked,
        };
        domain(&settings)
            .and_then(|found| match found {
                Domain::ConnectResponse(at) => change_server(&mut settings, at, Some(told), LISTED),
                _ => Err(RdpError::Protocol("the recorded server has no settings")),
            })
            .map_err(|error| error.into_error(OPERATION))?;
        Ok(settings)
    }
}

/// What a client asks for in its X.224 Connection Request, at whose end that is (MS-RDPBCGR §2.2.1.1.1).
fn asked(request: &[u8]) -> Result<u32> {
    match request {
        [.., 1, _, 8, 0, p0, p1, p2, p3] => Ok(u32::from_le_bytes([*p0, *p1, *p2, *p3])),
        _ => Err(odd("a client asks for nothing")),
    }
}

/// An MCS Channel Join Confirm PDU (MS-RDPBCGR §2.2.1.9).
fn joined(user: u16, channel: u16) -> Vec<u8> {
    let ([u0, u1], [c0, c1]) = ((user - USERS).to_be_bytes(), channel.to_be_bytes());
    vec![3, 0, 0, 15, 2, 0xf0, 0x80, 0x3e, 0, u0, u1, c0, c1, c0, c1]
}

/// Whether it is the client's Font List PDU (MS-RDPBCGR §2.2.1.18).
fn ends_handshake(content: &[u8]) -> bool {
    share::is_one_part(content)
        && share::parts(content).is_ok_and(|parts| {
            parts
                .iter()
                .any(|part| part.control == Control::Data(number::FONT_LIST))
        })
}

fn server_config() -> Result<Arc<ServerConfig>> {
    let key = KeyPair::generate().map_err(wrong)?;
    let parameters = CertificateParams::new(vec!["jump".to_owned()]).map_err(wrong)?;
    let certificate = parameters.self_signed(&key).map_err(wrong)?;
    let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], private)
        })
        .map_err(wrong)?;
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use jump_proto_rdp::wire::{send_data_indication, send_data_request};

    use super::*;
    use crate::rdp::recording::Message;

    const USER: u16 = 1005;
    const IO: u16 = 1003;
    /// What xrdp answered a client that had asked for TLS alone, as is said at the end of the second line.
    const SETTINGS: &str = "0300006902f0807f665f0a0100020100301a02011602010302010002010102010002010102\
                            0300fff8020102043b000500147c00012a14760a01010001c0004d63446e8024010c0c000400080001000000\
                            030c0c00eb030100ec030000020c0c000000000000000000";
    /// A Font List PDU.
    const FONTS: [u8; 26] = [
        0x1a, 0, 0x17, 0, 0xed, 3, 0xea, 3, 1, 0, 0, 2, 8, 0, 0x27, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0x32, 0,
    ];

    fn mcs(pdu: &[u8]) -> Vec<u8> {
        [&[3, 0, 0, 7 + pdu.len() as u8, 2, 0xf0, 0x80], pdu].concat()
    }

    fn says(content: &[u8]) -> Vec<u8> {
        send_data_request(USER, IO, content).unwrap()
    }

    fn hears(content: &[u8]) -> Vec<u8> {
        send_data_indication(USER, IO, content).unwrap()
    }

    #[test]
    fn a_client_is_answered_by_what_it_says_and_not_by_the_recorded_order() {
        let settings = HEXLOWER.decode(SETTINGS.as_bytes()).unwrap();
        let told = SETTINGS.replace("0800010000", "08000b0000");
        let told = HEXLOWER.decode(told.as_bytes()).unwrap();
        assert_ne!(settings, told);
        let recorded = [
            (true, mcs(&[0x7f, 0x65])),
            (false, settings),
            (true, mcs(&[0x28])),
            (false, mcs(&[0x2e, 0, 0, 4])),
            (true, mcs(&[0x38, 0, 4, 3, 0xeb])),
            (false, joined(USER, IO)),
            (true, says(b"who I am")),
            (false, hears(b"a license?")),
            (true, says(b"none")),
            (false, hears(b"never mind")),
            (false, hears(b"a share")),
            (true, says(b"in order")),
            (true, says(&FONTS)),
            (false, hears(b"all fonts")),
        ];
        let handshake = recorded.map(|(from_client, bytes)| Message { from_client, bytes });
        let answers = Answers::of(&Recording {
            handshake: handshake.into(),
            graphics: Vec::new(),
        })
        .unwrap();
        let mut handshake = Handshake {
            answers: &answers,
            asked: asked(&[3, 0, 0, 15, 10, 0xe0, 0, 1, 0, 8, 0, 0xb, 0, 0, 0]).unwrap(),
            said: 0,
            active: false,
        };
        let steps = [
            (mcs(&[0x7f, 0x65]), told),
            (mcs(&[0x04]), Vec::new()),
            (mcs(&[0x28]), mcs(&[0x2e, 0, 0, 4])),
            // This one joins itself first.
            (mcs(&[0x38, 0, 4, 3, 0xed]), joined(USER, USER)),
            (mcs(&[0x38, 0, 4, 3, 0xeb]), joined(USER, IO)),
            (says(b"who I am"), hears(b"a license?")),
            (says(b"none"), [hears(b"never mind"), hears(b"a share")].concat()),
        ];
        for (said, heard) in steps {
            assert_eq!(handshake.answer(&said).unwrap(), heard);
            assert!(!handshake.active);
        }
        // It leaves a message out, and gets the end all the same.
        assert_eq!(handshake.answer(&says(&FONTS)).unwrap(), hears(b"all fonts"));
        assert!(handshake.active);
        handshake.answer(&mcs(&[0x7f, 0x66])).unwrap_err();
    }
}
