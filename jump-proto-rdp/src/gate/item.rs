//! What an item asks its target for, whatever the rep's client would ask for.

use jump_core::model::{RdpQuality, SecureApp};
use jump_core::session::RdpLogin;

use crate::wire::connect::Wishes;

// `performanceFlags` (MS-RDPBCGR §2.2.1.11.1.1.1).
const NO_WALLPAPER: u32 = 0x1;
const NO_FULL_WINDOW_DRAG: u32 = 0x2;
const NO_MENU_ANIMATIONS: u32 = 0x4;
const NO_THEMES: u32 = 0x8;
const NO_CURSOR_SHADOW: u32 = 0x20;
const NO_CURSOR_BLINKING: u32 = 0x40;
const FONT_SMOOTHING: u32 = 0x80;
const DESKTOP_COMPOSITION: u32 = 0x100;

/// What goes into the client's settings. Fewer colours than 15 bits cannot be shown by a recording; so "black and white" has
/// 15 bits, and its screen has nothing that moves or shines.
pub(super) const fn wishes(item: &RdpLogin) -> Wishes {
    let (depth, no_graphics) = match item.quality {
        RdpQuality::Low => (Some(15), true),
        RdpQuality::Performance | RdpQuality::PerformanceQuality => (Some(16), true),
        RdpQuality::Quality | RdpQuality::BestPerformance => (None, false),
        RdpQuality::Lossless => (None, true),
    };
    Wishes {
        console: item.console,
        depth,
        no_graphics,
    }
}

/// What the target's desktop leaves out or adds; `None` is for the client to say.
pub(super) const fn performance(item: &RdpLogin) -> Option<u32> {
    const PLAIN: u32 = NO_WALLPAPER | NO_FULL_WINDOW_DRAG | NO_MENU_ANIMATIONS;
    match item.quality {
        RdpQuality::Low | RdpQuality::Performance => {
            Some(PLAIN | NO_THEMES | NO_CURSOR_SHADOW | NO_CURSOR_BLINKING)
        }
        RdpQuality::PerformanceQuality => Some(PLAIN),
        RdpQuality::Quality | RdpQuality::Lossless => Some(FONT_SMOOTHING | DESKTOP_COMPOSITION),
        RdpQuality::BestPerformance => None,
    }
}

/// Whether codecs that lose something may be used.
pub(super) const fn lossy(item: &RdpLogin) -> bool {
    matches!(item.quality, RdpQuality::Quality | RdpQuality::BestPerformance)
}

/// Whether there is a program in place of the desktop.
pub(super) const fn is_app(item: &RdpLogin) -> bool {
    matches!(item.secure_app, SecureApp::RemoteApp { .. })
}

/// The command line of the program that starts in place of the desktop.
pub(super) fn program(item: &RdpLogin) -> Option<String> {
    match &item.secure_app {
        SecureApp::None => None,
        SecureApp::RemoteApp {
            remote_app_name,
            remote_app_params,
        } if remote_app_params.as_str().is_empty() => Some(remote_app_name.as_str().to_owned()),
        SecureApp::RemoteApp {
            remote_app_name,
            remote_app_params,
        } => Some(format!("{remote_app_name} {remote_app_params}")),
    }
}
