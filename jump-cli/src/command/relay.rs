//! `jump relay`: the data plane apart from the broker.

use clap::Args;
use jump_core::keys::PublicKey;
use jump_core::tunnel::{Admission, Relay, TcpTransport, Transport};

use super::Context;
use crate::error::Failure;
use crate::stop::Stop;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where to listen
    #[arg(long, value_name = "IP:PORT")]
    listen: String,
    /// The key of the broker whose tickets count, as `jump broker` prints it
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    broker_key: PublicKey,
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    let mut stop = Stop::listen()?;
    let listener = TcpTransport.listen(&arguments.listen).await?;
    let address = listener.address();
    let relay = Relay::builder(arguments.broker_key).build();
    output.say(format_args!("The relay serves at {address}; Ctrl-C ends it."))?;
    output.value(&serde_json::json!({ "ready": { "address": address } }))?;
    tokio::select! {
        ended = relay.run(listener, Admission::new(1024, 256)) => ended.map_err(Failure::from),
        () = stop.told() => Ok(()),
    }
}
