//! What a gate reads and changes of both sides' settings (MS-RDPBCGR §2.2.1.3, §2.2.1.4), in place.

use bytes::BytesMut;

use super::bytes::{change32, le16, le32, part, put};
use super::gcc::{Block, append, client_blocks, server_blocks};
use super::{RdpError, RdpResult};

/// The most static channels that a client may list (MS-RDPBCGR §2.2.1.3.4).
pub const MAX_CHANNELS: usize = 31;

// Types of blocks (MS-RDPBCGR §2.2.1.3.1).
const CS_CORE: u16 = 0xc001;
const CS_NET: u16 = 0xc003;
const CS_CLUSTER: u16 = 0xc004;
const CS_MULTITRANSPORT: u16 = 0xc00a;
const SC_CORE: u16 = 0x0c01;
const SC_NET: u16 = 0x0c03;
const SC_MESSAGE_CHANNEL: u16 = 0x0c04;
const SC_MULTITRANSPORT: u16 = 0x0c08;

// Places in CS_CORE behind its header (MS-RDPBCGR §2.2.1.3.2).
const CLIENT_NAME: usize = 20;
const HIGH_COLOUR_DEPTH: usize = 136;
const COLOUR_DEPTHS: usize = 138;
const EARLY_CAPABILITIES: usize = 140;
const SELECTED_PROTOCOL: usize = 208;

/// `RNS_UD_CS_SUPPORT_ERRINFO_PDU`: the client understands why it is disconnected.
const SUPPORTS_ERROR_INFO: u16 = 1;
/// `RNS_UD_16BPP_SUPPORT`.
const SIXTEEN_BITS: u16 = 2;
/// `CHANNEL_OPTION_COMPRESS_RDP` and `CHANNEL_OPTION_COMPRESS` (MS-RDPBCGR §2.2.1.3.4.1).
const CHANNEL_COMPRESSION: u32 = 0x00c0_0000;
/// `RNS_UD_CS_WANT_32BPP_SESSION` and `RNS_UD_CS_SUPPORT_DYNVC_GFX_PROTOCOL`.
const DEEP: u16 = 2;
const GRAPHICS: u16 = 0x100;
/// `RNS_UD_15BPP_SUPPORT`.
const FIFTEEN_BITS: u16 = 4;
/// `REDIRECTED_SESSIONID_FIELD_VALID` (MS-RDPBCGR §2.2.1.3.5): with session 0 it asks for the console.
const SESSION: u32 = 2;
/// `REDIRECTION_SUPPORTED` and `REDIRECTED_SESSIONID_FIELD_VALID` (MS-RDPBCGR §2.2.1.3.5).
const CLUSTER: u32 = 3;

/// A static channel that a client lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedChannel {
    /// Its name, up to seven characters of ASCII.
    pub name: String,
    /// Whether it was left as it is. Otherwise it has a name now that no server knows, so that the numbers of the others stay
    /// the same on both sides.
    pub kept: bool,
}

/// What a client's settings say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSettings {
    /// Its static channels in their order.
    pub channels: Vec<ListedChannel>,
    /// Whether it wants to hear why it is disconnected (MS-RDPBCGR §2.2.5.1).
    pub error_info: bool,
}

/// What a server's settings say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// The channel of everything that is in no other.
    pub io: u16,
    /// The channel of the connection's own messages, if both sides have one.
    pub message: Option<u16>,
    /// The channels of the client's list, in its order; 0 for one that the server does not have.
    pub channels: Vec<u16>,
}

fn find(blocks: &[Block], kind: u16) -> Option<&Block> {
    blocks.iter().find(|block| block.kind == kind)
}

/// What an item asks a target for, whatever a client would ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The console session.
    pub console: bool,
    /// So many bits of a colour, 15 or 16, and no more.
    pub depth: Option<u16>,
    /// Nothing of the graphics pipeline (MS-RDPEGFX).
    pub no_graphics: bool,
}

/// Gives a client's settings the block in which a session is asked for (MS-RDPBCGR §2.2.1.3.5), if they have none; `at` as for
/// [`change_client`], which then says what is in it.
///
/// # Errors
/// [`RdpError::Protocol`] for settings that cannot be read, [`RdpError::Limit`] if there is no room.
pub fn name_session(message: &mut BytesMut, at: usize) -> RdpResult<()> {
    /// `REDIRECTION_VERSION4` in its place; no session.
    const BLOCK: [u8; 12] = [4, 0xc0, 12, 0, 3 << 2, 0, 0, 0, 0, 0, 0, 0];
    if find(&client_blocks(message, at)?, CS_CLUSTER).is_none() {
        append(message, at, &BLOCK)?;
    }
    Ok(())
}

/// Changes a client's settings as a gate passes them on. `at` is where [`Domain::ConnectInitial`](super::Domain) says they begin,
/// `selected` what the target selected (MS-RDPBCGR §2.2.1.2.1), and `keep` whether a channel of a name may stay.
///
/// The target is told of its own selection; it is told nothing of a second transport, nor that the client could be sent to
/// another server; the client's name is none; 8 bits of colour become 16; channels are not compressed.
///
/// # Errors
/// [`RdpError::Protocol`] for settings that cannot be read or come twice, [`RdpError::Limit`] for too many channels,
/// [`RdpError::Unsupported`] for a client of before RDP 5.2 that has no place for what has to be said, or none for the console.
pub fn change_client(
    message: &mut [u8],
    at: usize,
    selected: u32,
    wishes: Wishes,
    mut keep: impl FnMut(&str) -> bool,
) -> RdpResult<ClientSettings> {
    let blocks = client_blocks(message, at)?;
    let core = find(&blocks, CS_CORE).ok_or(RdpError::Protocol("the client has no core settings"))?;
    let Some(core) = message
        .get_mut(core.body.clone())
        .filter(|core| core.len() >= SELECTED_PROTOCOL + 4)
    else {
        return Err(RdpError::Unsupported("the client is too old"));
    };
    put(core, SELECTED_PROTOCOL, &selected.to_le_bytes())?;
    let mut name = [0; 32];
    put(&mut name, 0, &[b'j', 0, b'u', 0, b'm', 0, b'p', 0])?;
    put(core, CLIENT_NAME, &name)?;
    if le16(core, HIGH_COLOUR_DEPTH)? < 15 {
        put(core, HIGH_COLOUR_DEPTH, &16_u16.to_le_bytes())?;
        let depths = le16(core, COLOUR_DEPTHS)? | SIXTEEN_BITS;
        put(core, COLOUR_DEPTHS, &depths.to_le_bytes())?;
    }
    let early = le16(core, EARLY_CAPABILITIES)?;
    let error_info = early & SUPPORTS_ERROR_INFO != 0;
    let mut without = 0;
    if let Some(depth) = wishes.depth {
        put(core, HIGH_COLOUR_DEPTH, &depth.to_le_bytes())?;
        let depths = if depth == 15 { FIFTEEN_BITS } else { SIXTEEN_BITS };
        put(core, COLOUR_DEPTHS, &depths.to_le_bytes())?;
        without |= DEEP | GRAPHICS;
    }
    if wishes.no_graphics {
        without |= GRAPHICS;
    }
    put(core, EARLY_CAPABILITIES, &(early & !without).to_le_bytes())?;
    if let Some(block) = find(&blocks, CS_MULTITRANSPORT) {
        change32(message, block.body.start, |_| 0)?;
    }
    if let Some(block) = find(&blocks, CS_CLUSTER) {
        let session = if wishes.console { SESSION } else { 0 };
        change32(message, block.body.start, |flags| flags & !CLUSTER | session)?;
        change32(message, block.body.start + 4, |_| 0)?;
    } else if wishes.console {
        return Err(RdpError::Unsupported(
            "the client has no words for the console session, which the item asks for",
        ));
    }
    let channels = match find(&blocks, CS_NET) {
        Some(block) => {
            let net = message.get_mut(block.body.clone()).unwrap_or_default();
            change_channels(net, &mut keep)?
        }
        None => Vec::new(),
    };
    Ok(ClientSettings { channels, error_info })
}

fn change_channels(net: &mut [u8], keep: &mut dyn FnMut(&str) -> bool) -> RdpResult<Vec<ListedChannel>> {
    let count = le32(net, 0)? as usize;
    if count > MAX_CHANNELS {
        return Err(RdpError::Limit("the client lists too many channels"));
    }
    if net.len() < 4 + count * 12 {
        return Err(RdpError::Protocol("the client's list of channels is cut"));
    }
    let mut channels: Vec<ListedChannel> = Vec::with_capacity(count);
    for index in 0..count {
        let at = 4 + index * 12;
        let field = part(net, at..at + 8)?;
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
        let name: String = part(field, 0..end)?
            .iter()
            .map(|byte| char::from(*byte).to_ascii_lowercase())
            .collect();
        let first = !channels
            .iter()
            .any(|channel| channel.kept && channel.name == name);
        let kept = first && keep(&name);
        let mut canonical = [0; 8];
        if kept {
            put(&mut canonical, 0, name.as_bytes())?;
        } else {
            put(&mut canonical, 0, format!("jmpof{index}").as_bytes())?;
        }
        put(net, at, &canonical)?;
        change32(net, at + 8, |options| options & !CHANNEL_COMPRESSION)?;
        channels.push(ListedChannel { name, kept });
    }
    Ok(channels)
}

/// What each leg asked for (MS-RDPBCGR §2.2.1.1.1, `requestedProtocols`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The gate, of the target.
    pub target: u32,
    /// The client, of the gate.
    pub client: u32,
}

/// Changes a server's settings as a gate passes them on: the client hears of what it asked for itself, and of no second
/// transport. `listed` is how many channels the client has listed.
///
/// What was asked for was unprotected; here, within TLS, the server repeats what it heard (MS-RDPBCGR §2.2.1.4.2). If that is
/// something else, somebody on the path has changed it. Nothing is compared nor changed if it is not known.
///
/// # Errors
/// [`RdpError::Protocol`] for settings that cannot be read, or that give a number twice; [`RdpError::Tampered`].
pub fn change_server(
    message: &mut [u8],
    at: usize,
    asked: Option<Asked>,
    listed: usize,
) -> RdpResult<ServerSettings> {
    let blocks = server_blocks(message, at)?;
    if let Some(asked) = asked
        && let Some(block) = find(&blocks, SC_CORE)
        && block.body.len() >= 8
    {
        let place = block.body.start + 4;
        if le32(message, place)? != asked.target {
            return Err(RdpError::Tampered(
                "the target heard another question than it was asked",
            ));
        }
        put(message, place, &asked.client.to_le_bytes())?;
    }
    if let Some(block) = find(&blocks, SC_MULTITRANSPORT) {
        change32(message, block.body.start, |_| 0)?;
    }
    let message_channel = find(&blocks, SC_MESSAGE_CHANNEL)
        .map(|block| le16(message, block.body.start))
        .transpose()?
        .filter(|id| *id != 0);
    let net = find(&blocks, SC_NET).ok_or(RdpError::Protocol("the server names no channels"))?;
    let net = part(message, net.body.clone())?;
    let io = le16(net, 0)?;
    let count: usize = le16(net, 2)?.into();
    if count != listed {
        return Err(RdpError::Protocol(
            "the server has not as many channels as the client",
        ));
    }
    let channels = (0..count)
        .map(|index| le16(net, 4 + index * 2))
        .collect::<RdpResult<Vec<u16>>>()?;
    let mut all: Vec<u16> = channels.iter().copied().filter(|id| *id != 0).collect();
    all.push(io);
    all.extend(message_channel);
    all.sort_unstable();
    if io == 0
        || all
            .windows(2)
            .any(|pair| matches!(pair, [one, other] if one == other))
    {
        return Err(RdpError::Protocol("the server gives one number to two channels"));
    }
    Ok(ServerSettings {
        io,
        message: message_channel,
        channels,
    })
}
