//! The machine that is reached.

use std::net::{Ipv4Addr, TcpListener};

use jump_core::Result;

use super::{Starter, failed};
use crate::traffic;

pub(super) fn run() -> Result<()> {
    let starter = Starter::listen();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    starter.tell(listener.local_addr().map_err(failed)?)?;
    traffic::serve(&listener).map_err(failed)
}
