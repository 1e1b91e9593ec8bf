//! Which credentials go with which Jump Items: a pure function of the item's facts.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::id::{GroupId, ItemId};
use crate::model::JumpItem;
use crate::text;

/// What an association looks at.
#[derive(Clone, Copy, Debug)]
pub struct ItemFacts<'a> {
    /// The item.
    pub id: ItemId,
    /// The shared Jump Group that owns it; `None` for a personal item.
    pub group: Option<GroupId>,
    /// Its host.
    pub host: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its tag.
    pub tag: &'a str,
    /// Its comments.
    pub comments: &'a str,
}

impl<'a> From<&'a JumpItem> for ItemFacts<'a> {
    fn from(item: &'a JumpItem) -> Self {
        Self {
            id: item.id,
            group: item.placement.group(),
            host: item.hostname.as_str(),
            name: item.name.as_str(),
            tag: item.tag.as_str(),
            comments: item.comments.as_str(),
        }
    }
}

/// How closely an association names an item; the closer one is taken where several credentials match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Specificity {
    /// It matches any item.
    Any,
    /// The item fits its criteria.
    Criteria,
    /// It names the item.
    Direct,
}

/// The Jump Items that a credential goes with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "filter_type", content = "criteria", rename_all = "snake_case")]
pub enum Association {
    /// Every item.
    AnyJumpItems,
    /// No item.
    #[default]
    NoJumpItems,
    /// The items that fit.
    Criteria(Box<Criteria>),
}

/// What an item must fit.
///
/// The five kinds of criteria are groups, host, name, tag and comment. An item fits if it fits **every** kind that is
/// given, and it fits a kind if **any** entry of it matches. Where no kind is given, no item fits. The items in
/// [`jump_items`](Self::jump_items) match besides, whatever the criteria say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Criteria {
    /// The item is in one of these shared Jump Groups; a personal item is in none.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub shared_jump_groups: BTreeSet<GroupId>,
    /// Its host matches one of these.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub host: Patterns,
    /// Its name matches one of these.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub name: Patterns,
    /// Its tag matches one of these.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub tag: Patterns,
    /// Its comments match one of these.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub comment: Patterns,
    /// These items, whatever else is said.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub jump_items: BTreeSet<ItemId>,
}

impl Association {
    /// Whether the item is one of these, and how closely it is named.
    #[must_use]
    pub fn matches(&self, item: &ItemFacts<'_>) -> Option<Specificity> {
        match self {
            Association::AnyJumpItems => Some(Specificity::Any),
            Association::NoJumpItems => None,
            Association::Criteria(criteria) => criteria.matches(item),
        }
    }
}

impl Criteria {
    fn matches(&self, item: &ItemFacts<'_>) -> Option<Specificity> {
        if self.jump_items.contains(&item.id) {
            return Some(Specificity::Direct);
        }
        let groups = &self.shared_jump_groups;
        let in_group = (!groups.is_empty()).then(|| item.group.is_some_and(|group| groups.contains(&group)));
        let kinds = [
            in_group,
            self.host.verdict(item.host),
            self.name.verdict(item.name),
            self.tag.verdict(item.tag),
            self.comment.verdict(item.comments),
        ];
        let mut given = kinds.into_iter().flatten().peekable();
        (given.peek().is_some() && given.all(|fits| fits)).then_some(Specificity::Criteria)
    }
}

/// Up to 32 [`Pattern`]s, of which one has to match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Pattern>", into = "Vec<Pattern>")]
pub struct Patterns(Vec<Pattern>);

impl Patterns {
    /// The most patterns of one kind.
    pub const MOST: usize = 32;

    /// Takes the patterns.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if there are more than 32.
    pub fn new(patterns: Vec<Pattern>) -> Result<Self> {
        if patterns.len() > Self::MOST {
            return Err(wrong("at most 32 patterns of a kind"));
        }
        Ok(Self(patterns))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The patterns.
    pub fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.0.iter()
    }

    /// Whether one matches; `None` if there is no pattern.
    fn verdict(&self, text: &str) -> Option<bool> {
        if self.0.is_empty() {
            return None;
        }
        let text = folded(text);
        Some(self.0.iter().any(|pattern| pattern.matches_folded(&text)))
    }
}

impl TryFrom<Vec<Pattern>> for Patterns {
    type Error = Error;
    fn try_from(patterns: Vec<Pattern>) -> Result<Self> {
        Self::new(patterns)
    }
}

impl From<Patterns> for Vec<Pattern> {
    fn from(patterns: Patterns) -> Self {
        patterns.0
    }
}

/// A pattern: `x` (the whole text), `x*` (its beginning), `*x` (its end) or `*x*` (a part of it). Case does not matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    /// Lower-case.
    text: String,
    open_start: bool,
    open_end: bool,
}

fn wrong(rule: &'static str) -> Error {
    Error::new(ErrorKind::InvalidArgument, "read a pattern", rule)
}

/// Character by character, so that a text folds alike wherever it stands.
fn folding(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(char::to_lowercase)
}

fn folded(text: &str) -> String {
    folding(text).collect()
}

/// Whether two texts are the same name: case does not matter.
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    folding(a).eq(folding(b))
}

impl Pattern {
    /// Whether the text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.matches_folded(&folded(text))
    }

    fn matches_folded(&self, text: &str) -> bool {
        match (self.open_start, self.open_end) {
            (false, false) => text == self.text,
            (false, true) => text.starts_with(&self.text),
            (true, false) => text.ends_with(&self.text),
            (true, true) => text.contains(&self.text),
        }
    }
}

impl FromStr for Pattern {
    type Err = Error;

    /// Reads a pattern of 1 to 128 characters besides the asterisks.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] with the rule that it breaks.
    fn from_str(pattern: &str) -> Result<Self> {
        let (open_start, rest) = pattern
            .strip_prefix('*')
            .map_or((false, pattern), |rest| (true, rest));
        let (open_end, text) = rest.strip_suffix('*').map_or((false, rest), |rest| (true, rest));
        if text.contains('*') {
            return Err(wrong(
                "an asterisk stands at the beginning or the end of a pattern",
            ));
        }
        if text.is_empty() || text.chars().count() > 128 {
            return Err(wrong("a pattern has 1 to 128 characters besides asterisks"));
        }
        if text.chars().any(|c| !matches!(c, '\n' | '\t') && text::acts(c)) {
            return Err(wrong("a pattern holds a control or invisible character"));
        }
        Ok(Self {
            text: folded(text),
            open_start,
            open_end,
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = |open| if open { "*" } else { "" };
        write!(f, "{}{}{}", star(self.open_start), self.text, star(self.open_end))
    }
}

impl TryFrom<String> for Pattern {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> String {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_whole_beginning_end_or_part_and_ignore_case() {
        for (pattern, yes, no) in [
            ("Web", ["web", "WEB"], ["web1", "aweb"]),
            ("web*", ["web", "Web-1"], ["aweb", "we"]),
            ("*web", ["web", "my-WEB"], ["web1", "eb"]),
            ("*web*", ["web", "my-WEB-1"], ["we-b", ""]),
            ("ÄB*", ["äbc", "Äb"], ["ab", "b"]),
        ] {
            let pattern: Pattern = pattern.parse().unwrap();
            assert!(yes.iter().all(|text| pattern.matches(text)), "{pattern}");
            assert!(no.iter().all(|text| !pattern.matches(text)), "{pattern}");
        }
        for bad in [
            "",
            "*",
            "**",
            "a*b",
            "***",
            "*a*b*",
            "a\u{202e}",
            &"x".repeat(129),
        ] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_limits_hold_in_json_too() {
        let many = |count| format!("{{\"host\":[{}]}}", vec!["\"a*\""; count].join(","));
        assert!(serde_json::from_str::<Criteria>(&many(32)).is_ok());
        assert!(serde_json::from_str::<Criteria>(&many(33)).is_err());
        assert!(serde_json::from_str::<Criteria>("{\"host\":[\"a*b\"]}").is_err());
        let text =
            "{\"filter_type\":\"criteria\",\"criteria\":{\"shared_jump_groups\":[1],\"jump_items\":[2]}}";
        let association: Association = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&association).unwrap(), text);
    }

    /// The same said another way: a pattern as a regular expression over characters, kinds as a list of lists.
    fn naive(association: &Association, item: &ItemFacts<'_>) -> bool {
        fn glob(pattern: &[char], text: &[char]) -> bool {
            match (pattern.split_first(), text.split_first()) {
                (None, None) => true,
                (Some(('*', rest)), None) => glob(rest, text),
                (Some(('*', rest)), Some((_, tail))) => glob(rest, text) || glob(pattern, tail),
                (Some((a, rest)), Some((b, tail))) => a == b && glob(rest, tail),
                _ => false,
            }
        }
        let lower = |text: &str| text.to_lowercase().chars().collect::<Vec<char>>();
        match serde_json::to_value(association).unwrap() {
            value if value["filter_type"] == "any_jump_items" => true,
            value if value["filter_type"] == "no_jump_items" => false,
            value => {
                let criteria = value["criteria"].as_object().unwrap();
                let (mut given, mut fitting) = (0, 0);
                for (kind, entries) in criteria {
                    let entries = entries.as_array().unwrap();
                    let fits = entries.iter().any(|entry| match kind.as_str() {
                        "shared_jump_groups" => {
                            item.group.map(|group| u64::from(group.get())) == entry.as_u64()
                        }
                        "jump_items" => entry.as_u64() == Some(u64::from(item.id.get())),
                        kind => {
                            let text = match kind {
                                "host" => item.host,
                                "name" => item.name,
                                "tag" => item.tag,
                                _ => item.comments,
                            };
                            glob(&lower(entry.as_str().unwrap()), &lower(text))
                        }
                    });
                    if kind == "jump_items" {
                        if fits {
                            return true;
                        }
                    } else {
                        given += 1;
                        fitting += usize::from(fits);
                    }
                }
                given > 0 && given == fitting
            }
        }
    }

    fn patterns() -> impl Strategy<Value = Vec<Pattern>> {
        let one = ("\\*?[abAB]{1,2}\\*?").prop_map(|text| text.parse().unwrap());
        prop_oneof![2 => Just(Vec::new()), 3 => proptest::collection::vec(one, 1..4)]
    }

    fn ids() -> impl Strategy<Value = Vec<u32>> {
        prop_oneof![2 => Just(Vec::new()), 1 => proptest::collection::vec(1u32..4, 1..3)]
    }

    prop_compose! {
        fn parts()(groups in ids(), items in ids(), four in proptest::array::uniform4(patterns()))
            -> (Vec<u32>, Vec<u32>, [Vec<Pattern>; 4]) {
            (groups, items, four)
        }
    }

    fn criteria(
        (groups, items, [host, name, tag, comment]): (Vec<u32>, Vec<u32>, [Vec<Pattern>; 4]),
    ) -> Criteria {
        Criteria {
            shared_jump_groups: groups.into_iter().map(|id| GroupId::new(id).unwrap()).collect(),
            host: Patterns::new(host).unwrap(),
            name: Patterns::new(name).unwrap(),
            tag: Patterns::new(tag).unwrap(),
            comment: Patterns::new(comment).unwrap(),
            jump_items: items.into_iter().map(|id| ItemId::new(id).unwrap()).collect(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn a_second_implementation_agrees_and_order_never_matters(
            parts in parts(),
            id in 1u32..4,
            group in proptest::option::of(1u32..4),
            texts in proptest::array::uniform4("[abAB]{0,3}"),
        ) {
            let [host, name, tag, comments] = &texts;
            let item = ItemFacts {
                id: ItemId::new(id).unwrap(),
                group: group.map(|id| GroupId::new(id).unwrap()),
                host, name, tag, comments,
            };
            let association = Association::Criteria(Box::new(criteria(parts.clone())));
            prop_assert_eq!(association.matches(&item).is_some(), naive(&association, &item));

            let (mut groups, mut items, mut four) = parts;
            groups.reverse();
            items.reverse();
            four.iter_mut().for_each(|patterns| patterns.reverse());
            let turned = Association::Criteria(Box::new(criteria((groups, items, four))));
            prop_assert_eq!(association.matches(&item), turned.matches(&item));

            prop_assert_eq!(Association::NoJumpItems.matches(&item), None);
            prop_assert_eq!(Association::AnyJumpItems.matches(&item), Some(Specificity::Any));
            prop_assert_eq!(Association::Criteria(Box::default()).matches(&item), None);
        }
    }
}
