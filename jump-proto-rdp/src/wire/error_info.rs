//! Why a server ends a connection, for the client to show (MS-RDPBCGR §2.2.5.1).

use jump_core::session::EndReason;

use super::RdpResult;
use super::mcs::{SERVER_LEAVES, send_data_indication};
use super::share::number::SET_ERROR_INFO;

/// The code for a reason (MS-RDPBCGR §2.2.5.1.1); `None` where the target has said goodbye itself, or nobody is left to hear it.
#[must_use]
pub const fn code(reason: &EndReason) -> Option<u32> {
    Some(match reason {
        EndReason::RepClosed | EndReason::TargetClosed | EndReason::RepLost => return None,
        // ERRINFO_IDLE_TIMEOUT, ERRINFO_LOGON_TIMEOUT.
        EndReason::Idle => 3,
        EndReason::Expired => 4,
        // ERRINFO_SERVER_INSUFFICIENT_PRIVILEGES.
        EndReason::AccessRevoked(_) => 9,
        // ERRINFO_RPC_INITIATED_DISCONNECT: an administrator did it.
        _ => 1,
    })
}

/// The messages of an end: why, and that the server leaves.
///
/// # Errors
/// As for [`send_data_indication`].
pub fn goodbye(user: u16, io: u16, share: u32, code: u32) -> RdpResult<Vec<u8>> {
    let mut pdu = vec![22, 0, 0x17, 0];
    pdu.extend_from_slice(&user.to_le_bytes());
    pdu.extend_from_slice(&share.to_le_bytes());
    // No padding, low priority, the length of what follows uncompressed, no compression.
    pdu.extend_from_slice(&[0, 1, 4, 0, SET_ERROR_INFO, 0, 0, 0]);
    pdu.extend_from_slice(&code.to_le_bytes());
    let mut messages = send_data_indication(user, io, &pdu)?;
    messages.extend_from_slice(&SERVER_LEAVES);
    Ok(messages)
}
