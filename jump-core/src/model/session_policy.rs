//! Session policies: what may happen in a session, in three states.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CodeName, Description, Field, Name, PathLimits};
use crate::error::{Error, ErrorKind, Result};
use crate::id::SessionPolicyId;
use crate::session::SessionPermission;

/// A session policy: each permission is allowed, denied, or not defined (absent), and then the next policy is asked:
/// the item's, the user's, the site's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionPolicy {
    /// Its id.
    pub id: SessionPolicyId,
    /// Its name, unique in the site.
    pub name: Name,
    /// What imports and scripts call it, unique among session policies; `None` is [`CodeName::of`] its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_name: Option<CodeName>,
    /// What it is for.
    #[serde(default)]
    pub description: Description,
    /// Allowed (`true`) or denied (`false`); what is absent is not defined.
    #[serde(default)]
    pub permissions: BTreeMap<SessionPermission, bool>,
    /// Which commands may run without a shell; `None` is not defined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<CommandFilter>,
    /// Between which paths files may move; a direction without paths is not defined.
    #[serde(default, skip_serializing_if = "PathLimits::is_empty")]
    pub paths: PathLimits,
}

impl SessionPolicy {
    /// A policy that defines nothing.
    #[must_use]
    pub fn new(id: SessionPolicyId, name: Name) -> Self {
        Self {
            id,
            name,
            code_name: None,
            description: Description::default(),
            permissions: BTreeMap::new(),
            commands: None,
            paths: PathLimits::default(),
        }
    }

    /// Its code name, given or made from the name.
    #[must_use]
    pub fn code_name(&self) -> CodeName {
        self.code_name.clone().unwrap_or_else(|| CodeName::of(&self.name))
    }

    /// Checks what its type does not check already.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a command filter with more than 64 patterns, or too many paths.
    pub fn validate(&self) -> Result<()> {
        match &self.commands {
            Some(CommandFilter::Only(patterns) | CommandFilter::AllBut(patterns)) if patterns.len() > 64 => {
                Err(Error::new(
                    ErrorKind::InvalidArgument,
                    "check a session policy",
                    "a command filter has at most 64 patterns",
                ))
            }
            _ => self.paths.validate(),
        }
    }
}

/// Which commands a rep may run without a shell (`exec`). It keeps honest users from harmful commands; whoever has a
/// shell, or may run an interpreter, can do what that can, so "only" filters go with `shell` denied.
///
/// A pattern is compared with the whole command; `*` stands for any text. Line breaks match nothing but themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandFilter {
    /// Only commands that match one of these.
    Only(Vec<Field>),
    /// Any command but those that match one of these.
    AllBut(Vec<Field>),
}

impl CommandFilter {
    /// Whether the command may run.
    #[must_use]
    pub fn allows(&self, command: &str) -> bool {
        let matched = |patterns: &[Field]| patterns.iter().any(|pattern| matches(pattern.as_str(), command));
        match self {
            CommandFilter::Only(patterns) => matched(patterns),
            CommandFilter::AllBut(patterns) => !matched(patterns),
        }
    }
}

/// Whether the whole text matches a pattern in which `*` stands for any text but line breaks. Linear for each `*`.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut rest = rest;
    while let Some((part, next)) = rest.split_once('*') {
        let Some(at) = text.find(part) else {
            return false;
        };
        let (skipped, found) = text.split_at(at);
        if skipped.contains(['\n', '\r']) {
            return false;
        }
        text = found.get(part.len()..).unwrap_or_default();
        rest = next;
    }
    text.strip_suffix(rest)
        .is_some_and(|skipped| !skipped.contains(['\n', '\r']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(patterns: &[&str]) -> Vec<Field> {
        patterns.iter().map(|text| Field::new(text).unwrap()).collect()
    }

    #[test]
    fn a_filter_is_about_the_whole_command() {
        let only = CommandFilter::Only(filter(&["uptime", "systemctl status *"]));
        assert!(only.allows("uptime") && only.allows("systemctl status nginx"));
        for no in [
            "uptime; rm -rf /x\n",
            "uptime ",
            "systemctl stop nginx",
            "systemctl status a\nreboot",
        ] {
            assert!(!only.allows(no), "{no:?}");
        }
        let all_but = CommandFilter::AllBut(filter(&["*reboot*", "rm -rf *"]));
        assert!(all_but.allows("uptime"));
        assert!(!all_but.allows("sudo reboot now") && !all_but.allows("rm -rf /"));
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, yes) in [
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
            ("a*a", "a", false),
            ("**", "x", true),
        ] {
            assert_eq!(matches(pattern, text), yes, "{pattern} {text}");
        }
    }
}
