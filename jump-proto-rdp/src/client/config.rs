//! What the client tells a server about itself (MS-RDPBCGR §2.2.1.3, §2.2.1.11, §2.2.7).

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ironrdp_cliprdr::CliprdrClient;
use ironrdp_connector::{BitmapConfig, ClientConnector, Config, Credentials, DesktopSize};
use ironrdp_displaycontrol::client::DisplayControlClient;
use ironrdp_dvc::DrdynvcClient;
use ironrdp_egfx::client::{BitmapUpdate, GraphicsPipelineClient, GraphicsPipelineHandler};
use ironrdp_egfx::decode::H264Decoder;
use ironrdp_egfx::pdu::{CapabilitiesV8Flags, CapabilitiesV81Flags, CapabilitySet, Codec1Type};
use ironrdp_pdu::gcc::{ConnectionType, KeyboardType};
use ironrdp_pdu::nego::NegoRequestData;
use ironrdp_pdu::rdp::capability_sets::{MajorPlatformType, RailSupportLevel, client_codecs_capabilities};
use ironrdp_pdu::rdp::client_info::{PerformanceFlags, TimezoneInfo};
use ironrdp_rdpsnd::client::{NoopRdpsndBackend, Rdpsnd};
use jump_core::{Error, ErrorKind, Result};

use super::clipboard::Backend;
use super::drive;
use super::monitors::Layout;
use super::options::{RdpClientOptions, RdpSecurity};
use crate::inner;

/// A build from which on servers tell a client that its screen has another size; xrdp wants more than 419.
const BUILD: u32 = 18363;
/// US English (MS-RDPBCGR §2.2.1.3.2, `keyboardLayout`): what keys type is known for this one.
const US_KEYBOARD: u32 = 0x409;

/// What the graphics pipeline may send (MS-RDPEGFX §2.2.3): everything but H.264, or that, too.
struct Graphics {
    h264: bool,
    /// Pictures that came so.
    pictures: Arc<AtomicU64>,
}

impl GraphicsPipelineHandler for Graphics {
    fn on_bitmap_updated(&mut self, update: &BitmapUpdate) {
        if matches!(
            update.codec_id,
            Codec1Type::Avc420 | Codec1Type::Avc444 | Codec1Type::Avc444v2
        ) {
            self.pictures.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn capabilities(&self) -> Vec<CapabilitySet> {
        if self.h264 {
            return WithH264.capabilities();
        }
        vec![
            CapabilitySet::V8_1 {
                flags: CapabilitiesV81Flags::SMALL_CACHE,
            },
            CapabilitySet::V8 {
                flags: CapabilitiesV8Flags::SMALL_CACHE,
            },
        ]
    }
}

/// What IronRDP's client knows, which is all of it.
struct WithH264;

impl GraphicsPipelineHandler for WithH264 {}

/// What decodes H.264, if it may be sent.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if the decoder does not start.
#[cfg(feature = "client-h264")]
fn decoder(options: &RdpClientOptions) -> Result<Option<Box<dyn H264Decoder>>> {
    if !options.h264 {
        return Ok(None);
    }
    let decoder = ironrdp_egfx::decode::OpenH264Decoder::new()
        .map_err(|error| Error::new(ErrorKind::Unavailable, super::OPERATION, error.to_string()))?;
    Ok(Some(Box::new(decoder)))
}

/// Nothing does.
#[cfg(not(feature = "client-h264"))]
#[allow(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
fn decoder(_: &RdpClientOptions) -> Result<Option<Box<dyn H264Decoder>>> {
    Ok(None)
}

/// The connection sequence with all of its channels. The clipboard's is there if one of its directions is permitted.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for a size that no screen has.
pub(super) fn connector(options: &RdpClientOptions, clipboard: Backend) -> Result<ClientConnector> {
    let dynamic = DrdynvcClient::new().with_dynamic_channel(DisplayControlClient::new(|_| Ok(Vec::new())));
    let graphics = Graphics {
        h264: options.h264,
        pictures: options.h264_pictures.clone(),
    };
    let dynamic = if options.lossless {
        dynamic
    } else {
        dynamic.with_dynamic_channel(GraphicsPipelineClient::new(Box::new(graphics), decoder(options)?))
    };
    // Servers are told nobody's address.
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let mut connector = ClientConnector::new(config(options)?, nowhere).with_static_channel(dynamic);
    if let Some(sound) = &options.sound {
        connector = connector.with_static_channel(Rdpsnd::new(Box::new(sound.player())));
    }
    if let Some(folder) = options.shared() {
        if options.sound.is_none() {
            // Windows says nothing on the drives' channel without this one (MS-RDPEFS Appendix A <1>).
            connector = connector.with_static_channel(Rdpsnd::new(Box::new(NoopRdpsndBackend)));
        }
        connector = connector.with_static_channel(drive::channel(folder));
    }
    if let Some(cookie) = &options.reconnect {
        connector = connector.with_auto_reconnect_cookie(cookie.0.clone());
    }
    let permissions = options.permissions;
    Ok(
        if permissions.clipboard_to_target || permissions.clipboard_from_target {
            connector.with_static_channel(CliprdrClient::new(Box::new(clipboard)))
        } else {
            connector
        },
    )
}

fn config(options: &RdpClientOptions) -> Result<Config> {
    let wrong = |message: String| Error::new(ErrorKind::InvalidArgument, super::OPERATION, message);
    let (width, height) = options.size;
    if !(200..=8192).contains(&width) || !(200..=8192).contains(&height) {
        return Err(wrong("a screen has 200 to 8192 pixels either way".to_owned()));
    }
    let codecs = if options.lossless {
        "remotefx:off"
    } else {
        "remotefx:on"
    };
    let (username, password, domain) = match &options.login {
        Some(login) => (
            login.user.clone(),
            login.password.expose().clone(),
            Some(login.domain.clone()).filter(|domain| !domain.is_empty()),
        ),
        None => (String::new(), String::new(), None),
    };
    Ok(Config {
        desktop_size: DesktopSize { width, height },
        monitor_layout: options.layout.as_ref().map(Layout::at_first),
        desktop_scale_factor: 0,
        desktop_physical_size: None,
        desktop_orientation: None,
        device_scale_factor: None,
        monitor_extended_layout: None,
        relative_mouse_input: false,
        enable_tls: options.inner || options.security != RdpSecurity::Nla,
        enable_credssp: !options.inner && options.security != RdpSecurity::Tls,
        enable_standard_rdp_security: false,
        credentials: Credentials::UsernamePassword { username, password },
        domain,
        client_build: BUILD,
        client_name: "jump".to_owned(),
        keyboard_type: KeyboardType::IBM_ENHANCED,
        keyboard_subtype: 0,
        keyboard_functional_keys_count: 12,
        keyboard_layout: US_KEYBOARD,
        connection_type: ConnectionType::Lan,
        ime_file_name: String::new(),
        bitmap: Some(BitmapConfig {
            lossy_compression: !options.lossless,
            color_depth: 32,
            codecs: client_codecs_capabilities(&[codecs]).map_err(wrong)?,
        }),
        dig_product_id: String::new(),
        client_dir: String::new(),
        alternate_shell: String::new(),
        work_dir: String::new(),
        remote_application_mode: false,
        rail_support_level: RailSupportLevel::empty(),
        platform: MajorPlatformType::UNSPECIFIED,
        hardware_id: None,
        // Who logs in is told within TLS only: the cookie before it can be read by anybody.
        request_data: Some(NegoRequestData::cookie(if options.inner {
            inner::COOKIE.to_owned()
        } else {
            "jump".to_owned()
        })),
        autologon: true,
        enable_audio_playback: options.sound.is_some(),
        enable_audio_capture: false,
        performance_flags: PerformanceFlags::default(),
        license_cache: None,
        timezone_info: TimezoneInfo::default(),
        // What is compressed may be a bomb.
        compression_type: None,
        enable_server_pointer: true,
        pointer_software_rendering: false,
        multitransport_flags: None,
        support_dyn_vc_gfx_protocol: !options.lossless,
    })
}
