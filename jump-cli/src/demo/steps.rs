//! The steps of the tour.

use std::fs::File;
use std::io::BufReader;
use std::time::{Duration, Instant};

use jump_core::ErrorKind;
use jump_core::access::Effect;
use jump_core::audit::verify_log;
use jump_core::control::{Edit, RepRequest, Response};
use jump_core::id::SessionId;
use jump_core::model::{Name, UserName};
use jump_core::protocol::{ExitStatus, Session, ShellEvent, ShellSession};
use jump_core::rep::Rep;
use jump_proto_ssh::recording::text;

use super::people::People;
use super::scenery::{GROUP, ITEM, ROLE};
use super::stage::Stage;
use super::teller::Teller;
use crate::command::recordings::{Recording, title};
use crate::command::up::shell_word;
use crate::error::{Failure, sentence, surprised};
use crate::state::Home;

/// What is run on the target.
const COMMANDS: [&str; 3] = ["whoami", "uptime", "cat README"];
/// Within this a change must have ended a session.
const AT_ONCE: Duration = Duration::from_secs(1);

/// A session and what its commands wrote.
#[derive(Debug)]
pub(super) struct Said {
    session: SessionId,
    output: String,
}

pub(super) async fn denied(teller: &Teller, stage: &Stage, people: &People) -> Result<(), Failure> {
    teller.heading("bob asks for a session on web-1").await?;
    let before = stage.tap.seen();
    let error = match Box::pin(people.bob.jump(ITEM)).await {
        Err(error) => error,
        Ok(_) => return teller.check("bob gets no session", false),
    };
    teller.detail(format_args!("bob is told: {}", sentence(&error)))?;
    let hidden = error.kind() == ErrorKind::NotFound;
    teller.check(
        "bob is denied, and does not even learn whether there is such an item",
        hidden,
    )?;
    teller.check("not a byte of his reached the relay", stage.tap.seen() == before)?;
    teller.detail("The administrator asks why (jump why bob web-1):")?;
    let asked = RepRequest::Why {
        user: Some(UserName::new("bob")?),
        item: ITEM.to_owned(),
        at: None,
    };
    let Response::Explanation(explanation) = people.admin.request(asked).await? else {
        return Err(surprised());
    };
    teller.decision(&explanation.decision)?;
    let denied = explanation.decision.effect == Effect::Deny;
    teller.check("the decision says which role is missing", denied)
}

pub(super) async fn allowed(teller: &Teller, stage: &Stage, people: &People) -> Result<Said, Failure> {
    teller.heading("alice asks for a session on web-1").await?;
    let explanation = people.alice.why(ITEM).await?;
    teller.decision(&explanation.decision)?;
    let (id, session) = open(stage, &people.alice).await?;
    let mut output = String::new();
    for command in COMMANDS {
        teller.detail(format_args!("alice runs: {command}"))?;
        let (written, exit) = exec(&*session, command).await?;
        teller.quote(&written)?;
        let good = exit == Some(ExitStatus::Code(0)) && !written.trim().is_empty();
        teller.check("it wrote something and ended with exit code 0", good)?;
        output.push_str(&written);
    }
    session.close().await?;
    stage.session_over(id).await?;
    Ok(Said { session: id, output })
}

/// Opens a session; nothing else runs, so the broker's one live session is it.
async fn open(stage: &Stage, rep: &Rep) -> Result<(SessionId, Box<dyn ShellSession>), Failure> {
    let Session::Shell(session) = Box::pin(rep.open(ITEM)).await? else {
        return Err(surprised());
    };
    let id = stage
        .broker
        .live_sessions()
        .into_iter()
        .next()
        .ok_or_else(surprised)?;
    Ok((id, session))
}

async fn exec(session: &dyn ShellSession, command: &str) -> Result<(String, Option<ExitStatus>), Failure> {
    let mut channel = session.exec(command.as_bytes(), None).await?;
    let (mut output, mut exit) = (Vec::new(), None);
    while let Some(event) = channel.reader.next().await? {
        match event {
            ShellEvent::Output(bytes) | ShellEvent::ErrorOutput(bytes) => output.extend_from_slice(&bytes),
            ShellEvent::Exit(status) => exit = Some(status),
        }
    }
    Ok((String::from_utf8_lossy(&output).into_owned(), exit))
}

pub(super) async fn relay(teller: &Teller, stage: &Stage, said: &Said) -> Result<(), Failure> {
    teller.heading("What the relay saw of it").await?;
    let seen = stage.tap.seen();
    teller.check(
        &format!("{seen} bytes passed it, encrypted from end to end"),
        seen > 0,
    )?;
    teller.check(
        "the password is not among them",
        !stage.tap.saw(stage.password.as_bytes()),
    )?;
    let lines: Vec<&str> = said
        .output
        .lines()
        .map(str::trim)
        .filter(|line| line.len() > 7)
        .collect();
    let none = !lines.is_empty() && !lines.iter().any(|line| stage.tap.saw(line.as_bytes()));
    teller.check("nor is any line of the output", none)
}

pub(super) async fn recording(teller: &Teller, stage: &Stage, said: &Said) -> Result<(), Failure> {
    teller
        .heading("The recording, which only the site's recording key opens")
        .await?;
    let path = stage.site.recordings().join(format!("{}.jrec", said.session));
    let recording = Recording::open(path, stage.site.recording_key()?)?;
    let mut shown = Vec::new();
    for summary in &recording.watchable {
        shown.extend_from_slice(format!("-- {}\n", title(summary)).as_bytes());
        text(recording.records()?, summary.channel, &mut shown)?;
    }
    let shown = String::from_utf8_lossy(&shown);
    teller.quote(&shown)?;
    let whole = said.output.lines().all(|line| shown.contains(line.trim_end()));
    teller.check("it verifies, and holds every line of the output", whole)?;
    teller.check("it holds no password", !shown.contains(&stage.password))
}

pub(super) async fn revoked(teller: &Teller, stage: &Stage, people: &People) -> Result<(), Failure> {
    teller
        .heading("alice has a session open, and the administrator takes her role away")
        .await?;
    let (id, session) = open(stage, &people.alice).await?;
    let mut shell = session.shell(&crate::terminal::describe()).await?;
    // The prompt: the session is really open.
    let prompt = shell.reader.next().await?;
    teller.check("alice's shell is open", prompt.is_some())?;
    let leave = Edit::RemoveMember {
        group: Name::new(GROUP)?,
        user: UserName::new("alice")?,
    };
    let changed = Instant::now();
    people.admin.edit(leave).await?;
    let error = loop {
        match tokio::time::timeout(AT_ONCE * 5, shell.reader.next()).await {
            Ok(Ok(Some(_))) => {}
            Ok(Ok(None)) | Err(_) => return teller.check("the session ends with an error", false),
            Ok(Err(error)) => break error,
        }
    };
    let took = changed.elapsed();
    teller.detail(format_args!(
        "alice's program gets the error `{}`: {}",
        error.kind(),
        sentence(&error)
    ))?;
    let within = format!(
        "the session was cut {} ms after the change, which is within a second",
        took.as_millis()
    );
    teller.check(&within, took < AT_ONCE)?;
    teller.check(
        "the error says that a decision ended it",
        error.kind() == ErrorKind::SessionEnded,
    )?;
    stage.session_over(id).await
}

pub(super) async fn audit(teller: &Teller, stage: &Stage) -> Result<(), Failure> {
    teller.heading("The audit log").await?;
    let path = stage.site.audit_path();
    let holds = |text: &[u8]| {
        let log = std::fs::read(&path).unwrap_or_default();
        log.windows(text.len().max(1)).any(|window| window == text)
    };
    // A session is logged right after it has ended.
    stage
        .until("the session's end is logged", || holds(b"access_revoked"))
        .await?;
    let log = File::open(&path)
        .map(BufReader::new)
        .map_err(crate::error::runtime)?;
    let verified = verify_log(log)?;
    let bound = format!(
        "{} events, each bound to the one before it, verify",
        verified.events
    );
    teller.check(&bound, verified.events > 0)?;
    let told = holds(b"session_denied") && holds(b"session_granted");
    teller.check("the denial, the sessions and the revocation are in it", told)?;
    teller.check("the password is not", !holds(stage.password.as_bytes()))
}

pub(super) async fn keep(teller: &Teller, stage: &Stage, people: &People) -> Result<(), Failure> {
    teller.heading("Everything keeps running; Ctrl-C ends it").await?;
    let role = Some(Name::new(ROLE)?);
    let back = Edit::AddMember {
        group: Name::new(GROUP)?,
        user: UserName::new("alice")?,
        role,
        policy: None,
    };
    people.admin.edit(back).await?;
    let home = Home::find(Some(&stage.home), "default")?;
    people.alice_login.write(&home.login())?;
    let program = std::env::current_exe().map_err(crate::error::runtime)?;
    let word = |path: &std::path::Path| shell_word(&path.display().to_string());
    let (program, home) = (word(&program), word(&stage.home));
    teller.detail("alice has her role back. In another terminal, you are alice with:")?;
    teller.detail("")?;
    teller.detail(format_args!("  export JUMP_HOME={home}"))?;
    teller.detail(format_args!("  {program} ssh {ITEM}"))?;
    teller.detail(format_args!(
        "  ssh -o ProxyCommand='{program} proxy {ITEM}' {ITEM}"
    ))?;
    teller.detail(format_args!("  {program} why {ITEM}"))
}
