//! `jump users totp`: one's second factor.

use std::io::IsTerminal;

use clap::{Args, Subcommand};
use jump_core::control::{FactorAnswer, FactorRequest, RepRequest, Response, WireSecret};
use jump_core::model::{Field, UserName};
use jump_core::rep::Rep;
use jump_core::{Error, ErrorKind};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use crate::error::{Failure, surprised};
use crate::output::Output;
use crate::secret_input;

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a secret and show it, this once, for your authenticator application; one code of it makes it count
    Enrol {
        /// A code of the second factor that you have, if you have one
        #[arg(long, value_name = "CODE")]
        code: Option<Field>,
    },
    /// Give a code of the secret that was just shown, so that it counts
    Confirm {
        /// The code
        code: Field,
    },
    /// Say since when you have a second factor
    Status,
    /// Take a user's second factor away, such as with a lost telephone (administrators)
    Reset {
        /// Whose
        name: UserName,
    },
}

pub(super) async fn run(output: &Output, rep: &Rep, arguments: Arguments) -> Result<(), Failure> {
    match arguments.verb {
        Verb::Enrol { code } => enrol(output, rep, code).await,
        Verb::Confirm { code } => confirm(output, rep, code).await,
        Verb::Status => {
            let FactorAnswer::Since(since) = ask(rep, FactorRequest::Status).await? else {
                return Err(surprised());
            };
            match since {
                Some(since) => output.say(format_args!("You have a second factor since {since:.0}."))?,
                None => output.say("You have no second factor. Make one with: jump users totp enrol")?,
            }
            output.value(&serde_json::json!({ "since": since }))
        }
        Verb::Reset { name } => {
            let said = format!("{name} has no second factor any more.");
            done(rep, FactorRequest::Reset { user: name }).await?;
            output.say(said)?;
            output.value(&serde_json::json!({ "done": true }))
        }
    }
}

async fn ask(rep: &Rep, request: FactorRequest) -> Result<FactorAnswer, Failure> {
    match rep.request(RepRequest::SecondFactor(request)).await? {
        Response::SecondFactor(answer) => Ok(answer),
        _ => Err(surprised()),
    }
}

async fn done(rep: &Rep, request: FactorRequest) -> Result<(), Failure> {
    match rep.request(RepRequest::SecondFactor(request)).await? {
        Response::Done => Ok(()),
        _ => Err(surprised()),
    }
}

async fn enrol(output: &Output, rep: &Rep, code: Option<Field>) -> Result<(), Failure> {
    let FactorAnswer::Begun(address) = ask(rep, FactorRequest::Begin { code }).await? else {
        return Err(surprised());
    };
    output.value(&serde_json::json!({ "address": address.expose() }))?;
    if output.json() {
        return Ok(());
    }
    output.say("Read this with your authenticator application; it is shown this once:")?;
    output.say("")?;
    output.say(picture(&address)?)?;
    output.say(address.expose())?;
    output.say("")?;
    if !std::io::stdin().is_terminal() {
        return output.say("It counts after: jump users totp confirm CODE, within ten minutes.");
    }
    let code = secret_input::ask("The code that it shows now").await?;
    confirm(output, rep, Field::new(code.expose().trim())?).await
}

async fn confirm(output: &Output, rep: &Rep, code: Field) -> Result<(), Failure> {
    done(rep, FactorRequest::Confirm { code }).await?;
    output.say("Your second factor counts from now on. Give codes of it with --code.")?;
    output.value(&serde_json::json!({ "done": true }))
}

/// The address as a picture in half-block characters, dark on light whatever the terminal's colours.
fn picture(address: &WireSecret) -> Result<String, Failure> {
    let code = QrCode::new(address.expose().as_bytes()).map_err(|_| {
        // The encoder's message could say something about what was encoded.
        Error::new(ErrorKind::Internal, "show a second factor", "it fits no QR code")
    })?;
    // Terminals are mostly light on dark: what is light in the code is drawn.
    let mut drawn = code.render::<Dense1x2>();
    drawn.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
    Ok(drawn.build())
}
