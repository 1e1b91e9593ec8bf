//! Streams of real VNC servers, and what replays them.

mod desktop;
mod libvncclient;
mod login;
mod recorder;
mod recording;
mod replay;

pub(crate) use desktop::Desktop;
pub(crate) use libvncclient::Libvncclient;
pub(crate) use login::LoggedIn;
pub(crate) use recorder::{Maker, record};
pub(crate) use recording::Recording;
pub(crate) use replay::{Replayed, replay};
