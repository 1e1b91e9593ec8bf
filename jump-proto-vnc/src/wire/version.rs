//! Which version of the protocol is spoken (RFC 6143 §7.1.1; rfbproto "ProtocolVersion").

use crate::{RfbError, RfbResult};

/// A version of the protocol. There are no others: what else peers announce means one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 3.3: the server says how it wants to be logged in to.
    V3_3,
    /// 3.7: the client chooses from a list.
    V3_7,
    /// 3.8: every login has a result, and a refusal a reason (RFC 6143).
    V3_8,
}

impl Version {
    /// Its length on the wire in bytes.
    pub const LENGTH: usize = 12;

    /// What a peer's announcement `RFB xxx.yyy\n` means. 3.4 to 3.6, and 3.14 and 3.16 of UltraVNC, are 3.3, as
    /// rfbproto says of 3.5; 3.889 of Apple, 4.x and 5.x of RealVNC are 3.8 and more, of which 3.8 is spoken.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] if it is no announcement, [`RfbError::Unsupported`] for a version before 3.3; 0.0 is that
    /// of a repeater, which wants to be told a target first.
    pub fn read(bytes: &[u8; Self::LENGTH]) -> RfbResult<Self> {
        let [b'R', b'F', b'B', b' ', a, b, c, b'.', d, e, f, b'\n'] = *bytes else {
            return Err(RfbError::Protocol("this is not RFB"));
        };
        let number = |digits: [u8; 3]| {
            digits.iter().try_fold(0u16, |number, digit| {
                digit
                    .is_ascii_digit()
                    .then(|| number * 10 + u16::from(digit - b'0'))
            })
        };
        let (Some(major), Some(minor)) = (number([a, b, c]), number([d, e, f])) else {
            return Err(RfbError::Protocol("the version is not made of digits"));
        };
        match (major, minor) {
            (0, 0) => Err(RfbError::Unsupported("a VNC repeater")),
            (0..=2, _) | (3, 0..=2) => Err(RfbError::Unsupported("a version before 3.3")),
            (3, 3..=6 | 14 | 16) => Ok(Version::V3_3),
            (3, 7) => Ok(Version::V3_7),
            _ => Ok(Version::V3_8),
        }
    }

    /// Its announcement.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::LENGTH] {
        match self {
            Version::V3_3 => *b"RFB 003.003\n",
            Version::V3_7 => *b"RFB 003.007\n",
            Version::V3_8 => *b"RFB 003.008\n",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_mean_one_of_three() {
        for (said, meant) in [
            (b"RFB 003.003\n", Version::V3_3),
            (b"RFB 003.005\n", Version::V3_3),
            (b"RFB 003.006\n", Version::V3_3),
            (b"RFB 003.016\n", Version::V3_3),
            (b"RFB 003.007\n", Version::V3_7),
            (b"RFB 003.008\n", Version::V3_8),
            (b"RFB 003.889\n", Version::V3_8),
            (b"RFB 004.001\n", Version::V3_8),
            (b"RFB 005.000\n", Version::V3_8),
        ] {
            assert_eq!(Version::read(said), Ok(meant));
        }
        for version in [Version::V3_3, Version::V3_7, Version::V3_8] {
            assert_eq!(Version::read(&version.to_bytes()), Ok(version));
        }
    }

    #[test]
    fn what_is_no_announcement_is_an_error() {
        for said in [
            b"RFB 000.000\n",
            b"RFB 003.002\n",
            b"RFB 003.00x\n",
            b"RFB 003 008\n",
            b"SSH-2.0-Open",
            b"RFB 003.008\r",
        ] {
            assert!(Version::read(said).is_err(), "{said:?}");
        }
    }
}
