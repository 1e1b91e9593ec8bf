//! Ways to log in, by their numbers.

/// A security type (RFC 6143 §7.1.2; rfbproto "Security Types") or a subtype of VeNCrypt (rfbproto "VeNCrypt"): these have
/// numbers from 256 on, and share their meaning where they are below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SecurityType(pub u32);

/// How a login is done once its channel is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    None,
    VncAuth,
    Plain,
    AppleDh,
    RsaAes(RsaAesKind),
}

/// Which of the four forms of RSA-AES.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RsaAesKind {
    /// AES with 256 bits and SHA-256 in place of 128 and SHA-1.
    pub(crate) long: bool,
    /// Everything after the login is encrypted, too.
    pub(crate) whole: bool,
}

macro_rules! security_types {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $word:literal;)+) => {
        impl SecurityType {
            $($(#[doc = $doc])+ pub const $name: Self = Self($number);)+

            /// Its name, or `None` if it is not known here.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($word),)+
                    _ => None,
                }
            }
        }
    };
}

security_types! {
    /// No login (RFC 6143 §7.2.1).
    NONE = 1, "None";
    /// A challenge, answered with DES; only 8 characters of the password count (RFC 6143 §7.2.2).
    VNC_AUTH = 2, "VncAuth";
    /// RSA and AES with 128 bits for the whole stream (rfbproto "RSA-AES Security Type").
    RA2 = 5, "RA2";
    /// The same for the login only (rfbproto "RSA-AES Unencrypted Security Type").
    RA2NE = 6, "RA2ne";
    /// TightVNC's extensions, with a login of their own list (rfbproto "Tight Security Type").
    TIGHT = 16, "Tight";
    /// A list of logins, most of them in TLS (rfbproto "VeNCrypt").
    VENCRYPT = 19, "VeNCrypt";
    /// Diffie-Hellman and AES for the login only, as Apple's servers do (rfbproto "Diffie-Hellman Authentication").
    APPLE_DH = 30, "AppleDH";
    /// RSA and AES with 256 bits for the whole stream (rfbproto "RSA-AES-256 Security Type").
    RA2_256 = 129, "RA2_256";
    /// The same for the login only (rfbproto "RSA-AES-256 Unencrypted Security Type").
    RA2NE_256 = 130, "RA2ne_256";
    /// A user name and a password in the clear (rfbproto "Plain subtype").
    PLAIN = 256, "Plain";
    /// TLS with an anonymous server, and no login.
    TLS_NONE = 257, "TLSNone";
    /// TLS with an anonymous server, and [`VNC_AUTH`](Self::VNC_AUTH).
    TLS_VNC = 258, "TLSVnc";
    /// TLS with an anonymous server, and [`PLAIN`](Self::PLAIN).
    TLS_PLAIN = 259, "TLSPlain";
    /// TLS with a server that has a certificate, and no login.
    X509_NONE = 260, "X509None";
    /// TLS with a server that has a certificate, and [`VNC_AUTH`](Self::VNC_AUTH).
    X509_VNC = 261, "X509Vnc";
    /// TLS with a server that has a certificate, and [`PLAIN`](Self::PLAIN).
    X509_PLAIN = 262, "X509Plain";
}

impl SecurityType {
    /// Every login that can be done here, strongest first: a checked certificate before a checked key, an encrypted stream
    /// before an encrypted login, a challenge before a password in the clear, nothing last.
    pub const BY_STRENGTH: &'static [Self] = &[
        Self::X509_PLAIN,
        Self::X509_VNC,
        Self::X509_NONE,
        Self::RA2_256,
        Self::RA2,
        Self::RA2NE_256,
        Self::RA2NE,
        Self::APPLE_DH,
        Self::VNC_AUTH,
        Self::PLAIN,
        Self::NONE,
    ];

    /// Whether the server has no certificate and its TLS so no identity. Modern TLS does not have that at all.
    #[must_use]
    pub const fn is_anonymous_tls(self) -> bool {
        matches!(self.0, 257..=259 | 263 | 266)
    }

    /// Whether TLS is to be started before the login, and the server has a certificate.
    #[must_use]
    pub const fn is_x509(self) -> bool {
        matches!(self, Self::X509_NONE | Self::X509_VNC | Self::X509_PLAIN)
    }

    /// Whether everything after the login is encrypted, to a server whose identity is checked.
    #[must_use]
    pub const fn encrypts_everything(self) -> bool {
        self.is_x509() || matches!(self, Self::RA2 | Self::RA2_256)
    }

    /// Whether it can only be chosen from VeNCrypt's list.
    pub(crate) const fn is_subtype(self) -> bool {
        self.0 >= 256
    }

    /// How the login itself is done, or `None` if that cannot be done here.
    pub(crate) const fn method(self) -> Option<Method> {
        Some(match self {
            Self::NONE | Self::X509_NONE => Method::None,
            Self::VNC_AUTH | Self::X509_VNC => Method::VncAuth,
            Self::PLAIN | Self::X509_PLAIN => Method::Plain,
            Self::APPLE_DH => Method::AppleDh,
            Self::RA2 => Method::RsaAes(RsaAesKind {
                long: false,
                whole: true,
            }),
            Self::RA2NE => Method::RsaAes(RsaAesKind {
                long: false,
                whole: false,
            }),
            Self::RA2_256 => Method::RsaAes(RsaAesKind {
                long: true,
                whole: true,
            }),
            Self::RA2NE_256 => Method::RsaAes(RsaAesKind {
                long: true,
                whole: false,
            }),
            _ => return None,
        })
    }
}
