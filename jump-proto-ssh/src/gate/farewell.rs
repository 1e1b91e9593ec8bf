//! Tells the rep's SSH client why there is no session, before there is an SSH connection.

use std::time::Duration;

use jump_core::stream::BoxStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::failure::cut;

/// `SSH_MSG_DISCONNECT` (RFC 4253 §11.1).
const DISCONNECT: u8 = 1;
/// `SSH_DISCONNECT_BY_APPLICATION`: the code whose text clients show as it is.
const BY_APPLICATION: u32 = 11;
/// Packets are padded to a multiple of 8 while there is no cipher (RFC 4253 §6).
const BLOCK: usize = 8;
const LONGEST: usize = 1024;
const PATIENCE: Duration = Duration::from_millis(750);

/// Sends an identification string and one unencrypted disconnect packet, which is allowed before the key exchange
/// (RFC 4253 §7.1), then waits until the rep has read it: closing earlier could throw it away.
pub(super) async fn say(mut rep: BoxStream, reason: &str) {
    let mut bytes = concat!("SSH-2.0-Jump_", env!("CARGO_PKG_VERSION"), "\r\n")
        .as_bytes()
        .to_vec();
    bytes.extend_from_slice(&packet(reason));
    let _ = tokio::time::timeout(PATIENCE, async {
        rep.write_all(&bytes).await?;
        rep.shutdown().await?;
        let mut sink = [0; 1024];
        let mut left = 64 * 1024_usize;
        while left > 0 {
            match rep.read(&mut sink).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        std::io::Result::Ok(())
    })
    .await;
}

fn packet(reason: &str) -> Vec<u8> {
    let reason = cut(reason, LONGEST);
    let mut payload = vec![DISCONNECT];
    payload.extend_from_slice(&BY_APPLICATION.to_be_bytes());
    payload.extend_from_slice(&u32::try_from(reason.len()).unwrap_or_default().to_be_bytes());
    payload.extend_from_slice(reason.as_bytes());
    // The empty language tag.
    payload.extend_from_slice(&0_u32.to_be_bytes());

    // At least 4 bytes of padding; length field and padding length count toward the block.
    let mut padding = BLOCK - (4 + 1 + payload.len()) % BLOCK;
    if padding < 4 {
        padding += BLOCK;
    }
    let length = u32::try_from(1 + payload.len() + padding).unwrap_or_default();
    let mut packet = length.to_be_bytes().to_vec();
    packet.push(u8::try_from(padding).unwrap_or_default());
    packet.extend_from_slice(&payload);
    packet.resize(packet.len() + padding, 0);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packet_is_well_formed_at_every_length() {
        for length in 0..64 {
            let packet = packet(&"x".repeat(length));
            assert_eq!(packet.len() % BLOCK, 0);
            let inside = u32::from_be_bytes(packet[..4].try_into().unwrap()) as usize;
            assert_eq!(inside, packet.len() - 4);
            assert!(packet[4] >= 4);
            assert_eq!(packet[5], DISCONNECT);
        }
    }
}
