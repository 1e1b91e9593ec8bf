//! `jump approvals`.

use clap::{Args, Subcommand};
use jump_core::control::{ApprovalAnswer, ApprovalView, RepRequest, Response};
use jump_core::id::ApprovalId;
use jump_core::model::Remark;
use jump_core::time::Timestamp;
use jump_core::{Error, ErrorKind};

use super::Context;
use crate::connect::connect;
use crate::error::{Failure, surprised};
use crate::output::{Column, moment};

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List your requests and those that you may answer
    List,
    /// Ask for an approval to jump to an item
    Request {
        /// The item's name, GROUP/NAME or id
        item: String,
        /// Why
        #[arg(long)]
        reason: Remark,
        /// From when, such as 2026-12-24T18:00:00Z [default: now]
        #[arg(long, value_name = "TIME")]
        from: Option<Timestamp>,
        /// For how many minutes [default: 120, or what the Jump Policy allows if that is less]
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=524_160))]
        minutes: Option<u32>,
    },
    /// Approve a request
    Approve(Answer),
    /// Deny a request
    Deny(Answer),
    /// Take your own request back
    Cancel(Answer),
    /// Take an approval back; sessions that rest on it end
    Revoke(Answer),
}

#[derive(Debug, Args)]
struct Answer {
    /// The request's number
    #[arg(value_parser = number)]
    request: ApprovalId,
    /// What you want to say about it
    #[arg(long, default_value = "")]
    comments: Remark,
}

fn number(text: &str) -> Result<ApprovalId, Error> {
    let wrong = |_| Error::new(ErrorKind::InvalidArgument, "read a request", "it is a number");
    ApprovalId::new(text.parse().map_err(wrong)?)
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let answer = |answer: ApprovalAnswer, to: Answer| RepRequest::AnswerApproval {
        request: to.request,
        answer,
        comments: to.comments,
    };
    let request = match arguments.verb {
        Verb::List => RepRequest::Approvals { state: None },
        Verb::Request {
            item,
            reason,
            from,
            minutes,
        } => RepRequest::RequestApproval {
            item,
            start: from,
            duration_seconds: minutes.map(|minutes| minutes.saturating_mul(60)),
            reason,
        },
        Verb::Approve(to) => answer(ApprovalAnswer::Approve, to),
        Verb::Deny(to) => answer(ApprovalAnswer::Deny, to),
        Verb::Cancel(to) => answer(ApprovalAnswer::Cancel, to),
        Verb::Revoke(to) => answer(ApprovalAnswer::Revoke, to),
    };
    let rep = connect(&context.home).await?;
    let Response::Approvals(found) = rep.request(request).await? else {
        return Err(surprised());
    };
    let columns: &[Column<ApprovalView>] = &[
        Column {
            name: "ID",
            text: |one| one.id.to_string(),
        },
        Column {
            name: "STATE",
            text: |one| one.state.to_string(),
        },
        Column {
            name: "ITEM",
            text: |one| one.item.clone(),
        },
        Column {
            name: "WHO",
            text: |one| one.requester.clone(),
        },
        Column {
            name: "FROM",
            text: |one| moment(one.start),
        },
        Column {
            name: "UNTIL",
            text: |one| moment(one.end),
        },
        Column {
            name: "REASON",
            text: |one| one.reason.clone(),
        },
        Column {
            name: "ANSWER",
            text: |one| match &one.answered_by {
                Some(who) => format!("{who}: {}", one.comments),
                None => String::new(),
            },
        },
    ];
    context.output.table(&found, columns)
}
