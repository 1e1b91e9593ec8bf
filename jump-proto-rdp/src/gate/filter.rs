//! One verdict per message in both directions, without I/O.

mod clipboard;
mod dynamic;
mod held;
mod remote_app;
mod verdict;

use bytes::BytesMut;
use zeroize::Zeroizing;

use self::clipboard::{Clipboard, Line, Side};
use self::dynamic::DynamicChannels;
use self::held::Held;
use self::remote_app::RemoteApp;
pub use self::verdict::{FilterOptions, Forward, RefusedChannel, TargetLogin, Verdict};
use super::record::Refused;
use super::{channels, item};
use crate::wire::client_info::{self, Changes, Login};
use crate::wire::connect::{self, ListedChannel, ServerSettings};
use crate::wire::security::{self, ServerMessage};
use crate::wire::share::{self, Control, number};
use crate::wire::{
    Data, Domain, Head, RdpError, RdpResult, capabilities, domain, error_info, fast_path, input,
    send_data_request, static_channel,
};

/// The most bytes of answers that wait for the target.
const MOST_ANSWERS: usize = 64 * 1024;

/// What is on a channel of MCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Io,
    Message,
    Dynamic,
    Clipboard,
    RemoteApp,
    Static,
    Refused(Refused),
}

/// Where the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Before the client's settings.
    Begin,
    /// Before the server's.
    Asked,
    /// Before the login.
    Connected,
    /// After it.
    LoggedIn,
}

/// Judges the messages of one connection, from the MCS Connect Initial PDU on (MS-RDPBCGR §1.3.1.1).
#[derive(Debug)]
pub struct Filter {
    options: FilterOptions,
    phase: Phase,
    listed: Vec<ListedChannel>,
    settings: Option<ServerSettings>,
    user: u16,
    error_info: bool,
    share: Option<u32>,
    dynamic: DynamicChannels,
    clipboard: Clipboard,
    remote_app: RemoteApp,
    /// Whether the client shows a RemoteApp, not a desktop.
    shows_app: bool,
    held: Held,
    /// What the target is told in the rep's place.
    for_target: Vec<u8>,
}

impl Filter {
    /// For a connection of which nothing has passed.
    #[must_use]
    pub fn new(options: FilterOptions) -> Self {
        let graphics = !item::wishes(&options.item).no_graphics;
        let dynamic = DynamicChannels::new(options.permissions, graphics);
        let clipboard = Clipboard::new(&options.permissions);
        Self {
            options,
            phase: Phase::Begin,
            listed: Vec::new(),
            settings: None,
            user: 0,
            error_info: false,
            share: None,
            dynamic,
            clipboard,
            remote_app: RemoteApp::default(),
            shows_app: false,
            held: Held::default(),
            for_target: Vec::new(),
        }
    }

    fn kind(&self, channel: u16) -> RdpResult<Kind> {
        let settings = self
            .settings
            .as_ref()
            .ok_or(RdpError::Protocol("data before there are channels"))?;
        if channel == settings.io {
            return Ok(Kind::Io);
        }
        if Some(channel) == settings.message {
            return Ok(Kind::Message);
        }
        let listed = settings
            .channels
            .iter()
            .position(|id| *id == channel && channel != 0)
            .and_then(|index| self.listed.get(index))
            .ok_or(RdpError::Protocol("data on an unknown channel"))?;
        Ok(
            match channels::of_static(
                &listed.name,
                &self.options.permissions,
                item::is_app(&self.options.item),
            ) {
                Ok(()) if !listed.kept => Kind::Refused(Refused::Channel),
                Ok(()) if listed.name == "drdynvc" => Kind::Dynamic,
                Ok(()) if listed.name == "cliprdr" => Kind::Clipboard,
                Ok(()) if listed.name == "rail" => Kind::RemoteApp,
                Ok(()) => Kind::Static,
                Err(refused) => Kind::Refused(refused),
            },
        )
    }

    /// Judges a whole message of the client.
    ///
    /// # Errors
    /// What the client did wrong; the session has to end.
    pub fn client(&mut self, mut message: BytesMut) -> RdpResult<Verdict> {
        if whole(&message)?.fast_path {
            fast_path::check_input(&message)?;
            if self.share.is_none() {
                return Err(RdpError::Protocol("input before there is a screen"));
            }
            if !self.options.permissions.keyboard_mouse {
                return Ok(Verdict::nothing(Some(Refused::KeyboardMouse)));
            }
            self.held.note(&input::of_fast_path(&message)?, true);
            return Ok(Verdict::pass(message));
        }
        match domain(&message)? {
            Domain::ConnectInitial(at) if self.phase == Phase::Begin => {
                let permissions = self.options.permissions;
                let is_app = item::is_app(&self.options.item);
                let wishes = item::wishes(&self.options.item);
                if wishes.console {
                    connect::name_session(&mut message, at)?;
                }
                let settings =
                    connect::change_client(&mut message, at, self.options.selected, wishes, |name| {
                        channels::of_static(name, &permissions, is_app).is_ok()
                    })?;
                let refused = settings
                    .channels
                    .iter()
                    .filter(|channel| !channel.kept)
                    .map(|channel| RefusedChannel {
                        name: channel.name.clone(),
                        what: channels::of_static(&channel.name, &permissions, is_app)
                            .err()
                            .unwrap_or(Refused::Channel),
                    })
                    .collect();
                self.listed = settings.channels;
                self.error_info = settings.error_info;
                self.phase = Phase::Asked;
                Ok(Verdict {
                    channels: refused,
                    ..Verdict::pass(message)
                })
            }
            Domain::ErectDomain | Domain::AttachUserRequest | Domain::JoinRequest(_) | Domain::Disconnect
                if self.phase >= Phase::Connected =>
            {
                Ok(Verdict::pass(message))
            }
            Domain::SendDataRequest(data) => self.client_data(message, data),
            _ => Err(RdpError::Protocol("the client is out of order")),
        }
    }

    fn client_data(&mut self, mut message: BytesMut, data: Data) -> RdpResult<Verdict> {
        if data.user != self.user {
            return Err(RdpError::Protocol("the client speaks for another user"));
        }
        let kind = self.kind(data.channel)?;
        let content = message.get_mut(data.range.clone()).unwrap_or_default();
        match kind {
            Kind::Io if self.phase == Phase::Connected => {
                if !client_info::is_client_info(content) {
                    return Err(RdpError::Protocol("the client does not log in"));
                }
                let login = self.options.login.as_ref().map(|login| Login {
                    domain: &login.domain,
                    user: &login.user,
                    password: login.password.as_ref().map(|password| password.as_str()),
                });
                let listed = self
                    .listed
                    .iter()
                    .any(|listed| listed.kept && listed.name == "rail");
                self.shows_app = listed && client_info::wants_remote_app(content)?;
                // A RemoteApp is started on its channel.
                let program = match item::program(&self.options.item) {
                    Some(_) if self.shows_app => Some(String::new()),
                    program => program,
                };
                let changes = Changes {
                    login,
                    program: program.as_deref(),
                    remote_app: self.shows_app,
                    performance: item::performance(&self.options.item),
                };
                let changed = client_info::change(content, &changes)?;
                // Nobody needs the password again.
                self.options.login = None;
                self.phase = Phase::LoggedIn;
                Ok(Verdict {
                    forward: Forward::Login {
                        bytes: Zeroizing::new(send_data_request(self.user, data.channel, &changed.data)?),
                        recorded: send_data_request(self.user, data.channel, &changed.recorded)?,
                    },
                    ..Verdict::nothing(None)
                })
            }
            Kind::Io if self.share.is_none() => {
                if security::is_licensing(content) {
                    Ok(Verdict::pass(message))
                } else {
                    Err(RdpError::Protocol("the client neither licenses nor waits"))
                }
            }
            Kind::Io => {
                let refused = self.client_parts(content)?;
                Ok(match refused {
                    Some(what) => Verdict::nothing(Some(what)),
                    None => Verdict::pass(message),
                })
            }
            Kind::Message => {
                security::check_client_message(content)?;
                Ok(Verdict::pass(message))
            }
            Kind::Dynamic => self.dynamic.client(&message, data.range),
            Kind::Clipboard => {
                let line = self.line(data.channel);
                self.clipboard.judge(Side::Client, line, message, data.range)
            }
            Kind::RemoteApp => {
                let app = &self.options.item.secure_app;
                let input = self.options.permissions.keyboard_mouse;
                let line = (self.user, data.channel);
                self.remote_app.client(app, input, line, &message, data.range)
            }
            Kind::Static => {
                static_channel::check(content)?;
                Ok(Verdict::pass(message))
            }
            Kind::Refused(what) => Ok(Verdict::nothing(Some(what))),
        }
    }

    /// Whether any of the PDUs may not pass.
    fn client_parts(&mut self, content: &mut [u8]) -> RdpResult<Option<Refused>> {
        let mut refused = None;
        for part in share::parts(content)? {
            match part.control {
                Control::ConfirmActive => {
                    let lossy = item::lossy(&self.options.item);
                    capabilities::clamp_client(
                        content.get_mut(part.range).unwrap_or_default(),
                        lossy,
                        self.shows_app,
                    )?;
                }
                Control::Data(number::INPUT) if !self.options.permissions.keyboard_mouse => {
                    refused = Some(Refused::KeyboardMouse);
                }
                Control::Data(number::INPUT) => {
                    let pdu = content.get(part.range).unwrap_or_default();
                    self.held.note(&input::of_share_data(pdu)?, false);
                }
                Control::Data(
                    number::CONTROL
                    | number::SYNCHRONIZE
                    | number::FONT_LIST
                    | number::PERSISTENT_KEYS
                    | number::REFRESH
                    | number::SUPPRESS_OUTPUT
                    | number::SHUTDOWN_REQUEST
                    | number::FRAME_ACKNOWLEDGE
                    | number::BITMAP_CACHE_ERROR
                    | number::OFFSCREEN_CACHE_ERROR,
                ) => {}
                _ => return Err(RdpError::Protocol("an unknown message of the client")),
            }
        }
        Ok(refused)
    }

    /// Judges a whole message of the server.
    ///
    /// # Errors
    /// What the server did wrong; [`RdpError::Unsupported`] if it sends the client to another server. The session has to end.
    pub fn server(&mut self, mut message: BytesMut) -> RdpResult<Verdict> {
        if whole(&message)?.fast_path {
            fast_path::check_output(&message)?;
            return if self.share.is_some() {
                Ok(Verdict::pass(message))
            } else {
                Err(RdpError::Protocol("graphics before there is a screen"))
            };
        }
        match domain(&message)? {
            Domain::ConnectResponse(at) if self.phase == Phase::Asked => {
                let settings =
                    connect::change_server(&mut message, at, Some(self.options.asked), self.listed.len())?;
                self.settings = Some(settings);
                self.phase = Phase::Connected;
                Ok(Verdict::pass(message))
            }
            Domain::AttachUserConfirm(user) if self.phase == Phase::Connected => {
                self.user = user;
                Ok(Verdict::pass(message))
            }
            Domain::JoinConfirm | Domain::Disconnect if self.phase >= Phase::Connected => {
                Ok(Verdict::pass(message))
            }
            Domain::SendDataIndication(data) => self.server_data(message, data),
            _ => Err(RdpError::Protocol("the server is out of order")),
        }
    }

    fn server_data(&mut self, mut message: BytesMut, data: Data) -> RdpResult<Verdict> {
        let kind = self.kind(data.channel)?;
        let content = message.get_mut(data.range.clone()).unwrap_or_default();
        match kind {
            Kind::Io => {
                let licensing = self.share.is_none() && security::is_licensing(content);
                if !licensing {
                    self.server_parts(content)?;
                }
                Ok(Verdict::pass(message))
            }
            Kind::Message => match security::server_message(content)? {
                ServerMessage::Measure => Ok(Verdict::pass(message)),
                ServerMessage::Transport(request) => {
                    let answer = security::no_transport(request);
                    self.tell_target(Verdict {
                        answer: send_data_request(self.user, data.channel, &answer)?,
                        ..Verdict::nothing(None)
                    })
                }
            },
            Kind::Dynamic => {
                let judged = self.dynamic.server(&message, data.range, self.user, data.channel);
                self.tell_target(judged?)
            }
            Kind::Clipboard => {
                let line = self.line(data.channel);
                self.clipboard.judge(Side::Server, line, message, data.range)
            }
            Kind::RemoteApp | Kind::Static => {
                static_channel::check(content)?;
                Ok(Verdict::pass(message))
            }
            Kind::Refused(what) => Ok(Verdict::nothing(Some(what))),
        }
    }

    const fn line(&self, channel: u16) -> Line {
        Line {
            user: self.user,
            channel,
        }
    }

    /// Keeps what the target is to be told.
    fn tell_target(&mut self, mut verdict: Verdict) -> RdpResult<Verdict> {
        if self.for_target.len() + verdict.answer.len() > MOST_ANSWERS {
            return Err(RdpError::Limit("the target asks for more than it reads"));
        }
        self.for_target.append(&mut verdict.answer);
        Ok(verdict)
    }

    /// What the target is to be told in the rep's place, as whole messages. It goes between those that pass.
    pub fn take_for_target(&mut self) -> Vec<u8> {
        let mut answers = std::mem::take(&mut self.for_target);
        answers.append(&mut self.clipboard.take_answers(Side::Client));
        answers
    }

    /// Whether [`take_for_target`](Self::take_for_target) may have something.
    #[must_use]
    pub const fn waits_for_target(&self) -> bool {
        !self.for_target.is_empty() || self.clipboard.waits(Side::Client)
    }

    /// Whether [`take_for_client`](Self::take_for_client) may have something.
    #[must_use]
    pub const fn waits_for_client(&self) -> bool {
        self.clipboard.waits(Side::Server)
    }

    /// What the client is to be told in the target's place, as whole messages. It goes between those that pass.
    pub fn take_for_client(&mut self) -> Vec<u8> {
        self.clipboard.take_answers(Side::Server)
    }

    fn server_parts(&mut self, content: &mut [u8]) -> RdpResult<()> {
        for part in share::parts(content)? {
            let pdu = content.get_mut(part.range).unwrap_or_default();
            match part.control {
                Control::DemandActive => {
                    if self.phase != Phase::LoggedIn {
                        return Err(RdpError::Protocol("the server shows a screen before the login"));
                    }
                    self.share = Some(capabilities::clamp_server(pdu)?.share);
                }
                Control::Redirection => {
                    return Err(RdpError::Unsupported(
                        "the target sends the session to another server",
                    ));
                }
                Control::Data(number::SAVE_SESSION_INFO) => {
                    share::blank_cookie(pdu)?;
                }
                Control::DeactivateAll
                | Control::Data(
                    number::UPDATE
                    | number::CONTROL
                    | number::POINTER
                    | number::SYNCHRONIZE
                    | number::PLAY_SOUND
                    | number::SHUTDOWN_DENIED
                    | number::FONT_MAP
                    | number::KEYBOARD_INDICATORS
                    | number::KEYBOARD_IME
                    | number::SET_ERROR_INFO
                    | number::ARC_STATUS
                    | number::STATUS_INFO
                    | number::MONITOR_LAYOUT,
                ) => {}
                _ => return Err(RdpError::Protocol("an unknown message of the server")),
            }
        }
        Ok(())
    }

    /// What lets go of the keys and buttons that the rep still holds at the target.
    #[must_use]
    pub fn release(&self) -> Vec<u8> {
        let (Some(share), Some(settings)) = (self.share, self.settings.as_ref()) else {
            return Vec::new();
        };
        self.held
            .release(self.user, settings.io, share)
            .unwrap_or_default()
    }

    /// What the client is told at the end; nothing if it could not read it now.
    #[must_use]
    pub fn goodbye(&self, reason: &jump_core::session::EndReason) -> Vec<u8> {
        let (Some(code), Some(share), Some(settings)) =
            (error_info::code(reason), self.share, self.settings.as_ref())
        else {
            return Vec::new();
        };
        if !self.error_info {
            return Vec::new();
        }
        error_info::goodbye(self.user, settings.io, share, code).unwrap_or_default()
    }
}

/// Checks that this is one message and no more.
fn whole(message: &[u8]) -> RdpResult<Head> {
    Head::read(message)?
        .filter(|head| head.length == message.len())
        .ok_or(RdpError::Protocol("a message is not whole"))
}
