//! What a server says while it changes its settings (MS-RDPBCGR §1.3.1.3): a server that changes them twice in a row does not
//! wait for the end of the first exchange, so its messages and those of the second come mixed.

use crate::wire::share::{self, Control, number};
use crate::wire::{Domain, domain};

/// What a message is about, as far as the settings go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// The settings in use end (§2.2.3.1).
    Deactivation,
    /// New settings are demanded (§2.2.1.13.1).
    Settings,
    /// The end of an exchange: synchronize, control, font map (§2.2.1.19 to §2.2.1.22).
    Finalization,
    /// Something to be painted, or a pointer (§2.2.9.1.1).
    Graphics,
    /// Anything else, or several of them.
    Other,
}

impl About {
    pub(super) fn of(message: &[u8]) -> Self {
        let Ok(Domain::SendDataIndication(data)) = domain(message) else {
            return Self::Other;
        };
        let parts = message
            .get(data.range)
            .and_then(|content| share::parts(content).ok())
            .unwrap_or_default();
        let mut kinds = parts.iter().map(|part| match part.control {
            Control::DeactivateAll => Self::Deactivation,
            Control::DemandActive => Self::Settings,
            Control::Data(number::SYNCHRONIZE | number::CONTROL | number::FONT_MAP) => Self::Finalization,
            Control::Data(number::UPDATE | number::POINTER) => Self::Graphics,
            _ => Self::Other,
        });
        match kinds.next() {
            Some(first) if kinds.all(|kind| kind == first) => first,
            _ => Self::Other,
        }
    }
}
