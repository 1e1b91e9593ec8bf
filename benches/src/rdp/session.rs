//! Our own client, as `session.c` has FreeRDP's.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use jump_core::model::CertificatePolicy;
use jump_core::protocol::{Frame, ScreenSession};
use jump_core::secret::Secret;
use jump_core::{Error, ErrorKind, Result};
use jump_proto_rdp::client::{RdpClient, RdpClientOptions, RdpLogin, RdpSecurity};
use jump_proto_rdp::tls::ServerCertificate;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Measured;
use crate::usage;

const OPERATION: &str = "have an RDP session";
/// As in `session.c`.
const QUIET: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(30);
/// How far a codec may leave a colour from what it was.
const NEAR: u8 = 12;

fn wrong(message: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, OPERATION, message)
}

/// Plays the session of an [`Order`](super::Order)'s words, and prints what `session.c` prints.
pub(crate) async fn play(words: &[&str]) -> Result<()> {
    let &[
        port,
        user,
        password,
        security,
        width,
        height,
        codecs,
        wanted,
        ref picture @ ..,
    ] = words
    else {
        return Err(wrong("some words are missing"));
    };
    let number = |text: &str| text.parse::<u16>().map_err(|_| wrong("this is no number"));
    let (port, width, height) = (number(port)?, number(width)?, number(height)?);
    let colour = match wanted {
        "quiet" => None,
        colour => Some(u32::from_str_radix(colour, 16).map_err(|_| wrong("this is no colour"))?),
    };
    let first = CertificatePolicy {
        trust_first_use: true,
        ..CertificatePolicy::default()
    };
    let options = RdpClientOptions::default()
        .certificate(ServerCertificate::by_policy(first))
        .security(match security {
            "nla" => RdpSecurity::Nla,
            _ => RdpSecurity::Tls,
        })
        .login(RdpLogin {
            user: user.to_owned(),
            domain: String::new(),
            password: Secret::new(password.to_owned()),
        })
        .size(width, height)
        .lossless(codecs == "lossless");

    let own = std::process::id();
    let before = usage::resident_kib(own)?;
    let begun = Instant::now();
    let network = |error| Error::from_io(ErrorKind::Network, OPERATION, error);
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(network)?;
    // As whatever dials a target does: a client and its server wait for each other's small messages.
    stream.set_nodelay(true).map_err(network)?;
    let session = RdpClient::connect(Box::new(stream), options).await?;
    let (connected, cpu) = (begun.elapsed(), usage::own_cpu());
    let shown = match colour {
        Some(colour) => timeout(PATIENCE, until_colour(session.as_ref(), colour)).await,
        None => timeout(PATIENCE, until_quiet(session.as_ref())).await,
    };
    shown.map_err(|_| Error::new(ErrorKind::Timeout, OPERATION, "it takes too long"))??;
    let measured = Measured {
        connected,
        shown: begun.elapsed(),
        cpu: usage::own_cpu().saturating_sub(cpu),
        memory: usage::peak_kib(own)?.saturating_sub(before),
    };
    if let [picture] = picture {
        write_picture(&session.frame().await?, picture.as_ref())?;
    }
    writeln!(std::io::stdout(), "{measured}")
        .map_err(|error| Error::from_io(ErrorKind::Internal, OPERATION, error))
}

async fn until_colour(session: &dyn ScreenSession, colour: u32) -> Result<()> {
    while !has_colour(&session.frame().await?, colour) {
        let next = session.next_event().await?;
        next.ok_or_else(|| Error::new(ErrorKind::Closed, OPERATION, "the session ended"))?;
    }
    Ok(())
}

async fn until_quiet(session: &dyn ScreenSession) -> Result<()> {
    session.painted().await?;
    while let Ok(next) = timeout(QUIET, session.next_event()).await {
        if next?.is_none() {
            break;
        }
    }
    Ok(())
}

fn has_colour(frame: &Frame, colour: u32) -> bool {
    let [_, red, green, blue] = colour.to_be_bytes();
    let near = |one: u8, other: u8| one.abs_diff(other) <= NEAR;
    (0..frame.height()).filter_map(|row| frame.row(row)).all(|row| {
        row.as_chunks::<4>()
            .0
            .iter()
            .all(|[r, g, b, _]| near(*r, red) && near(*g, green) && near(*b, blue))
    })
}

fn write_picture(frame: &Frame, path: &Path) -> Result<()> {
    let rows = (0..frame.height()).filter_map(|row| frame.row(row));
    let rgb: Vec<u8> = rows
        .flat_map(|row| row.as_chunks::<4>().0)
        .flat_map(|&[red, green, blue, _]| [red, green, blue])
        .collect();
    std::fs::write(path, rgb).map_err(|error| Error::from_io(ErrorKind::Storage, OPERATION, error))
}
