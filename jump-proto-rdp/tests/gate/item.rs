//! What an item asks its target for, whatever a client asks for.

use jump_core::model::{Field, RdpQuality, SecureApp};
use jump_core::recording::{Record, RecordKind};
use jump_core::session::Credential;
use jump_proto_rdp::wire::client_info::is_client_info;
use jump_proto_rdp::wire::share::{self, Control};
use jump_proto_rdp::wire::{Domain, Head, domain};
use jump_testkit::rdp::{PASSWORD, RdpServer, ShadowSecurity, USER, XrdpBackend};

use super::desktop::{Desk, ORANGE, orange};
use super::harness::{Item, login, soon};
use super::native::mostly;
use super::own;

/// What a new session shows.
const BLUE: [u8; 3] = [0x20, 0x40, 0x60];
/// `CODEC_GUID_REMOTEFX` (MS-RDPBCGR §2.2.7.2.10.1.1).
const REMOTEFX: [u8; 16] = [
    0x12, 0x2f, 0x77, 0x76, 0x72, 0xbd, 0x63, 0x44, 0xaf, 0xb3, 0xb7, 0x3c, 0x9c, 0x6f, 0x78, 0x86,
];

/// What passed until a client had shown a colour.
async fn passed(
    item: Item,
    credential: Option<Credential>,
    server: &RdpServer,
    arguments: &[&str],
    colour: [u8; 3],
) -> Vec<Record> {
    let desk = Desk::new().await;
    let (address, gate) = item.port(credential).await;
    let client = desk.xfreerdp(address, arguments);
    let shown = desk.screen.until_shown(|picture| mostly(picture, colour)).await;
    assert!(shown.is_ok(), "{}\n{}", client.output(), server.log());
    let gate = soon(gate).await.unwrap();
    drop(client);
    let records = gate.records.clone();
    gate.end().await;
    let records = records.lock().unwrap();
    records.clone()
}

/// The whole messages of one side.
fn messages(records: &[Record], kind: RecordKind) -> Vec<&[u8]> {
    let mut found = Vec::new();
    for record in records.iter().filter(|record| record.kind == kind) {
        let mut rest = &record.payload[..];
        while let Some(head) = Head::read(rest).unwrap() {
            let (message, after) = rest.split_at(head.length);
            found.push(message);
            rest = after;
        }
    }
    found
}

/// The first PDU of a kind with a share control header.
fn pdu(records: &[Record], kind: RecordKind, wanted: Control) -> Vec<u8> {
    let data = messages(records, kind).into_iter().filter_map(|message| {
        let (Ok(Domain::SendDataRequest(data)) | Ok(Domain::SendDataIndication(data))) = domain(message)
        else {
            return None;
        };
        message.get(data.range)
    });
    let mut pdus = data
        .filter(|content| share::is_one_part(content))
        .filter_map(|content| {
            let parts = share::parts(content).ok()?;
            let part = parts.into_iter().find(|part| part.control == wanted)?;
            Some(content[part.range].to_vec())
        });
    pdus.next().unwrap()
}

fn number(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// `preferredBitsPerPixel` of the server's bitmap capabilities (MS-RDPBCGR §2.2.7.1.2).
fn depth(records: &[Record]) -> u16 {
    let demand = pdu(records, RecordKind::FromTarget, Control::DemandActive);
    let set = demand
        .windows(4)
        .position(|part| part == [2, 0, 0x1c, 0])
        .unwrap();
    number(&demand, set + 4)
}

fn offers_remotefx(records: &[Record]) -> bool {
    let confirm = pdu(records, RecordKind::FromRep, Control::ConfirmActive);
    confirm.windows(16).any(|part| part == REMOTEFX)
}

/// The body of one of the client's blocks of settings.
fn settings(records: &[Record], header: [u8; 4]) -> Vec<u8> {
    let initial = messages(records, RecordKind::FromRep)[0];
    let at = initial.windows(4).position(|part| part == header).unwrap();
    initial[at + 4..].to_vec()
}

/// `performanceFlags` of the login as it went to the target (MS-RDPBCGR §2.2.1.11.1.1, §2.2.1.11.1.1.1).
fn performance(records: &[Record]) -> u32 {
    let login = messages(records, RecordKind::FromRep)
        .into_iter()
        .find_map(|message| match domain(message) {
            Ok(Domain::SendDataRequest(data)) => message.get(data.range).filter(|data| is_client_info(data)),
            _ => None,
        })
        .unwrap();
    // A security header, code page and flags; the lengths of five texts, each of which has an end that does not count.
    let texts: usize = (0..5)
        .map(|text| usize::from(number(login, 12 + 2 * text)) + 2)
        .sum();
    // The family, the address, the folder, the time zone, the session's number.
    let address = 22 + texts + 2;
    let folder = address + 2 + usize::from(number(login, address));
    let flags = folder + 2 + usize::from(number(login, folder)) + 172 + 4;
    u32::from(number(login, flags)) | u32::from(number(login, flags + 2)) << 16
}

#[tokio::test(flavor = "multi_thread")]
async fn an_items_program_starts_and_not_the_clients() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let started = server.writable_file("started").unwrap();
    let script = format!(
        "#!/bin/sh\nxsetroot -solid '#c06020'\necho program >> '{}'\nexec sleep infinity\n",
        started.display()
    );
    let program = server.program("program", &script).unwrap();
    let other = format!("#!/bin/sh\necho other >> '{}'\n", started.display());
    let other = server.program("other", &other).unwrap();
    let mut item = Item::new(server.address());
    item.rdp.secure_app = SecureApp::RemoteApp {
        remote_app_name: Field::new(program.display().to_string()).unwrap(),
        remote_app_params: Field::default(),
    };
    let shell = format!("/shell:{}", other.display());
    passed(
        item,
        login(USER, PASSWORD),
        &server,
        &["/u:rep", "/p:x", &shell],
        ORANGE,
    )
    .await;
    assert_eq!(std::fs::read_to_string(started).unwrap(), "program\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_names_who_logs_in_and_the_client_gives_the_password() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let mut item = Item::new(server.address());
    item.rdp.rdp_username = Field::new(USER).unwrap();
    let password = format!("/p:{PASSWORD}");
    passed(item, None, &server, &["/u:somebody-else", &password], BLUE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quality_is_what_the_target_sends_and_the_client_may_not_ask_for_more() {
    // What the desktop leaves out (0x2f, and 0x40 for the blinking cursor), or adds: 0x80 smooth letters, 0x100 composition. The
    // client asks for both: it was told that the network is fast.
    for (quality, bits, remotefx, look) in [
        (RdpQuality::Low, 15, false, 0x6f),
        (RdpQuality::Performance, 16, false, 0x6f),
        (RdpQuality::BestPerformance, 32, true, 0x180),
        (RdpQuality::Lossless, 32, false, 0x180),
    ] {
        let server = RdpServer::xrdp(XrdpBackend::Xorg).await.unwrap();
        let mut item = Item::new(server.address());
        item.rdp.quality = quality;
        let arguments = ["/u:rep", "/p:x", "/rfx", "/gfx", "/bpp:32", "/network:lan"];
        let records = passed(item, login(USER, PASSWORD), &server, &arguments, BLUE).await;
        assert_eq!(
            (depth(&records), offers_remotefx(&records), performance(&records)),
            (bits, remotefx, look),
            "{quality:?}"
        );
        // CS_CORE's earlyCapabilityFlags (MS-RDPBCGR §2.2.1.3.2).
        let core = settings(&records, [1, 0xc0, 0xea, 0]);
        assert_eq!(
            number(&core, 140) & 0x100 != 0,
            remotefx,
            "{quality:?}: the graphics pipeline"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_no_word_for_sessions_gets_the_console_too() {
    let shadow = orange(ShadowSecurity::Tls).await;
    let mut item = Item::new(shadow.address());
    item.rdp.console = true;
    let (address, gate) = item.port(login(USER, PASSWORD)).await;
    let session = own::connect(address).await;
    session.close().await.unwrap();
    let gate = soon(gate).await.unwrap();
    let records = gate.records.clone();
    gate.end().await;
    let records = records.lock().unwrap();
    let cluster = settings(&records, [4, 0xc0, 12, 0]);
    assert_eq!(cluster[..8], [3 << 2 | 2, 0, 0, 0, 0, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_session_is_the_items_to_ask_for() {
    for (console, arguments) in [
        (true, &["/u:rep", "/p:x"][..]),
        (false, &["/u:rep", "/p:x", "/admin"]),
    ] {
        let shadow = orange(ShadowSecurity::Nla).await;
        let mut item = Item::new(shadow.address());
        item.rdp.console = console;
        let records = passed(item, login(USER, PASSWORD), &shadow, arguments, ORANGE).await;
        // REDIRECTED_SESSIONID_FIELD_VALID with session 0 (MS-RDPBCGR §2.2.1.3.5).
        let cluster = settings(&records, [4, 0xc0, 12, 0]);
        assert_eq!((cluster[0] & 2 != 0, &cluster[4..8]), (console, &[0; 4][..]));
    }
}
