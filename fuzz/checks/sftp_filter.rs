//! What must hold for the SFTP filter, whatever both sides send. Run by the fuzzer, and over the corpus by an ordinary
//! test.

use jump_core::model::{PathLimits, PathPattern};
use jump_core::session::SessionPermissions;
use jump_proto_ssh::sftp::{Filter, Rules, Violation};

/// What came out, in order.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    to_target: Vec<u8>,
    to_client: Vec<u8>,
    answers: Vec<u8>,
    events: Vec<String>,
    violation: Option<Violation>,
    waiting: bool,
    left: usize,
}

/// Cuts the input into turns: who speaks, how many bytes, the bytes.
fn turns(mut input: &[u8]) -> Vec<(bool, &[u8])> {
    let mut turns = Vec::new();
    while let Some(([who, high, low], rest)) = input.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (turn, rest) = rest.split_at(length);
        turns.push((*who & 1 == 0, turn));
        input = rest;
    }
    turns
}

fn rules(which: u8) -> Rules {
    let permissions = SessionPermissions {
        file_upload: which & 1 == 0,
        file_download: which & 2 == 0,
        ..SessionPermissions::default()
    };
    let paths = |limited: bool| match limited {
        true => vec![PathPattern::new("/srv/*").expect("a path")],
        false => Vec::new(),
    };
    let limits = PathLimits {
        upload: paths(which & 4 != 0),
        download: paths(which & 8 != 0),
    };
    Rules::new(permissions, &limits)
}

fn play(rules: Rules, turns: &[(bool, &[u8])], piece: usize) -> Seen {
    let mut filter = Filter::new(rules);
    let mut seen = Seen::default();
    for (client, turn) in turns {
        let mut done = Ok(());
        for piece in turn.chunks(piece.max(1)) {
            let bytes = piece.to_vec().into();
            done = if *client {
                filter.from_client(bytes)
            } else {
                filter.from_target(bytes)
            };
            if done.is_err() {
                break;
            }
        }
        let done = done.and_then(|()| filter.advance());
        seen.waiting = filter.is_waiting();
        let output = filter.output();
        seen.to_target.extend(output.to_target.drain(..).flatten());
        seen.to_client.extend(output.to_client.drain(..).flatten());
        seen.answers.extend(output.answers.drain(..).flatten());
        seen.events
            .extend(output.events.drain(..).map(|event| format!("{event:?}")));
        if let Err(violation) = done {
            seen.violation = Some(violation);
            break;
        }
    }
    seen.left = filter.unfinished().len();
    seen
}

/// Plays the input as a conversation, in whole turns and in pieces. Panics if the pieces make a difference.
pub(crate) fn check(input: &[u8]) {
    let Some(([which, piece], rest)) = input.split_first_chunk::<2>() else {
        return;
    };
    let turns = turns(rest);
    let whole = play(rules(*which), &turns, usize::MAX);
    let pieces = play(rules(*which), &turns, usize::from(*piece));
    assert_eq!(whole, pieces);
}
