//! What must hold for any bytes that claim to be a relay ticket. Run by the fuzzer, and over the corpus by an ordinary
//! test.

use jump_core::keys::SigningKey;
use jump_core::secret::Secret;
use jump_core::time::Timestamp;
use jump_core::tunnel::{Relay, SignedTicket, Socket};
use tokio::io::AsyncWriteExt;

/// The broker whose tickets these are; the corpus holds tickets signed by it.
pub(crate) fn broker() -> SigningKey {
    SigningKey::from_seed(Secret::new([7; 32])).expect("any seed makes a key")
}

/// Panics if something does not hold.
pub(crate) fn check(data: &[u8]) {
    as_bytes(data);
    as_signed_body(data);
    as_text(data);
    as_preface(data);
}

/// Bytes of the right length: accepted only if they come out again unchanged.
fn as_bytes(data: &[u8]) {
    let Some(bytes) = data.last_chunk::<{ SignedTicket::LENGTH }>() else {
        return;
    };
    let broker = broker();
    let signed = SignedTicket::from_bytes(*bytes);
    if let Ok(ticket) = signed.verify(&broker.public(), Timestamp::MIN) {
        assert!(ticket.sign(&broker) == signed);
    }
}

/// A body of any content under a good signature: what a careless broker could sign.
fn as_signed_body(data: &[u8]) {
    const BODY: usize = SignedTicket::LENGTH - 64;
    let Some(body) = data.first_chunk::<BODY>() else {
        return;
    };
    let broker = broker();
    let signature = broker.sign("jump relay ticket v1", body);
    let bytes = [body.as_slice(), signature.as_bytes()].concat();
    let Ok(bytes) = bytes.try_into() else { return };
    let signed = SignedTicket::from_bytes(bytes);
    if let Ok(ticket) = signed.verify(&broker.public(), Timestamp::MIN) {
        assert!(ticket.expires > Timestamp::MIN);
        assert!(ticket.sign(&broker) == signed);
    }
}

/// Text: what is read is written again the same.
fn as_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(signed) = SignedTicket::try_from(text.trim_end().to_owned()) {
        assert_eq!(String::from(signed), text.trim_end());
    }
}

/// The beginning of a connection to a relay: never paired, never a panic, always an end.
fn as_preface(data: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let relay = Relay::builder(broker().public())
            .pair_timeout(std::time::Duration::ZERO)
            .build();
        let (mut near, far) = tokio::io::duplex(64 * 1024);
        let (first, rest) = data.split_at(data.len().min(3));
        let rest = rest.get(..rest.len().min(32 * 1024)).unwrap_or_default();
        near.write_all(rest).await.expect("the pipe is large enough");
        drop(near);
        assert!(relay.serve(Socket::Memory(far), first).await.is_err());
        assert_eq!((relay.sessions(), relay.waiting()), (0, 0));
    });
}
