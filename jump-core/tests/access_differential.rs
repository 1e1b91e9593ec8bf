//! `decide` beside the naive evaluator of the test kit, on random sites.
//!
//! `JUMP_ACCESS_WORLDS` says how many sites, `JUMP_ACCESS_SEED` from which seed on.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use jump_core::access::{Action, Decision, Effect, Gate, Reason, Verdict, decide};
use jump_core::model::{Change, World};
use jump_testkit::naive::{Answer, Duties, Facts};
use jump_testkit::random_world::{Parts, Question, RandomSite};

/// Enough to meet every pair of rules, in seconds.
const WORLDS: u64 = 20_000;
const QUESTIONS: usize = 4;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

fn shut(decision: &Decision) -> Vec<Gate> {
    let stops = decision
        .reasons
        .iter()
        .filter(|reason| reason.verdict() == Verdict::Stop);
    let mut gates: Vec<Gate> = stops.map(Reason::gate).collect();
    gates.dedup();
    gates
}

/// What the two disagree about, in words; empty if nothing.
fn disagreement(world: &World, decision: &Decision, action: Action, naive: &Answer) -> String {
    if (decision.effect == Effect::Allow) != naive.shut.is_empty() || shut(decision) != naive.shut {
        return format!("shut: {:?}, naive {:?}", shut(decision), naive.shut);
    }
    let role = decision.reasons.iter().find_map(|reason| match reason {
        Reason::RolePermits { role, source, .. } | Reason::RoleLacks { role, source, .. } => {
            Some((role, source))
        }
        _ => None,
    });
    let naive_role = naive
        .role
        .as_ref()
        .map(|(role, source)| (&world.role(*role).unwrap().name, source));
    if role != naive_role {
        return format!("role: {role:?}, naive {naive_role:?}");
    }
    let duties = decision.obligations.as_ref().map(|obligations| Duties {
        recording: obligations.recording,
        permissions: obligations.permissions,
        commands: obligations.commands.clone(),
        paths: obligations.paths.clone(),
        until: obligations.until,
        limits: vec![obligations.limit],
        idle_limit_seconds: obligations.idle_limit_seconds,
        policy: obligations.policy,
    });
    assert!(action == Action::Start || duties.is_none());
    let mut naive = naive.duties.clone();
    // Of several limits at one moment, any may be named.
    if let (Some(duties), Some(naive)) = (&duties, &mut naive) {
        naive.limits.retain(|limit| duties.limits.contains(limit));
        naive.limits.dedup();
    }
    if duties == naive {
        String::new()
    } else {
        format!("duties: {duties:?}, naive {naive:?}")
    }
}

fn ask(world: &World, question: &Question) -> Decision {
    let Question {
        user,
        item,
        action,
        context,
        now,
    } = question;
    decide(world, *user, *item, *action, context, *now).0
}

/// How many questions were answered with yes.
fn compare(parts: &Parts, seed: u64) -> usize {
    let mut site = RandomSite::new(parts, seed);
    let changes: Vec<Change> = site.changes().unwrap().into_iter().flatten().collect();
    let world = World::restore(changes.iter().cloned(), 0).unwrap_or_else(|error| {
        panic!("seed {seed}: {error}\n{changes:#?}");
    });
    let facts = Facts::of(&world);
    let mut yes = 0;
    for _ in 0..QUESTIONS {
        let question = site.question().unwrap();
        let decision = ask(&world, &question);
        let Question {
            user,
            item,
            action,
            context,
            now,
        } = &question;
        let naive = facts.answer(*user, *item, *action, context, *now);
        let wrong = disagreement(&world, &decision, *action, &naive);
        assert!(
            wrong.is_empty(),
            "seed {seed}: {wrong}\n{question:#?}\n{decision:#?}\n{}",
            serde_json::to_string_pretty(&changes).unwrap()
        );
        yes += usize::from(decision.effect == Effect::Allow);
    }
    yes
}

#[test]
fn c12_the_naive_evaluator_agrees_on_random_worlds() {
    let worlds = number("JUMP_ACCESS_WORLDS", WORLDS);
    let first = number("JUMP_ACCESS_SEED", 0);
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let yes: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let parts = Parts::new().unwrap();
                    let seeds = (first..first + worlds).filter(|seed| seed % threads == thread);
                    seeds.map(|seed| compare(&parts, seed)).sum::<usize>()
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("agreement"))
            .sum()
    });
    let asked = worlds as usize * QUESTIONS;
    println!("{worlds} worlds from seed {first}: {asked} questions, {yes} answered with yes");
    // A comparison of denials alone would show little.
    assert!(
        worlds < 100 || yes * 20 > asked,
        "only {yes} of {asked} were allowed"
    );
}
