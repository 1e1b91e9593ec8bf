//! Which algorithms are offered, and the sizes of windows, packets and queues.

use std::borrow::Cow;
use std::time::Duration;

use jump_core::model::HostKey;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Preferred, SshId, cipher, client, compression};

/// How much a peer may send on one channel before it waits for us (RFC 4254 §5.2): at 100 ms of round trip this
/// still allows 80 MiB/s.
pub(crate) const WINDOW: u32 = 8 << 20;
/// The largest channel data packet we take; the most that a packet may announce without trouble for any peer.
pub(crate) const PACKET: u32 = 64 * 1024 - 1;
/// Messages that may wait between russh's connection task and a channel's task. A message is one packet: 32 KiB from
/// OpenSSH. It bounds what a slow reader makes us hold.
pub(crate) const QUEUE: usize = 32;

/// The software version we show (RFC 4253 §4.2).
pub(crate) fn identification() -> SshId {
    SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-Jump_", env!("CARGO_PKG_VERSION"))))
}

/// Whether the processor has AES instructions: then AES-GCM costs a third of ChaCha20-Poly1305.
fn fast_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

const AES_FIRST: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];
const CHACHA_FIRST: &[cipher::Name] = &[
    cipher::CHACHA20_POLY1305,
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];
/// Without ChaCha20: the client's order decides (RFC 4253 §7.1), and most clients put it first.
const AES_ONLY: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::AES_256_CTR,
    cipher::AES_128_CTR,
];
/// For OpenSSH, which before version 10 puts AES-CTR before AES-GCM: CTR needs an HMAC as well, and with it a gate
/// takes twice the processor time. Every OpenSSH since 6.2 (2013) has AES-GCM.
const GCM_ONLY: &[cipher::Name] = &[cipher::AES_128_GCM, cipher::AES_256_GCM];

/// Host key algorithms: SHA-1 signatures (`ssh-rsa`) are not among them (RFC 8332).
const HOST_KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP384,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP521,
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha512),
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha256),
    },
];

/// Compression is never offered: a compressed packet's size is not bounded by its length on the wire.
fn preferred(ciphers: &'static [cipher::Name], host_keys: Vec<Algorithm>) -> Preferred {
    Preferred {
        cipher: Cow::Borrowed(ciphers),
        key: Cow::Owned(host_keys),
        compression: Cow::Borrowed(&[compression::NONE]),
        ..Preferred::DEFAULT
    }
}

/// The algorithms a server of ours offers to a client with this identification string.
pub(crate) fn server_algorithms(client: Option<&[u8]>) -> Preferred {
    let openssh = client.is_some_and(|line| line.starts_with(b"SSH-2.0-OpenSSH_"));
    let ciphers = match (fast_aes(), openssh) {
        (true, true) => GCM_ONLY,
        (true, false) => AES_ONLY,
        (false, _) => CHACHA_FIRST,
    };
    preferred(ciphers, HOST_KEYS.to_vec())
}

/// The algorithms we ask a server for. The algorithms of the pinned keys come first, so that a target with several
/// host keys shows one that we know.
pub(crate) fn client_algorithms(pinned: &[HostKey]) -> Preferred {
    let is_pinned = |algorithm: &Algorithm| {
        pinned.iter().any(|key| match algorithm {
            Algorithm::Rsa { .. } => key.algorithm() == "ssh-rsa",
            other => key.algorithm() == other.as_str(),
        })
    };
    let (mut order, rest): (Vec<_>, Vec<_>) = HOST_KEYS.iter().cloned().partition(is_pinned);
    order.extend(rest);
    preferred(if fast_aes() { AES_FIRST } else { CHACHA_FIRST }, order)
}

/// How a client of ours speaks.
pub(crate) fn client(pinned: &[HostKey], keep_alive: Option<Duration>) -> client::Config {
    client::Config {
        client_id: identification(),
        preferred: client_algorithms(pinned),
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        channel_buffer_size: QUEUE,
        keepalive_interval: keep_alive,
        nodelay: true,
        ..client::Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_algorithm_of_a_pinned_key_is_asked_for_first() {
        let rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAIQ==";
        // The blob only has to name its algorithm for this test.
        let blob = HostKey::new(rsa).unwrap();
        let order = client_algorithms(&[blob]).key.into_owned();
        assert!(order.iter().take(2).all(|algorithm| algorithm.clone().is_rsa()));
        assert_eq!(order.len(), HOST_KEYS.len());
    }

    #[test]
    fn nothing_weak_and_no_compression_is_offered() {
        for offered in [
            client_algorithms(&[]),
            server_algorithms(None),
            server_algorithms(Some(b"SSH-2.0-OpenSSH_9.2")),
        ] {
            assert!(!offered.key.contains(&Algorithm::Rsa { hash: None }));
            assert_eq!(offered.compression.as_ref(), &[compression::NONE]);
            assert!(offered.cipher.iter().all(|name| !name.as_ref().contains("cbc")));
        }
    }
}
