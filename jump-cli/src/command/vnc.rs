//! `jump vnc`: a local port for VNC viewers, and the viewer that is installed.

use std::io;

use clap::Args;
use jump_core::Error;
use jump_core::model::ItemDetails;
use jump_core::rep::Rep;
use jump_proto_vnc::security::{ServerHandshake, ServerLogin, ServerStep};
use jump_proto_vnc::wire::Input;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Context;
use super::local_port::{Form, Listen, LocalPort, Program, Programs, Wanted};
use crate::connect::{ScreenArguments, settle};
use crate::error::{Failure, sentence, usage};
use crate::output::Output;
use crate::screen::screen_item;
use crate::stop::Stop;

/// What a viewer says before it can be told why: its version, and at most a choice (RFC 6143 §7.1.1, §7.1.2).
const FIRST_WORDS: usize = 64;

pub(super) const VIEWERS: Programs = Programs {
    noun: "viewer",
    start: "start the viewer",
    known: &[
        ("xtigervncviewer", Form::TwoColons),
        ("vncviewer", Form::TwoColons),
        ("xtightvncviewer", Form::TwoColons),
        ("ssvncviewer", Form::TwoColons),
        ("remmina", Form::Remmina("vnc")),
        ("remote-viewer", Form::Url("vnc")),
        ("krdc", Form::Url("vnc")),
    ],
};

const EXAMPLES: &str = "\
Examples:
  jump vnc desk                              starts the viewer that is installed
  jump vnc desk --viewer remmina
  jump vnc desk --no-viewer --listen 5901    then, say: vncviewer 127.0.0.1::5901

Each connection to the port is a session of its own, opened when a viewer connects. Everybody who can use this
machine's loopback can connect while the command runs.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The item's name, GROUP/NAME or id
    item: String,
    /// Where to listen for viewers, on loopback; port 0 is any free port
    #[arg(long, value_name = "[ADDR:]PORT", default_value = "0")]
    listen: Listen,
    /// The viewer to start, by its name or path [default: the first that is installed]
    #[arg(long, value_name = "PROGRAM", conflicts_with = "no_viewer", value_parser = |text: &str| VIEWERS.named(text))]
    viewer: Option<Program>,
    /// Start no viewer: connect one of your own
    #[arg(long)]
    no_viewer: bool,
    // Last: its heading would go on above what follows.
    #[command(flatten)]
    session: ScreenArguments,
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let rep = arguments.session.connect(&context.home).await?;
    let served = serve(&rep, *context.output, arguments).await;
    settle(&rep).await;
    served
}

async fn serve(rep: &Rep, output: Output, arguments: Arguments) -> Result<(), Failure> {
    let item = screen_item(rep, &arguments.item).await?;
    if !matches!(item.details, ItemDetails::LocalVnc(_) | ItemDetails::RemoteVnc(_)) {
        return Err(usage("this item speaks no VNC"));
    }
    let options = arguments.session.options(&item).await?;
    let stop = Stop::listen()?;
    let (listener, address) = arguments.listen.bind().await?;
    let port = LocalPort {
        rep,
        output,
        item: &item,
        options: &options,
        listener,
        address,
        programs: &VIEWERS,
        wanted: Wanted::of(arguments.viewer.as_ref(), arguments.no_viewer),
        invitation: "Connect a VNC viewer to it; it asks for no password. Ctrl-C ends it.",
    };
    // A viewer that does not want to know is gone.
    let refuse = async |local: TcpStream, why: &Error| drop(refuse(local, why).await);
    port.serve(stop, refuse).await
}

/// Says in the viewer's own protocol why there is no session, so that it can show it.
async fn refuse(mut local: TcpStream, why: &Error) -> io::Result<()> {
    let mut handshake = ServerHandshake::new(ServerLogin::Refuse(sentence(why)));
    let mut received = Vec::new();
    loop {
        let mut output = Vec::new();
        let mut input = Input::new(&received);
        let step = handshake.advance(&mut input, &mut output);
        let read = input.consumed();
        received.drain(..read);
        local.write_all(&output).await?;
        if step != Ok(ServerStep::More) {
            return local.shutdown().await;
        }
        if received.len() >= FIRST_WORDS || local.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    }
}
