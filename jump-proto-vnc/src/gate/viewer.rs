//! The rep's viewer, until it is let in or told why not.

use std::time::Duration;

use jump_core::session::EndReason;
use jump_core::stream::BoxStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::failed;
use crate::RfbResult;
use crate::security::{ServerHandshake, ServerLogin, ServerStep};
use crate::wire::Input;

/// How long a viewer may take to hear why it is not let in.
const PATIENCE: Duration = Duration::from_millis(750);
const GREET: &str = "greet the rep's viewer";

/// Lets a viewer in without a login, whatever version it speaks; what it sent beyond. Whether it wants others to leave the
/// target is not passed on: see [`SHARED`](super::target::SHARED).
pub(super) async fn let_in(rep: &mut BoxStream) -> Result<Vec<u8>, EndReason> {
    let (_, rest) = handshake(rep, ServerLogin::None).await?;
    Ok(rest)
}

/// Tells a viewer why it is not let in, as a failed login's reason (RFC 6143 §7.1.2), and waits until it has read it: closing
/// earlier could throw it away.
pub(super) async fn refuse(mut rep: BoxStream, reason: String) {
    let telling = async {
        handshake(&mut rep, ServerLogin::Refuse(reason)).await?;
        let lost = |_| EndReason::RepLost;
        rep.shutdown().await.map_err(lost)?;
        let mut sink = [0; 1024];
        let mut left = 64 * 1024_usize;
        while left > 0 {
            match rep.read(&mut sink).await.map_err(lost)? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        Ok::<_, EndReason>(())
    };
    let _ = timeout(PATIENCE, telling).await;
}

async fn handshake(rep: &mut BoxStream, login: ServerLogin) -> Result<(ServerStep, Vec<u8>), EndReason> {
    let lost = |_| EndReason::RepLost;
    let mut handshake = ServerHandshake::new(login);
    let mut received = Vec::new();
    let mut output = Vec::new();
    loop {
        let mut input = Input::new(&received);
        let step: RfbResult<ServerStep> = handshake.advance(&mut input, &mut output);
        let consumed = input.consumed();
        received.drain(..consumed);
        rep.write_all(&output).await.map_err(lost)?;
        rep.flush().await.map_err(lost)?;
        output.clear();
        match step.map_err(|error| failed(error, GREET))? {
            ServerStep::More => {
                let mut more = [0; 512];
                let read = rep.read(&mut more).await.map_err(lost)?;
                if read == 0 {
                    return Err(EndReason::RepClosed);
                }
                received.extend_from_slice(more.get(..read).unwrap_or_default());
            }
            step => return Ok((step, received)),
        }
    }
}
