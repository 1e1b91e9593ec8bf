//! The items that an account goes with, on the command line.

use clap::{ArgGroup, Args};
use jump_core::control::{AssociationDraft, CriteriaDraft};
use jump_core::model::Name;
use jump_core::vault::{Pattern, Patterns};

use crate::error::{Failure, usage};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("criteria").multiple(true)))]
pub(super) struct AssociationArguments {
    /// Every item
    #[arg(long, conflicts_with_all = ["none", "inherit", "criteria"])]
    any: bool,
    /// No item
    #[arg(long, conflicts_with_all = ["inherit", "criteria"])]
    none: bool,
    /// What its account group says
    #[arg(long, conflicts_with = "criteria")]
    inherit: bool,
    /// Items in this Jump Group; may be given again
    #[arg(long, value_name = "NAME", group = "criteria")]
    jump_group: Vec<Name>,
    /// Items whose host matches; may be given again
    #[arg(long, value_name = "PATTERN", group = "criteria")]
    host: Vec<Pattern>,
    /// Items whose name matches; may be given again
    #[arg(long = "item-name", value_name = "PATTERN", group = "criteria")]
    item_name: Vec<Pattern>,
    /// Items whose tag matches; may be given again
    #[arg(long, value_name = "PATTERN", group = "criteria")]
    tag: Vec<Pattern>,
    /// Items whose comments match; may be given again
    #[arg(long, value_name = "PATTERN", group = "criteria")]
    comment: Vec<Pattern>,
    /// This item, whatever else is said; may be given again
    #[arg(long, value_name = "ITEM", group = "criteria")]
    item: Vec<String>,
}

impl AssociationArguments {
    /// What is asked of the vault; `None` is to inherit.
    pub(super) fn draft(self) -> Result<Option<AssociationDraft>, Failure> {
        if self.any {
            return Ok(Some(AssociationDraft::AnyJumpItems));
        }
        if self.none {
            return Ok(Some(AssociationDraft::NoJumpItems));
        }
        if self.inherit {
            return Ok(None);
        }
        let criteria = CriteriaDraft {
            shared_jump_groups: self.jump_group,
            host: Patterns::new(self.host)?,
            name: Patterns::new(self.item_name)?,
            tag: Patterns::new(self.tag)?,
            comment: Patterns::new(self.comment)?,
            jump_items: self.item,
        };
        if criteria == CriteriaDraft::default() {
            return Err(usage("say which items: --any, --none, --inherit or criteria"));
        }
        Ok(Some(AssociationDraft::Criteria(Box::new(criteria))))
    }
}
