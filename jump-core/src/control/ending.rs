//! What a rep is told before time ends one of its sessions.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::SessionId;
use crate::model::Name;
use crate::text::Escaped;
use crate::time::Timestamp;

/// A session is about to end. Said 15, 10, 5, 2 and 1 minutes and 30 and 10 seconds before the end, or at once if it begins
/// or is changed later than that; and again at once if an end that was announced moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEnding {
    /// Which session.
    pub session: SessionId,
    /// When it ends, by the broker's clock.
    pub at: Timestamp,
    /// How many seconds were left, rounded up, when this was said: for a rep whose clock is another.
    pub seconds_left: u32,
    /// What ends it.
    pub rule: EndingRule,
}

/// What ends a session at a time that was known before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndingRule {
    /// The longest duration of a session: the item's, its Jump Policy's or the site's.
    Duration,
    /// The strict schedule of a Jump Policy closes.
    Schedule {
        /// The policy's name.
        policy: Name,
    },
    /// The approval that a Jump Policy asked for is over.
    Approval {
        /// The policy's name.
        policy: Name,
    },
    /// The login through which it was started expires.
    Login,
}

impl fmt::Display for EndingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndingRule::Duration => f.write_str("it may not last longer"),
            EndingRule::Schedule { policy } => {
                write!(
                    f,
                    "the schedule of jump policy \"{}\" closes",
                    Escaped(policy.as_str())
                )
            }
            EndingRule::Approval { policy } => {
                write!(
                    f,
                    "the approval for jump policy \"{}\" is over",
                    Escaped(policy.as_str())
                )
            }
            EndingRule::Login => f.write_str("the login expires"),
        }
    }
}

impl fmt::Display for SessionEnding {
    /// For people; what others wrote is escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |number: u32| if number == 1 { "" } else { "s" };
        let (minutes, seconds) = (self.seconds_left / 60, self.seconds_left % 60);
        f.write_str("the session ends in ")?;
        match (minutes, seconds) {
            (0, _) => write!(f, "{seconds} second{}", plural(seconds))?,
            // Nobody counts the seconds of a quarter of an hour.
            (1.., 0) | (5.., _) => {
                let rounded = minutes + u32::from(seconds >= 30);
                write!(f, "{rounded} minute{}", plural(rounded))?;
            }
            _ => write!(f, "{minutes} min {seconds} s")?,
        }
        write!(f, ", at {:.0}: {}", self.at, self.rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_a_sentence_and_repeats_no_control_characters() {
        let ending = |seconds_left| SessionEnding {
            session: SessionId::random().unwrap(),
            at: "2026-11-24T23:30:00.4Z".parse().unwrap(),
            seconds_left,
            rule: EndingRule::Schedule {
                policy: Name::new("night\u{202e}").unwrap_or_else(|_| Name::new("night").unwrap()),
            },
        };
        for (seconds, said) in [
            (900, "15 minutes"),
            (899, "15 minutes"),
            (60, "1 minute"),
            (75, "1 min 15 s"),
            (1, "1 second"),
        ] {
            let text = ending(seconds).to_string();
            assert!(
                text.starts_with(&format!("the session ends in {said}, at 2026-11-24T23:30:00Z: ")),
                "{text}"
            );
            assert!(
                text.ends_with("\" closes") && !text.contains('\u{202e}'),
                "{text}"
            );
        }
    }
}
