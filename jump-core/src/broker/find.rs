//! Lists: what the caller may see of what was asked for, in pages.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Broker, Caller, names, views};
use crate::access::Visible;
use crate::control::{
    GroupView, ItemQuery, ItemView, MemberQuery, MemberView, NameQuery, Page, PageQuery, UserView,
};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{JumpItem, Placement, World, folded};

/// The most items that are looked at for one page.
const WORK: usize = 10_000;
/// The most bytes of rows in one page: a frame has 1 MiB, and a row at most a third of that.
const BYTES: usize = 640 * 1024;
/// The longest text to search for, in characters.
const LONGEST_SEARCH: usize = 1024;
/// The longest [`PageQuery::after`], in bytes.
const LONGEST_AFTER: usize = 16 * 1024;
/// The most members that are listed with their group.
const MEMBERS: usize = 100;

fn wrong(rule: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, "list", rule)
}

/// Where a page ended.
fn written(position: &impl Serialize) -> Result<String> {
    let text = serde_json::to_vec(position).map_err(|error| {
        Error::new(ErrorKind::Internal, "list", "a position has no form").with_source(error)
    })?;
    Ok(data_encoding::BASE64URL_NOPAD.encode(&text))
}

fn position<T: for<'de> Deserialize<'de>>(page: &PageQuery) -> Result<Option<T>> {
    let Some(after) = &page.after else {
        return Ok(None);
    };
    let unknown = || wrong("`after` is what the page before gave as `next`");
    if after.len() > LONGEST_AFTER {
        return Err(unknown());
    }
    let text = data_encoding::BASE64URL_NOPAD
        .decode(after.as_bytes())
        .map_err(|_| unknown())?;
    serde_json::from_slice(&text).map(Some).map_err(|_| unknown())
}

fn limit(page: &PageQuery) -> Result<usize> {
    if (1..=PageQuery::MOST).contains(&page.limit) {
        Ok(page.limit as usize)
    } else {
        Err(wrong("a limit is 1 to 1000"))
    }
}

/// The words of a search, as names are compared.
fn words(search: Option<&String>) -> Result<Vec<String>> {
    let text = search.map_or("", String::as_str);
    if text.chars().count() > LONGEST_SEARCH {
        return Err(wrong("at most 1024 characters can be searched for"));
    }
    Ok(text.split_whitespace().map(folded).collect())
}

fn holds(words: &[String], fields: &[&str]) -> bool {
    if words.is_empty() {
        return true;
    }
    let fields: Vec<String> = fields.iter().map(|field| folded(field)).collect();
    words
        .iter()
        .all(|word| fields.iter().any(|field| field.contains(word.as_str())))
}

/// Rows, until the page is full.
struct Rows<T> {
    rows: Vec<T>,
    bytes: usize,
    most: usize,
}

impl<T: Serialize> Rows<T> {
    fn new(most: usize) -> Self {
        Self {
            rows: Vec::new(),
            bytes: 0,
            most,
        }
    }

    /// Whether the row still had a place.
    fn push(&mut self, row: T) -> Result<bool> {
        let size = serde_json::to_vec(&row)
            .map(|text| text.len() + 1)
            .map_err(|error| {
                Error::new(ErrorKind::Internal, "list", "a row has no form in JSON").with_source(error)
            })?;
        if self.rows.len() >= self.most || (self.bytes + size > BYTES && !self.rows.is_empty()) {
            return Ok(false);
        }
        self.bytes += size;
        self.rows.push(row);
        Ok(true)
    }
}

/// The item after which a page goes on: by the name of its place, the place, and its own name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct ItemPosition(String, Placement, String);

/// What is asked about each item.
struct Filter {
    name: Option<String>,
    hostname: Option<String>,
    jumpoint: Option<String>,
    tag: Option<String>,
    words: Vec<String>,
    query: ItemQuery,
}

impl Filter {
    fn new(query: ItemQuery) -> Result<Self> {
        let key = |text: &Option<String>| text.as_deref().map(folded);
        Ok(Self {
            name: key(&query.name),
            hostname: key(&query.hostname),
            jumpoint: key(&query.jumpoint),
            tag: key(&query.tag),
            words: words(query.search.as_ref())?,
            query,
        })
    }

    fn fits(&self, broker: &Broker, world: &World, item: &JumpItem) -> bool {
        let is = |wanted: &Option<String>, text: &str| {
            wanted.as_ref().is_none_or(|wanted| *wanted == folded(text))
        };
        let behind = |wanted: &String| {
            item.jumpoint
                .and_then(|id| world.jumpoint(id))
                .is_some_and(|jumpoint| {
                    *wanted == folded(jumpoint.name.as_str())
                        || *wanted == folded(jumpoint.code_name().as_str())
                })
        };
        let online =
            |wanted: bool| wanted == item.jumpoint.is_some_and(|jumpoint| broker.is_online(jumpoint));
        is(&self.name, item.name.as_str())
            && is(&self.hostname, item.hostname.as_str())
            && is(&self.tag, item.tag.as_str())
            && self
                .query
                .method
                .is_none_or(|method| method == item.details.method())
            && self.jumpoint.as_ref().is_none_or(behind)
            && self.query.online.is_none_or(online)
            && holds(
                &self.words,
                &[
                    item.name.as_str(),
                    item.hostname.as_str(),
                    item.tag.as_str(),
                    item.comments.as_str(),
                ],
            )
    }

    /// Whether items of this place can fit.
    fn fits_place(&self, world: &World, place: Placement) -> bool {
        let named = |wanted: &String| match place {
            Placement::Shared(group) => world.group(group).is_some_and(|group| {
                let wanted = folded(wanted);
                wanted == folded(group.name.as_str()) || wanted == folded(group.code_name().as_str())
            }),
            Placement::Personal { .. } => folded(wanted) == folded(&views::place(world, place)),
        };
        self.query
            .personal
            .is_none_or(|personal| personal == place.owner().is_some())
            && self.query.group.as_ref().is_none_or(named)
    }
}

/// The items that the caller may see and that fit. It looks at no item that the caller may not see.
pub(super) fn items(broker: &Broker, caller: &Caller, query: ItemQuery) -> Result<Page<ItemView>> {
    let (most, after) = (limit(&query.page)?, position::<ItemPosition>(&query.page)?);
    some_items(broker, caller, &Filter::new(query)?, after, most, WORK)
}

/// Every item that the caller may see, if they fit into one answer.
///
/// # Errors
/// [`ErrorKind::ResourceLimit`] if they do not.
pub(super) fn all_items(broker: &Broker, caller: &Caller) -> Result<Vec<ItemView>> {
    let filter = Filter::new(ItemQuery::default())?;
    let page = some_items(broker, caller, &filter, None, usize::MAX, usize::MAX)?;
    if page.next.is_some() {
        return Err(Error::new(
            ErrorKind::ResourceLimit,
            "list",
            "there are more items than fit into one answer: ask for them in pages",
        ));
    }
    Ok(page.rows)
}

fn some_items(
    broker: &Broker,
    caller: &Caller,
    filter: &Filter,
    after: Option<ItemPosition>,
    most: usize,
    work: usize,
) -> Result<Page<ItemView>> {
    let world = broker.world();
    let visible = match caller.user() {
        _ if caller.is_administrator(&world) => world.places().collect(),
        Some(user) => match Visible::of(&world, user) {
            Visible::Only(places) => places.into_iter().collect(),
            visible => world.places().filter(|place| visible.contains(*place)).collect(),
        },
        None => Vec::new(),
    };
    let mut places: Vec<(String, Placement)> = visible
        .into_iter()
        .filter(|place| filter.fits_place(&world, *place))
        .map(|place| (folded(&views::place(&world, place)), place))
        .collect();
    places.sort_unstable();
    let mut rows = Rows::new(most);
    let mut looked_at = 0;
    let mut last = after.clone();
    for (key, place) in places {
        let mut from = None;
        if let Some(ItemPosition(after_key, after_place, after_name)) = &after {
            match (&key, place).cmp(&(after_key, *after_place)) {
                std::cmp::Ordering::Less => continue,
                std::cmp::Ordering::Equal => from = Some(after_name.as_str()),
                std::cmp::Ordering::Greater => {}
            }
        }
        for item in candidates(&world, place, from, filter.name.as_deref()) {
            // Whatever was looked at last, there may be more.
            if looked_at == work {
                return full(rows, last);
            }
            looked_at += 1;
            if filter.fits(broker, &world, item) && !rows.push(views::item(broker, &world, item))? {
                return full(rows, last);
            }
            last = Some(ItemPosition(key.clone(), place, folded(item.name.as_str())));
        }
    }
    Ok(Page {
        rows: rows.rows,
        next: None,
    })
}

/// The items of a place after a name: all, or the one of this name.
fn candidates<'w>(
    world: &'w World,
    place: Placement,
    after: Option<&'w str>,
    name: Option<&'w str>,
) -> Box<dyn Iterator<Item = &'w Arc<JumpItem>> + 'w> {
    match name {
        Some(name) => Box::new(
            world
                .item_in(place, name)
                .into_iter()
                .filter(move |_| after.is_none_or(|after| name > after)),
        ),
        None => Box::new(world.items_in_after(place, after)),
    }
}

fn full<T>(rows: Rows<T>, last: Option<impl Serialize>) -> Result<Page<T>> {
    Ok(Page {
        rows: rows.rows,
        next: last.map(|last| written(&last)).transpose()?,
    })
}

/// A page of objects by keys that are unique.
pub(super) fn named<O, V: Serialize>(
    objects: impl Iterator<Item = (String, O)>,
    page: &PageQuery,
    view: impl Fn(O) -> V,
) -> Result<Page<V>> {
    let (most, after) = (limit(page)?, position::<String>(page)?);
    let mut objects: Vec<(String, O)> = objects
        .filter(|(key, _)| after.as_ref().is_none_or(|after| key > after))
        .collect();
    objects.sort_by(|a, b| a.0.cmp(&b.0));
    let mut rows = Rows::new(most);
    let mut last = after;
    for (key, object) in objects {
        if !rows.push(view(object))? {
            return full(rows, last);
        }
        last = Some(key);
    }
    Ok(Page {
        rows: rows.rows,
        next: None,
    })
}

/// The users (administrators).
pub(super) fn users(broker: &Broker, caller: &Caller, query: &NameQuery) -> Result<Page<UserView>> {
    let world = broker.world();
    caller.must_administer(&world)?;
    let words = words(query.search.as_ref())?;
    let found = world
        .users()
        .filter(|user| holds(&words, &[user.name.as_str()]))
        .map(|user| (folded(user.name.as_str()), user));
    named(found, &query.page, |user| views::user(&world, user))
}

/// The groups, each with its first hundred members (administrators).
pub(super) fn groups(broker: &Broker, caller: &Caller, query: &NameQuery) -> Result<Page<GroupView>> {
    let world = broker.world();
    caller.must_administer(&world)?;
    let words = words(query.search.as_ref())?;
    let found = world
        .groups()
        .filter(|group| holds(&words, &[group.name.as_str(), group.comments.as_str()]))
        .map(|group| (folded(group.name.as_str()), group));
    named(found, &query.page, |group| views::group(&world, group, MEMBERS))
}

/// The direct members of a group (administrators).
pub(super) fn members(broker: &Broker, caller: &Caller, query: &MemberQuery) -> Result<Page<MemberView>> {
    let world = broker.world();
    caller.must_administer(&world)?;
    let group = names::group(&world, &query.group)?.id;
    let found = world.members_of(group).filter_map(|membership| {
        let user = world.user(membership.user)?;
        Some((folded(user.name.as_str()), membership))
    });
    named(found, &query.page, |membership| views::member(&world, membership))
}
