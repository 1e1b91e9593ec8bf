//! Which channels a grant lets through, by name. What is not listed is refused: nobody could say what passes in it.

use jump_core::session::SessionPermissions;

use super::record::Refused;
use crate::wire::dynamic::GRAPHICS;

/// What of either side's clipboard may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clipboards {
    /// What is on the rep's: pasting is input, too.
    pub(super) to_target: bool,
    /// What is on the target's.
    pub(super) from_target: bool,
    pub(super) files_to_target: bool,
    pub(super) files_from_target: bool,
}

impl Clipboards {
    pub(super) const fn of(permissions: &SessionPermissions) -> Self {
        let to_target = permissions.clipboard_to_target && permissions.keyboard_mouse;
        let from_target = permissions.clipboard_from_target;
        Self {
            to_target,
            from_target,
            files_to_target: to_target && permissions.file_upload,
            files_from_target: from_target && permissions.file_download,
        }
    }
}

/// Whether a static channel is let through; its name is in lower case. Drives go both ways, so they need the permission of
/// both; what passes on the clipboard, and to a RemoteApp of the item, is judged message by message.
pub(super) fn of_static(
    name: &str,
    permissions: &SessionPermissions,
    remote_app: bool,
) -> Result<(), Refused> {
    let clipboards = Clipboards::of(permissions);
    let files = permissions.file_upload && permissions.file_download;
    match name {
        // Dynamic channels are judged by their own names; sound is a part of what is seen.
        "drdynvc" | "rdpsnd" => Ok(()),
        "cliprdr" if clipboards.to_target || clipboards.from_target => Ok(()),
        "cliprdr" => Err(Refused::Clipboard),
        "rdpdr" if files && permissions.keyboard_mouse => Ok(()),
        "rdpdr" => Err(Refused::Devices),
        "rail" if remote_app => Ok(()),
        _ => Err(Refused::Channel),
    }
}

/// Whether a dynamic channel is let through.
pub(super) fn of_dynamic(name: &str, permissions: &SessionPermissions) -> Result<(), Refused> {
    match name {
        GRAPHICS | "AUDIO_PLAYBACK_DVC" | "AUDIO_PLAYBACK_LOSSY_DVC" | "ECHO" => Ok(()),
        // Touch, pen, relative mouse.
        "Microsoft::Windows::RDS::Input" | "Microsoft::Windows::RDS::CoreInput" => {
            if permissions.keyboard_mouse {
                Ok(())
            } else {
                Err(Refused::KeyboardMouse)
            }
        }
        "Microsoft::Windows::RDS::DisplayControl" => {
            if permissions.keyboard_mouse {
                Ok(())
            } else {
                Err(Refused::Resize)
            }
        }
        _ => Err(Refused::Channel),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_needs_its_permissions() {
        let all = SessionPermissions::ALL;
        for name in ["drdynvc", "rdpsnd", "cliprdr", "rdpdr"] {
            assert_eq!(of_static(name, &all, false), Ok(()), "{name}");
        }
        for name in ["rail", "encomsp", "rdpinpt", "", "DRDYNVC"] {
            assert_eq!(of_static(name, &all, false), Err(Refused::Channel), "{name}");
        }
        assert_eq!(of_static("rail", &all, true), Ok(()));
        assert!(of_dynamic(GRAPHICS, &SessionPermissions::NONE).is_ok());
        assert!(
            of_dynamic("AUDIO_INPUT", &all).is_err(),
            "nobody permits the microphone"
        );
        let with = |change: fn(&mut SessionPermissions)| {
            let mut permissions = SessionPermissions::ALL;
            change(&mut permissions);
            permissions
        };
        let one_way = with(|permissions| permissions.clipboard_to_target = false);
        assert_eq!(of_static("cliprdr", &one_way, false), Ok(()));
        let none = with(|permissions| {
            permissions.clipboard_to_target = false;
            permissions.clipboard_from_target = false;
        });
        assert_eq!(of_static("cliprdr", &none, false), Err(Refused::Clipboard));
        let one_way = with(|permissions| permissions.file_upload = false);
        assert_eq!(of_static("rdpdr", &one_way, false), Err(Refused::Devices));
        let view = with(|permissions| permissions.keyboard_mouse = false);
        assert!(of_static("rdpdr", &view, false).is_err());
        assert!(
            !Clipboards::of(&view).to_target && Clipboards::of(&view).from_target,
            "pasting is input, copying is not"
        );
        for name in [
            "Microsoft::Windows::RDS::Input",
            "Microsoft::Windows::RDS::CoreInput",
            "Microsoft::Windows::RDS::DisplayControl",
        ] {
            assert!(
                of_dynamic(name, &all).is_ok() && of_dynamic(name, &view).is_err(),
                "{name}"
            );
        }
    }
}
