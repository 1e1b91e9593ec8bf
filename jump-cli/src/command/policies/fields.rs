//! From the command line to a Jump Policy.

use clap::Args;
use jump_core::control::{ApprovalPatch, JumpPolicyPatch, NotificationPatch};
use jump_core::model::{
    ApprovalScope, CodeName, Description, Field, Name, SimultaneousJumps, SimultaneousRdp, UserName,
};
use jump_core::session::RecordingMode;

use crate::error::{Failure, usage};
use crate::values::{
    RECORDING, Seconds, clears, each_once, given_or_cleared, given_or_emptied, one_of, schedule, whole,
    yes_or_no,
};

#[derive(Debug, Args)]
pub(super) struct Fields {
    /// What scripts and imports call it
    #[arg(long)]
    code_name: Option<CodeName>,
    /// What it is for
    #[arg(long)]
    description: Option<Description>,
    /// When one may jump: 'Mon 08:00 - Fri 18:00', 'Mon-Fri 08:00 - 17:00', 'Sat 22:00 - 06:00'; may be given several times
    #[arg(long, value_name = "WINDOW", requires = "zone", help_heading = "Schedule")]
    schedule: Vec<String>,
    /// The schedule's time zone, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", requires = "schedule", help_heading = "Schedule")]
    zone: Option<String>,
    /// The schedule ends sessions and cannot be overridden; so it is unless you say otherwise
    #[arg(long, conflicts_with = "advisory", help_heading = "Schedule")]
    strict: bool,
    /// The schedule can be overridden, and ends nothing
    #[arg(long, help_heading = "Schedule")]
    advisory: bool,
    /// A user who may approve; may be given several times
    #[arg(long, value_name = "USER", help_heading = "Approval")]
    approver: Vec<UserName>,
    /// A user who may not approve any more; may be given several times
    #[arg(long, value_name = "USER", help_heading = "Approval")]
    remove_approver: Vec<UserName>,
    /// A team whose members may approve; may be given several times
    #[arg(long, value_name = "TEAM", help_heading = "Approval")]
    approver_team: Vec<Name>,
    /// A team whose members may not approve any more; may be given several times
    #[arg(long, value_name = "TEAM", help_heading = "Approval")]
    remove_approver_team: Vec<Name>,
    /// An address that hears of requests, in place of those there are; may be given several times
    #[arg(long, value_name = "ADDRESS", help_heading = "Approval")]
    approval_email: Vec<Field>,
    /// The longest that may be approved [default: 480]
    #[arg(long, value_name = "MINUTES", help_heading = "Approval")]
    approval_minutes: Option<u32>,
    /// For whom an approval holds: who asked, or anyone who may jump otherwise
    #[arg(long, value_parser = one_of::<ApprovalScope>(&["requestor", "anyone"]), help_heading = "Approval")]
    approval_scope: Option<ApprovalScope>,
    /// Whether one may approve one's own request
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no(), help_heading = "Approval")]
    self_approval: Option<bool>,
    /// Whether a reason must be given
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no(), help_heading = "At the door")]
    reason: Option<bool>,
    /// Whether a ticket id must be given and be approved by the ticket system
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no(), help_heading = "At the door")]
    ticket: Option<bool>,
    /// Whether a second factor must be shown for every Jump
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no(), help_heading = "At the door")]
    second_factor: Option<bool>,
    /// Several sessions on one item: as the site says, beside each other, or one at a time
    #[arg(long, value_parser = one_of::<SimultaneousJumps>(&["global", "join", "disallow"]), help_heading = "At the door")]
    simultaneous: Option<SimultaneousJumps>,
    /// Whether copies of an item count as the item
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no(), help_heading = "At the door")]
    count_copies: Option<bool>,
    /// Several sessions on one RDP item
    #[arg(long, value_parser = one_of::<SimultaneousRdp>(&["global", "new_session", "disallow"]), help_heading = "At the door")]
    simultaneous_rdp: Option<SimultaneousRdp>,
    /// Whether anything is recorded
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no(), help_heading = "In the session")]
    recordings: Option<bool>,
    /// What happens when a recording fails or cannot keep up
    #[arg(long, value_parser = one_of::<RecordingMode>(RECORDING), help_heading = "In the session")]
    recording_mode: Option<RecordingMode>,
    /// The longest a session may last, such as 8h
    #[arg(long, value_name = "TIME", help_heading = "In the session")]
    max_duration: Option<Seconds>,
    /// How long a session may be idle, at least 10s, such as 15m
    #[arg(long, value_name = "TIME", help_heading = "In the session")]
    idle_limit: Option<Seconds>,
    /// Whether somebody hears when a session starts
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no(), help_heading = "Notification")]
    notify_start: Option<bool>,
    /// Whether somebody hears when a session ends
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no(), help_heading = "Notification")]
    notify_end: Option<bool>,
    /// An address that hears of it, in place of those there are; may be given several times
    #[arg(long, value_name = "ADDRESS", help_heading = "Notification")]
    email: Vec<Field>,
    /// The name to show in place of the addresses
    #[arg(long, value_name = "NAME", help_heading = "Notification")]
    notify_name: Option<Field>,
    /// Clear a field; may be given several times
    #[arg(long, value_name = "FIELD", value_parser = ["schedule", "approval", "approval-email", "recording-mode", "max-duration", "idle-limit", "email", "notify-name", "description", "code-name"])]
    clear: Vec<String>,
}

/// Those who may and those who may not.
fn flagged<K: Clone>(yes: &[K], no: &[K]) -> impl Iterator<Item = (K, bool)> {
    let yes = yes.iter().map(|one| (one.clone(), true));
    yes.chain(no.iter().map(|one| (one.clone(), false)))
}

impl Fields {
    pub(super) fn patch(self, rename: Option<Name>) -> Result<JumpPolicyPatch, Failure> {
        let windows = match &self.zone {
            Some(zone) => Some(schedule(zone, &self.schedule)?),
            None => None,
        };
        let approval = self.approval()?;
        let notification = self.notification()?;
        Ok(JumpPolicyPatch {
            name: rename,
            code_name: given_or_cleared(self.code_name, &self.clear, "code-name")?,
            description: given_or_emptied(self.description, &self.clear, "description")?,
            schedule: given_or_cleared(windows, &self.clear, "schedule")?,
            schedule_strict: match (self.strict, self.advisory) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            },
            approval,
            reason_required: self.reason,
            ticket_id_required: self.ticket,
            two_factor_challenge_required: self.second_factor,
            simultaneous_jumps: self.simultaneous,
            simultaneous_jump_behavior_applies_to_copies: self.count_copies,
            simultaneous_jumps_rdp: self.simultaneous_rdp,
            notification,
            recordings_disabled: self.recordings.map(|recorded| !recorded),
            recording_mode: given_or_cleared(self.recording_mode, &self.clear, "recording-mode")?,
            max_duration_seconds: given_or_cleared(
                self.max_duration.map(|time| time.0),
                &self.clear,
                "max-duration",
            )?,
            idle_limit_seconds: given_or_cleared(
                self.idle_limit.map(|time| time.0),
                &self.clear,
                "idle-limit",
            )?,
        })
    }

    fn approval(&self) -> Result<Option<Option<ApprovalPatch>>, Failure> {
        let mut patch = ApprovalPatch {
            max_duration_minutes: self.approval_minutes,
            scope: self.approval_scope,
            email_addresses: whole(&self.approval_email, &self.clear, "approval-email")?,
            self_approval: self.self_approval,
            ..ApprovalPatch::default()
        };
        let users = flagged(&self.approver, &self.remove_approver);
        patch.approvers = each_once(users, UserName::to_string)?;
        let teams = flagged(&self.approver_team, &self.remove_approver_team);
        patch.approver_teams = each_once(teams, Name::to_string)?;
        match (patch == ApprovalPatch::default(), clears(&self.clear, "approval")) {
            (true, true) => Ok(Some(None)),
            (true, false) => Ok(None),
            (false, true) => Err(usage(
                "--clear approval takes all of the approval away: the other options about it contradict that",
            )),
            (false, false) => Ok(Some(Some(patch))),
        }
    }

    fn notification(&self) -> Result<Option<NotificationPatch>, Failure> {
        let patch = NotificationPatch {
            session_start: self.notify_start,
            session_end: self.notify_end,
            email_addresses: whole(&self.email, &self.clear, "email")?,
            display_name: given_or_emptied(self.notify_name.clone(), &self.clear, "notify-name")?,
        };
        Ok((patch != NotificationPatch::default()).then_some(patch))
    }
}
