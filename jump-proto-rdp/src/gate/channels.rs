//! Which channels a grant lets through, by name. What is not listed is refused: nobody could say what passes in it.

use jump_core::session::SessionPermissions;

use super::record::Refused;
use crate::wire::dynamic::GRAPHICS;

/// Whether a static channel is let through; its name is in lower case. The clipboard and drives go both ways, so they need the
/// permission of both.
pub(super) fn of_static(name: &str, permissions: &SessionPermissions) -> Result<(), Refused> {
    let clipboard = permissions.clipboard_to_target && permissions.clipboard_from_target;
    let files = permissions.file_upload && permissions.file_download;
    match name {
        // Dynamic channels are judged by their own names; sound is a part of what is seen.
        "drdynvc" | "rdpsnd" => Ok(()),
        // Pasting is input.
        "cliprdr" if clipboard && permissions.keyboard_mouse => Ok(()),
        "cliprdr" => Err(Refused::Clipboard),
        "rdpdr" if files && permissions.keyboard_mouse => Ok(()),
        "rdpdr" => Err(Refused::Devices),
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
            assert_eq!(of_static(name, &all), Ok(()), "{name}");
        }
        for name in ["rail", "encomsp", "rdpinpt", "", "DRDYNVC"] {
            assert_eq!(of_static(name, &all), Err(Refused::Channel), "{name}");
        }
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
        assert_eq!(of_static("cliprdr", &one_way), Err(Refused::Clipboard));
        let one_way = with(|permissions| permissions.file_upload = false);
        assert_eq!(of_static("rdpdr", &one_way), Err(Refused::Devices));
        let view = with(|permissions| permissions.keyboard_mouse = false);
        for name in ["cliprdr", "rdpdr"] {
            assert!(of_static(name, &view).is_err(), "{name}");
        }
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
