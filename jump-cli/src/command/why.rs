//! `jump why`: the decision with its reasons.

use clap::Args;
use jump_core::access::simulate::Reach;
use jump_core::access::{Decision, Effect, Gate, PermissionRule, Verdict};
use jump_core::control::{Explanation, RepRequest, Response};
use jump_core::model::UserName;
use jump_core::protocol::TransferDirection;
use jump_core::text::Escaped;
use jump_core::time::Timestamp;

use super::Context;
use super::diff::{commands, paths};
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
    if !explanation.permissions.is_empty() {
        inside(output, &explanation)?;
    }
    if let Some(next) = &explanation.next {
        let at = moment(next.at);
        output.say(format_args!("   This holds until {at}; then: {}", next.reach))?;
    }
    output.value(&explanation)
}

/// What may happen in the session, and who says so.
fn inside(output: &Output, explanation: &Explanation) -> Result<(), Failure> {
    let needs = explanation.decision.needs();
    if needs.is_empty() {
        output.say("   In the session:")?;
    } else {
        output.say(format_args!(
            "   Allowed {}; then, in the session:",
            Reach::With(needs)
        ))?;
    }
    for one in &explanation.permissions {
        let mark = match one.allowed {
            true => output.paint(Colour::Good, "yes"),
            false => output.paint(Colour::Bad, "no "),
        };
        let whose = whose(one.rule);
        let named = one
            .policy
            .as_ref()
            .map(|name| format!(" \"{}\"", Escaped(name.as_str())));
        output.say(format_args!(
            "   {mark} {:<21} {whose}{}",
            one.permission,
            named.unwrap_or_default()
        ))?;
    }
    for one in &explanation.paths {
        let direction = match one.direction {
            TransferDirection::Upload => "uploads",
            TransferDirection::Download => "downloads",
        };
        output.say(format_args!(
            "   {direction}: {}, {} \"{}\"",
            Escaped(&paths(&one.paths)),
            whose(one.rule),
            Escaped(one.policy.as_str())
        ))?;
    }
    let filter = explanation
        .obligations
        .as_ref()
        .and_then(|one| one.commands.as_ref());
    if filter.is_some() {
        output.say(format_args!("   commands: {}", Escaped(&commands(filter))))?;
    }
    Ok(())
}

const fn whose(rule: PermissionRule) -> &'static str {
    match rule {
        PermissionRule::Item => "the item leaves it out",
        PermissionRule::ItemPolicy => "the item's session policy",
        PermissionRule::UserPolicy => "the user's session policy",
        PermissionRule::SitePolicy => "the site's session policy",
        PermissionRule::Default => "by default",
        _ => "another rule",
    }
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
