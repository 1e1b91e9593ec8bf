//! From the command line to the types of items besides shells and tunnels.

use clap::Args;
use jump_core::control::ItemDraft;
use jump_core::model::{
    ConnectionType, Field, IntelVpro, ItemDetails, JumpClient, PushJump, Rdp, RdpQuality, SecureApp, Vnc,
    VncSecurity,
};
use jump_core::rep::Rep;

use super::change::{QUALITY, VNC_SECURITY};
use super::draft::Envelope;
use crate::command::credential::PasswordArguments;
use crate::error::Failure;
use crate::values::one_of;

#[derive(Debug, Args)]
pub(super) struct RdpArguments {
    #[command(flatten)]
    envelope: Envelope,
    #[command(flatten)]
    pub(super) credential: PasswordArguments,
    /// The target's port
    #[arg(long, default_value_t = 3389, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// The picture quality
    #[arg(long, default_value = "best_performance", value_parser = one_of::<RdpQuality>(QUALITY))]
    quality: RdpQuality,
    /// The console session, not a new one
    #[arg(long)]
    console: bool,
    /// Accept a certificate that cannot be verified
    #[arg(long)]
    ignore_untrusted: bool,
    /// Log in only to a target that authenticates the login first (NLA)
    #[arg(long)]
    require_nla: bool,
    /// The user name where no credential is injected
    #[arg(long, value_name = "NAME")]
    rdp_username: Option<Field>,
    /// The domain
    #[arg(long)]
    domain: Option<Field>,
    /// The RemoteApp that starts in place of the desktop
    #[arg(long, value_name = "NAME")]
    remote_app: Option<Field>,
    /// Its parameters
    #[arg(long, value_name = "TEXT", requires = "remote_app")]
    remote_app_params: Option<Field>,
    /// The SHA-256 of a certificate that the target may show; may be given several times
    #[arg(long, value_name = "HEX")]
    certificate: Vec<Field>,
}

impl RdpArguments {
    pub(super) async fn draft(&self, rep: &Rep, local: bool) -> Result<ItemDraft, Failure> {
        let secure_app = match &self.remote_app {
            None => SecureApp::None,
            Some(name) => SecureApp::RemoteApp {
                remote_app_name: name.clone(),
                remote_app_params: self.remote_app_params.clone().unwrap_or_default(),
            },
        };
        let rdp = Rdp {
            port: self.port,
            quality: self.quality,
            console: self.console,
            ignore_untrusted: self.ignore_untrusted,
            require_nla: self.require_nla,
            rdp_username: self.rdp_username.clone().unwrap_or_default(),
            domain: self.domain.clone().unwrap_or_default(),
            secure_app,
            pinned_certificates: self.certificate.clone(),
            credential: None,
        };
        let details = if local {
            ItemDetails::LocalRdp(rdp)
        } else {
            ItemDetails::RemoteRdp(rdp)
        };
        self.envelope.draft(rep, details).await
    }
}

#[derive(Debug, Args)]
pub(super) struct VncArguments {
    #[command(flatten)]
    envelope: Envelope,
    #[command(flatten)]
    pub(super) credential: PasswordArguments,
    /// The target's port
    #[arg(long, default_value_t = 5900, value_parser = clap::value_parser!(u16).range(100..))]
    port: u16,
    /// The SHA-256 of a certificate that the target may show; may be given several times
    #[arg(long, value_name = "HEX")]
    certificate: Vec<Field>,
    /// Accept and pin the first certificate or RSA key that the target shows
    #[arg(long, conflicts_with = "certificate")]
    trust_first_certificate: bool,
    /// The weakest login that is done: `encrypted`, `password`, `none`
    #[arg(long, default_value = "password", value_parser = one_of::<VncSecurity>(VNC_SECURITY))]
    minimum_security: VncSecurity,
}

impl VncArguments {
    pub(super) async fn draft(&self, rep: &Rep, local: bool) -> Result<ItemDraft, Failure> {
        let vnc = Vnc {
            port: self.port,
            pinned_certificates: self.certificate.clone(),
            trust_first_certificate: self.trust_first_certificate,
            minimum_security: self.minimum_security,
            credential: None,
        };
        let details = if local {
            ItemDetails::LocalVnc(vnc)
        } else {
            ItemDetails::RemoteVnc(vnc)
        };
        self.envelope.draft(rep, details).await
    }
}

#[derive(Debug, Args)]
pub(super) struct PushArguments {
    #[command(flatten)]
    envelope: Envelope,
}

impl PushArguments {
    pub(super) async fn draft(&self, rep: &Rep, local: bool) -> Result<ItemDraft, Failure> {
        let push = PushJump::default();
        let details = if local {
            ItemDetails::LocalJump(push)
        } else {
            ItemDetails::RemoteJump(push)
        };
        self.envelope.draft(rep, details).await
    }
}

#[derive(Debug, Args)]
pub(super) struct VproArguments {
    #[command(flatten)]
    envelope: Envelope,
    /// The target's port
    #[arg(long, default_value_t = 16993, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Use Kerberos; the host is then a full domain name
    #[arg(long)]
    kerberos: bool,
}

impl VproArguments {
    pub(super) async fn draft(&self, rep: &Rep) -> Result<ItemDraft, Failure> {
        let details = ItemDetails::IntelVpro(IntelVpro {
            port: self.port,
            kerberos: self.kerberos,
            credential: None,
        });
        self.envelope.draft(rep, details).await
    }
}

#[derive(Debug, Args)]
pub(super) struct ClientArguments {
    #[command(flatten)]
    envelope: Envelope,
    /// How it connects: it keeps a connection, or waits to be called
    #[arg(long, default_value = "active", value_parser = one_of::<ConnectionType>(&["active", "passive"]))]
    connection_type: ConnectionType,
    /// After how many minutes without a connection it is lost; 0 is the site's setting
    #[arg(long, default_value_t = 0, value_name = "MINUTES")]
    max_offline: u32,
    /// It shows nothing
    #[arg(long)]
    quiet: bool,
}

impl ClientArguments {
    pub(super) async fn draft(&self, rep: &Rep) -> Result<ItemDraft, Failure> {
        let details = ItemDetails::JumpClient(JumpClient {
            connection_type: self.connection_type,
            max_offline_minutes: self.max_offline,
            is_quiet: self.quiet,
            ..JumpClient::default()
        });
        self.envelope.draft(rep, details).await
    }
}
