//! `jump rdp`: a local port for RDP clients, and the client that is installed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use jump_core::model::{ItemDetails, Rdp, SecureApp};
use jump_core::rep::Rep;
use jump_core::{Error, ErrorKind};
use tokio::net::TcpStream;

use super::Context;
use super::local_port::{Form, Listen, LocalPort, Program, Programs, Wanted};
use crate::connect::{ScreenArguments, settle};
use crate::error::{Failure, usage};
use crate::output::Output;
use crate::screen::screen_item;
use crate::stop::Stop;

pub(super) const CLIENTS: Programs = Programs {
    noun: "client",
    start: "start the client",
    known: &[
        ("xfreerdp3", Form::FreeRdp),
        ("xfreerdp", Form::FreeRdp),
        ("sdl-freerdp3", Form::FreeRdp),
        ("sdl-freerdp", Form::FreeRdp),
        ("wlfreerdp", Form::FreeRdp),
        ("remmina", Form::Remmina("rdp")),
        ("krdc", Form::Url("rdp")),
        ("mstsc", Form::Windows),
        ("mstsc.exe", Form::Windows),
    ],
};

const EXAMPLES: &str = "\
Examples:
  jump rdp server                            starts the client that is installed
  jump rdp server --viewer remmina
  jump rdp server --no-viewer --listen 3390 --file server.rdp
                                             then open server.rdp, or: xfreerdp /v:127.0.0.1:3390

A client needs no password; one that insists on a login before it shows anything takes `jump` with the password `jump`.
Each connection to the port is a session of its own, opened when a client connects. Everybody who can use this
machine's loopback can connect while the command runs.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The item's name, GROUP/NAME or id
    item: String,
    /// Where to listen for clients, on loopback; port 0 is any free port
    #[arg(long, value_name = "[ADDR:]PORT", default_value = "0")]
    listen: Listen,
    /// The client to start, by its name or path [default: the first that is installed]
    #[arg(long, value_name = "PROGRAM", conflicts_with = "no_viewer", value_parser = |text: &str| CLIENTS.named(text))]
    viewer: Option<Program>,
    /// Start no client: connect one of your own
    #[arg(long)]
    no_viewer: bool,
    /// Write a connection file for other clients, such as that of Windows
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
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
    let (ItemDetails::LocalRdp(rdp) | ItemDetails::RemoteRdp(rdp)) = &item.details else {
        return Err(usage("this item speaks no RDP"));
    };
    let options = arguments.session.options(&item).await?;
    let stop = Stop::listen()?;
    let (listener, address) = arguments.listen.bind().await?;
    if let Some(path) = &arguments.file {
        std::fs::write(path, connection_file(address, rdp)).map_err(|error| {
            let message = path.display().to_string();
            Error::new(ErrorKind::Storage, "write the connection file", message).with_source(error)
        })?;
    }
    let port = LocalPort {
        rep,
        output,
        item: &item,
        options: &options,
        listener,
        address,
        programs: &CLIENTS,
        wanted: Wanted::of(arguments.viewer.as_ref(), arguments.no_viewer),
        invitation: "Connect an RDP client to it; it needs no password. Ctrl-C ends it.",
    };
    port.serve(stop, refuse).await
}

/// RDP has no words for why there is no session: the client hears that there is none, and the user reads why here.
async fn refuse(local: TcpStream, _: &Error) {
    jump_proto_rdp::gate::refuse(Box::new(local)).await;
}

/// What clients read that open a file (the settings are those of Windows' own client).
fn connection_file(address: SocketAddr, rdp: &Rdp) -> String {
    let mut file = format!(
        "full address:s:{address}\r\n\
         username:s:rep\r\n\
         authentication level:i:0\r\n\
         enablecredsspsupport:i:0\r\n\
         prompt for credentials:i:0\r\n\
         negotiate security layer:i:1\r\n\
         autoreconnection enabled:i:0\r\n"
    );
    if rdp.console {
        file += "administrative session:i:1\r\n";
    }
    if let SecureApp::RemoteApp {
        remote_app_name,
        remote_app_params,
    } = &rdp.secure_app
    {
        // Whatever is in here, the gate starts what the item says.
        let [name, parameters] = [remote_app_name, remote_app_params].map(|text| one_line(text.as_str()));
        file += &format!(
            "remoteapplicationmode:i:1\r\n\
             remoteapplicationname:s:{name}\r\n\
             remoteapplicationprogram:s:{name}\r\n\
             remoteapplicationcmdline:s:{parameters}\r\n\
             disableremoteappcapscheck:i:1\r\n"
        );
    }
    file
}

/// A text that adds no line to a file.
fn one_line(text: &str) -> String {
    text.chars().filter(|one| !one.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use jump_core::model::Field;

    use super::*;

    #[test]
    fn the_connection_file_leads_to_the_port_and_holds_no_password() {
        let file = connection_file("127.0.0.1:3390".parse().unwrap(), &Rdp::default());
        assert!(file.starts_with("full address:s:127.0.0.1:3390\r\n"));
        assert!(file.ends_with("\r\n") && !file.contains("password"));
        assert!(!file.contains("remoteapplication") && !file.contains("administrative"));
    }

    #[test]
    fn the_connection_file_says_what_the_item_starts() {
        let rdp = Rdp {
            console: true,
            secure_app: SecureApp::RemoteApp {
                remote_app_name: Field::new("||calc").unwrap(),
                remote_app_params: Field::new("/a b").unwrap(),
            },
            ..Rdp::default()
        };
        let file = connection_file("127.0.0.1:3390".parse().unwrap(), &rdp);
        for line in [
            "administrative session:i:1",
            "remoteapplicationmode:i:1",
            "remoteapplicationprogram:s:||calc",
            "remoteapplicationcmdline:s:/a b",
        ] {
            assert!(file.lines().any(|one| one == line), "{line}: {file}");
        }
        assert_eq!(one_line("a\r\nfull address:s:b"), "afull address:s:b");
    }
}
