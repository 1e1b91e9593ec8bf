//! A site on this machine: its folder, and what runs in it.

mod addresses;
mod export;
mod folder;
mod narrator;
mod outside;
mod server;
mod setup;
mod store;
mod vault;

pub(crate) use addresses::public_address;
pub(crate) use export::{ExportArguments, Exports};
pub(crate) use folder::SiteFolder;
pub(crate) use narrator::Narrator;
pub(crate) use outside::{Outside, OutsideArguments};
pub(crate) use server::{BrokerOptions, SiteServer};
pub(crate) use setup::{add_jumpoint, administrator_name, invite, set_up};
pub(crate) use store::StoreArguments;
pub(crate) use vault::KEY_VARIABLE;
