//! The subjects, one per file.

pub(crate) mod bindings;
pub(crate) mod decisions;
pub(crate) mod idle;
pub(crate) mod latency;
pub(crate) mod path;
pub(crate) mod rdp_client;
pub(crate) mod rdp_gate;
pub(crate) mod ssh;
pub(crate) mod store;
pub(crate) mod vnc_decode;
pub(crate) mod vnc_gate;

use jump_core::keys::random_bytes;
use jump_core::{Error, ErrorKind, Result};
use jump_testkit::seeded::Seeded;

const MIB: f64 = 1024.0 * 1024.0;

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    pub(crate) rounds: usize,
    pub(crate) mib: u64,
    pub(crate) sessions: usize,
    pub(crate) commands: u64,
}

impl Amount {
    const fn bytes(self) -> u64 {
        self.mib << 20
    }

    fn gib(self) -> f64 {
        self.mib as f64 / 1024.0
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Network, "drive a candidate", error)
}

/// Calls `run` once per round and place, in a fresh order each round.
fn interleave(rounds: usize, places: usize, mut run: impl FnMut(usize) -> Result<()>) -> Result<()> {
    let mut random = Seeded::new(u64::from_ne_bytes(random_bytes()?));
    for _ in 0..rounds {
        let mut order: Vec<usize> = (0..places).collect();
        for last in (1..places).rev() {
            let chosen = random.below(last as u64 + 1) as usize;
            order.swap(last, chosen);
        }
        for place in order {
            run(place)?;
        }
    }
    Ok(())
}
