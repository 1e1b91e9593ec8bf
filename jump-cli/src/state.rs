//! What the command keeps on disk: folders for their owner only, files that appear whole or not at all.

mod home;
#[cfg(test)]
mod kill_tests;

pub(crate) use home::Home;
pub(crate) use jump_core::identity_file::{JumpointFile, LoginFile, read_seed, write_seed};
pub(crate) use jump_core::private_file::{private_folder, read_private, write_private};
