//! Writing a file.

use csv::{QuoteStyle, Terminator, WriterBuilder};
use jump_core::error::{Error, ErrorKind, Result};
use jump_core::id::GroupId;
use jump_core::model::{JumpItem, JumpMethod, Placement, World};

use super::cell::{codes, get};
use super::column::{Column, columns};
use super::formula::guarded;
use crate::document::{Originals, item_of};
use crate::names::fold;

/// Writes the items of one type that are in Jump Groups, all or those of one group, by group and name; those on
/// personal lists are not in it, and no credential is. An empty selection gives the header alone.
///
/// # Errors
/// [`ErrorKind::NotFound`] for a group that is not there.
pub fn write(world: &World, method: JumpMethod, group: Option<GroupId>) -> Result<Vec<u8>> {
    if let Some(id) = group.filter(|id| world.group(*id).is_none()) {
        let message = format!("there is no jump group {id}");
        return Err(Error::new(ErrorKind::NotFound, "export items", message));
    }
    let mut items: Vec<((String, String), &JumpItem)> = world
        .items()
        .filter(|item| item.details.method() == method)
        .filter_map(|item| {
            let Placement::Shared(place) = item.placement else {
                return None;
            };
            let shown = group.is_none_or(|group| group == place);
            let name = &world.group(place)?.name;
            shown.then(|| ((fold(name.as_str()), fold(item.name.as_str())), &**item))
        })
        .collect();
    items.sort_by(|(a, _), (b, _)| a.cmp(b));
    let originals = Originals::of(world)?;
    let columns = columns(method);
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .quote_style(QuoteStyle::Necessary)
        .from_writer(Vec::new());
    writer
        .write_record(columns.iter().map(|column| column.header()))
        .map_err(unwritten)?;
    for (_, item) in items {
        let item = codes(world, item_of(world, &originals, item)?)?;
        let cells = columns.iter().map(|column: &Column| guarded(get(&item, *column)));
        writer.write_record(cells).map_err(unwritten)?;
    }
    writer
        .into_inner()
        .map_err(|error| unwritten(error.into_error().into()))
}

fn unwritten(error: csv::Error) -> Error {
    Error::new(ErrorKind::Internal, "export items", "a row could not be written").with_source(error)
}
