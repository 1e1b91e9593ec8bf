//! What the command keeps on disk: folders for their owner only, files that appear whole or not at all.

mod home;
mod identity_file;
#[cfg(test)]
mod kill_tests;
mod private;

pub(crate) use home::Home;
pub(crate) use identity_file::{JumpointFile, LoginFile, read_seed, write_seed};
pub(crate) use private::{private_folder, read_private, write_private};
