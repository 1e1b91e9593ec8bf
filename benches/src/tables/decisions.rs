//! Access decisions: how long one takes, and beside cedar-policy.

use std::hint::black_box;
use std::time::Instant;

use jump_core::model::World;
use jump_core::{Error, ErrorKind, Result};

use super::{Amount, interleave};
use crate::decisions::facts::{Facts, Size};
use crate::decisions::questions::{Question, questions};
use crate::decisions::world::{Asked, Rules, build};
use crate::report::{Goal, Section, Table};
use crate::series::Series;
use crate::statistics::quantile;
use crate::usage::memory_kib;

const SMALL: &str = "jump, small site";
const COMMON: &str = "jump";
const ALL_RULES: &str = "jump, all rules";
#[cfg(feature = "cedar")]
const CEDAR: &str = "cedar-policy";
const P50: &str = "p50, µs";
const P99: &str = "p99, µs";
const MEAN: &str = "mean, µs";
const MEMORY: &str = "memory, MiB";
const QUESTIONS: usize = 100_000;
const SEED: u64 = 20_261_124;

/// Whoever answers; question by number.
type Answerer<'a> = (&'static str, Box<dyn Fn(usize) -> bool + 'a>);

pub(crate) fn measure(amount: Amount) -> Result<Section> {
    let small = Facts::new(
        Size {
            users: 100,
            items: 1_000,
        },
        SEED,
    );
    let large = Facts::new(
        Size {
            users: 10_000,
            items: 100_000,
        },
        SEED,
    );
    let asked_small = questions(&small, QUESTIONS, SEED + 1);
    let asked = questions(&large, QUESTIONS, SEED + 1);
    let mut series = Series::default();
    let small = weighed(SMALL, &small, Rules::Common, &mut series)?;
    let common = weighed(COMMON, &large, Rules::Common, &mut series)?;
    let all_rules = weighed(ALL_RULES, &large, Rules::All, &mut series)?;
    #[cfg(feature = "cedar")]
    let engine = crate::decisions::cedar::Cedar::new(&large)?;

    #[cfg_attr(
        not(feature = "cedar"),
        expect(unused_mut, reason = "the peer comes with the feature")
    )]
    let mut answerers: Vec<Answerer<'_>> = vec![
        ours(SMALL, &small, &asked_small)?,
        ours(COMMON, &common, &asked)?,
        ours(ALL_RULES, &all_rules, &asked)?,
    ];
    #[cfg(feature = "cedar")]
    answerers.push(beside(&engine, &asked)?);

    let allowed = agree(&answerers)?;
    interleave(amount.rounds, answerers.len(), |place| {
        if let Some((name, answer)) = answerers.get(place) {
            time(name, answer, &mut series);
        }
        Ok(())
    })?;
    Ok(section(amount, allowed, &answerers, series))
}

/// The site as a world, and how much memory the process has taken for it.
fn weighed(name: &'static str, facts: &Facts, rules: Rules, series: &mut Series) -> Result<World> {
    let before = memory_kib(std::process::id())?;
    let world = build(facts, rules)?;
    let taken = memory_kib(std::process::id())?.saturating_sub(before);
    series.push(name, MEMORY, taken as f64 / 1024.0);
    Ok(world)
}

fn ours<'a>(name: &'static str, world: &'a World, questions: &[Question]) -> Result<Answerer<'a>> {
    let asked = questions.iter().map(Asked::new).collect::<Result<Vec<_>>>()?;
    let answer = move |number: usize| asked.get(number).is_some_and(|asked| asked.allowed(world));
    Ok((name, Box::new(answer)))
}

#[cfg(feature = "cedar")]
fn beside<'a>(engine: &'a crate::decisions::cedar::Cedar, questions: &[Question]) -> Result<Answerer<'a>> {
    let asked = questions
        .iter()
        .map(crate::decisions::cedar::Cedar::request)
        .collect::<Result<Vec<_>>>()?;
    let answer = move |number: usize| asked.get(number).is_some_and(|asked| engine.allowed(asked));
    Ok((CEDAR, Box::new(answer)))
}

/// The share of questions that our engine answers with yes; an error if the other engine ever says something else.
fn agree(answerers: &[Answerer<'_>]) -> Result<f64> {
    let answers = |name: &str| {
        let (_, answer) = answerers.iter().find(|(known, _)| *known == name)?;
        Some((0..QUESTIONS).map(answer).collect::<Vec<bool>>())
    };
    let ours = answers(COMMON).unwrap_or_default();
    #[cfg(feature = "cedar")]
    if answers(CEDAR).as_ref() != Some(&ours) {
        return Err(Error::new(
            ErrorKind::Internal,
            "compare decisions",
            "the two engines do not agree",
        ));
    }
    let yes = ours.iter().filter(|yes| **yes).count();
    if yes == 0 {
        return Err(Error::new(
            ErrorKind::Internal,
            "compare decisions",
            "nothing is allowed",
        ));
    }
    Ok(yes as f64 / QUESTIONS as f64)
}

fn time(name: &'static str, answer: &dyn Fn(usize) -> bool, series: &mut Series) {
    let mut times = Vec::with_capacity(QUESTIONS);
    for number in 0..QUESTIONS {
        let start = Instant::now();
        black_box(answer(black_box(number)));
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    series.push(name, P50, quantile(&times, 0.5));
    series.push(name, P99, quantile(&times, 0.99));
    series.push(name, MEAN, times.iter().sum::<f64>() / QUESTIONS as f64);
}

fn section(amount: Amount, allowed: f64, answerers: &[Answerer<'_>], series: Series) -> Section {
    let names: Vec<&'static str> = answerers.iter().map(|(name, _)| *name).collect();
    let columns = [(P50, P50, 2), (P99, P99, 2), (MEAN, MEAN, 2), (MEMORY, MEMORY, 1)];
    #[cfg_attr(
        not(feature = "cedar"),
        expect(unused_mut, reason = "the peer comes with the feature")
    )]
    let mut goals = vec![
        Goal::at_most(2.0, "µs per decision, p50", series.spread(COMMON, P50)),
        Goal::at_most(
            2.0,
            "µs per decision with all rules, p50",
            series.spread(ALL_RULES, P50),
        ),
    ];
    #[cfg(feature = "cedar")]
    goals.push(Goal::at_least(
        20.0,
        "cedar-policy ÷ jump: µs per decision, p50",
        series.ratio(CEDAR, COMMON, P50),
    ));
    Section {
        title: "Decisions",
        method: format!(
            "May this user start a session on this item? {QUESTIONS} questions, each timed by itself (the clock's own 0.02 to 0.05 µs\n\
             are in it), {} rounds, one thread; {:.0} % are allowed. 10,000 users, 100,000 items, 1,000 groups, 200 Jumpoints;\n\
             the small site has 100 and 1,000. Ours makes the whole decision: every gate, reasons, obligations. *All rules*: besides,\n\
             every item has a strict schedule in a zone with summer time and a session policy, every user three group policies.\n\
             *cedar-policy* 4.14.1 (only with `--features cedar`) has the common rules as three policies and the facts as entities,\n\
             says yes or no only, and its requests are built before the clock starts; it gave the same answer to every question. Memory is\n\
             what the process grows by while the site is built.",
            amount.rounds,
            allowed * 100.0
        ),
        table: Table::of(&series, &names, &columns),
        goals,
        series,
    }
}
