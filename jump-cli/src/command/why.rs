//! `jump why`: the decision with its reasons.

use clap::Args;
use jump_core::access::{Decision, Effect, Gate, Verdict};
use jump_core::control::{RepRequest, Response};
use jump_core::model::UserName;
use jump_core::text::Escaped;
use jump_core::time::Timestamp;

use super::Context;
use crate::connect::connect;
use crate::error::{Failure, surprised, usage};
use crate::output::{Colour, Output, moment};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Who, if it is not you, and on which item
    #[arg(value_name = "[USER] ITEM", num_args = 1..=2, required = true)]
    about: Vec<String>,
    /// At which moment, such as 2027-01-31T22:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let (user, item) = match arguments.about.as_slice() {
        [item] => (None, item.clone()),
        [user, item] => (Some(UserName::new(user)?), item.clone()),
        _ => return Err(usage("say which item")),
    };
    let rep = connect(&context.home).await?;
    let request = RepRequest::Why {
        user,
        item,
        at: arguments.at,
    };
    let Response::Explanation(explanation) = rep.request(request).await? else {
        return Err(surprised());
    };
    let output = context.output;
    let (user, item) = (Escaped(&explanation.user), Escaped(&explanation.item));
    let title = format!(
        "May {user} start a session on {item} at {}?",
        moment(explanation.at)
    );
    output.say(output.paint(Colour::Bold, title))?;
    show(output, &explanation.decision)?;
    output.value(&explanation)
}

/// Each gate with its mark, then the verdict.
pub(crate) fn show(output: &Output, decision: &Decision) -> Result<(), Failure> {
    for reason in &decision.reasons {
        let mark = match reason.verdict() {
            Verdict::Pass => output.paint(Colour::Good, "✓"),
            Verdict::Stop => output.paint(Colour::Bad, "✗"),
        };
        let gate = match reason.gate() {
            Gate::User => "user",
            Gate::Item => "item",
            Gate::Method => "method",
            Gate::Jumpoint => "jumpoint",
            Gate::Role => "role",
            Gate::Schedule => "schedule",
            Gate::Approval => "approval",
            Gate::Requirement => "needs",
            Gate::Simultaneity => "in use",
            _ => "rule",
        };
        output.say(format_args!(
            "   {mark} {gate:<9} {}",
            Escaped(&reason.to_string())
        ))?;
    }
    match decision.effect {
        Effect::Allow => output.say(format_args!("   {}", output.paint(Colour::Good, "allowed")))?,
        Effect::Deny => output.say(format_args!("   {}", output.paint(Colour::Bad, "denied")))?,
    }
    if let Some(obligations) = &decision.obligations {
        let until = moment(obligations.until);
        output.say(format_args!(
            "   recording: {}; until {until} at the latest",
            obligations.recording
        ))?;
    }
    Ok(())
}
