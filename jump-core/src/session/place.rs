//! Where the gate of a session runs.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::JumpointId;

/// Where the gate of a session runs: who dials the target, enforces what was granted, and records.
///
/// It is written as the Jumpoint's number, or as the word `rep`. Sessions, grants and events of versions that knew only
/// Jumpoints have the number in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GatePlace {
    /// At this Jumpoint.
    Jumpoint(JumpointId),
    /// In the process of the rep that asked: a Local Jump. What is said of such a session is the rep's own word.
    Rep,
}

const REP: &str = "rep";

impl GatePlace {
    /// The Jumpoint, if it is one.
    #[must_use]
    pub const fn jumpoint(self) -> Option<JumpointId> {
        match self {
            GatePlace::Jumpoint(jumpoint) => Some(jumpoint),
            GatePlace::Rep => None,
        }
    }

    /// Whether it is the rep's own process.
    #[must_use]
    pub const fn is_rep(self) -> bool {
        matches!(self, GatePlace::Rep)
    }
}

impl From<JumpointId> for GatePlace {
    fn from(jumpoint: JumpointId) -> Self {
        GatePlace::Jumpoint(jumpoint)
    }
}

impl fmt::Display for GatePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GatePlace::Jumpoint(jumpoint) => write!(f, "jumpoint {jumpoint}"),
            GatePlace::Rep => f.write_str(REP),
        }
    }
}

impl Serialize for GatePlace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            GatePlace::Jumpoint(jumpoint) => jumpoint.serialize(serializer),
            GatePlace::Rep => serializer.serialize_str(REP),
        }
    }
}

impl<'de> Deserialize<'de> for GatePlace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrWord;

        impl Visitor<'_> for NumberOrWord {
            type Value = GatePlace;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a jumpoint's number or \"rep\"")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<GatePlace, E> {
                let id = u32::try_from(number).ok().and_then(|id| JumpointId::new(id).ok());
                id.map(GatePlace::Jumpoint)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<GatePlace, E> {
                match word {
                    REP => Ok(GatePlace::Rep),
                    _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
                }
            }
        }

        deserializer.deserialize_any(NumberOrWord)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jumpoint_is_written_as_its_number_and_nothing_but_a_number_or_the_word_is_read() {
        let jumpoint = GatePlace::Jumpoint(JumpointId::new(7).unwrap());
        for (place, text) in [(jumpoint, "7"), (GatePlace::Rep, "\"rep\"")] {
            assert_eq!(serde_json::to_string(&place).unwrap(), text);
            assert_eq!(serde_json::from_str::<GatePlace>(text).unwrap(), place);
        }
        for bad in [
            "0",
            "-1",
            "4294967296",
            "\"7\"",
            "\"Rep\"",
            "null",
            "[7]",
            "7.5",
            "true",
        ] {
            assert!(serde_json::from_str::<GatePlace>(bad).is_err(), "{bad}");
        }
    }
}
