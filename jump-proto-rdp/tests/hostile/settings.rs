//! Servers that change their settings within a session (MS-RDPBCGR §1.3.1.3).

use jump_proto_rdp::wire::share::{self, Control, number};
use jump_proto_rdp::wire::{Domain, domain, send_data_indication};

use crate::recorded::Recorded;

/// What a message of the server says on the channel of input and output.
fn controls(message: &[u8]) -> Vec<Control> {
    let Ok(Domain::SendDataIndication(data)) = domain(message) else {
        return Vec::new();
    };
    let parts = share::parts(&message[data.range]).unwrap_or_default();
    parts.into_iter().map(|part| part.control).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_change_its_mind_while_it_changes_its_settings() {
    let recorded = Recorded::new().await;
    let places = recorded.messages();
    let messages: Vec<&[u8]> = places
        .windows(2)
        .map(|pair| &recorded.bytes[pair[0]..pair[1]])
        .collect();
    let first = |wanted| {
        let found = messages
            .iter()
            .position(|message| controls(message).contains(&wanted));
        found.unwrap()
    };
    let (begins, ends) = (
        first(Control::DemandActive),
        first(Control::Data(number::FONT_MAP)),
    );
    // Deactivate All PDU (§2.2.3.1): header, share and an empty descriptor.
    let content = [13, 0, 0x16, 0, 0xea, 3, 0xea, 3, 1, 0, 1, 0, 0];
    let deactivate = send_data_indication(1002, 1003, &content).unwrap();
    for taken in 0..=ends - begins {
        let mut stream = messages[..=ends].concat();
        stream.extend_from_slice(&deactivate);
        stream.extend(messages[begins..begins + taken].concat());
        stream.extend_from_slice(&deactivate);
        // The end of the first exchange comes late, before the second one or behind it.
        let late = messages[begins + taken..=ends].iter();
        let late = late.filter(|message| !controls(message).contains(&Control::DemandActive));
        let late: Vec<u8> = late.copied().flatten().copied().collect();
        stream.extend_from_slice(&late);
        stream.extend(messages[begins..=ends].concat());
        stream.extend_from_slice(&late);
        stream.extend(messages[ends + 1..].concat());
        let ended = recorded.play(&stream).await;
        assert_eq!(
            (ended.refused, ended.failed),
            (None, None),
            "after {taken} messages"
        );
        assert!(ended.painted, "after {taken} messages");
    }
}
