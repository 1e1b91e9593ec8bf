//! The target's direction of a recording: what is painted, by IronRDP's decoders.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::BytesMut;
use ironrdp_dvc::DrdynvcClient;
use ironrdp_egfx::client::{GraphicsPipelineClient, GraphicsPipelineHandler};
use ironrdp_graphics::image_processing::PixelFormat;
use ironrdp_graphics::pointer::DecodedPointer;
use ironrdp_pdu::Action;
use ironrdp_session::image::DecodedImage;
use ironrdp_session::{ActiveStage, ActiveStageBuilder, ActiveStageOutput};
use ironrdp_svc::StaticChannelSet;
use jump_core::protocol::{Area, Picture};

use super::ScreenEvent;
use crate::client::budget::Budget;
use crate::wire::capabilities::{Demanded, clamp_server};
use crate::wire::connect::{ListedChannel, ServerSettings, change_server};
use crate::wire::share::{self, Control, number};
use crate::wire::{Data, Domain, Head, RdpError, RdpResult, domain, security};

/// The largest screen either way, in pixels.
const MAX_SIDE: u16 = 8192;
const MAX_PIXELS: u32 = 8192 * 4320;
/// The longest chunk of a static channel that is not agreed on (MS-RDPBCGR §2.2.7.1.10).
const CHUNK: usize = 1600;

fn too_much(_: jump_core::Error) -> RdpError {
    RdpError::Limit("the target collects more graphics than it shows")
}

/// Nothing is to be told of graphics but what they paint.
struct Quiet;

impl GraphicsPipelineHandler for Quiet {}

#[derive(Default)]
pub(super) struct Server {
    listed: Vec<ListedChannel>,
    settings: Option<ServerSettings>,
    user: u16,
    logged_in: bool,
    share: Option<u32>,
    /// Between the server's capabilities and its font map (MS-RDPBCGR §1.3.1.1): none of it paints.
    activating: bool,
    stage: Option<ActiveStage>,
    image: Option<DecodedImage>,
    pointer: Option<Arc<DecodedPointer>>,
    graphics: bool,
    /// What IronRDP may collect before it is decoded.
    budget: Budget,
}

impl fmt::Debug for Server {
    /// Where it is; not the picture.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("share", &self.share)
            .field("activating", &self.activating)
            .finish_non_exhaustive()
    }
}

impl Server {
    pub(super) fn listed(&mut self, channels: Vec<ListedChannel>) {
        self.listed = channels;
    }

    pub(super) fn io(&self) -> Option<u16> {
        self.settings.as_ref().map(|settings| settings.io)
    }

    pub(super) const fn logged_in(&mut self) {
        self.logged_in = true;
    }

    pub(super) const fn has_screen(&self) -> bool {
        self.share.is_some()
    }

    pub(super) const fn graphics(&self) -> bool {
        self.graphics
    }

    pub(super) fn missing(&self) -> u64 {
        self.stage
            .as_ref()
            .and_then(ActiveStage::get_dvc::<GraphicsPipelineClient>)
            .map_or(0, |graphics| graphics.processor().dropped_updates())
    }

    pub(super) fn screen(&self) -> Option<Picture> {
        let image = self.image.as_ref()?;
        let mut rgba = image.data().to_vec();
        for pixel in rgba.as_chunks_mut::<4>().0 {
            pixel[3] = 255;
        }
        Some(Picture {
            width: image.width().into(),
            height: image.height().into(),
            rgba,
        })
    }

    /// Draws the target's pointer over a picture.
    pub(super) fn draw_pointer(&self, screen: &mut Picture, x: u16, y: u16) {
        let Some(pointer) = &self.pointer else { return };
        let left = i64::from(x) - i64::from(pointer.hotspot_x);
        let top = i64::from(y) - i64::from(pointer.hotspot_y);
        let rows = pointer
            .bitmap_data
            .chunks_exact(usize::from(pointer.width).max(1) * 4);
        for (row, y) in rows.zip(top..) {
            for (pixel, x) in row.as_chunks::<4>().0.iter().zip(left..) {
                let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else {
                    continue;
                };
                if x >= screen.width {
                    continue;
                }
                let at = (y as usize * screen.width as usize + x as usize) * 4;
                if let Some(under) = screen.rgba.get_mut(at..at + 3) {
                    let [red, green, blue, alpha] = *pixel;
                    for (under, over) in under.iter_mut().zip([red, green, blue]) {
                        let mixed =
                            u32::from(over) * u32::from(alpha) + u32::from(*under) * (255 - u32::from(alpha));
                        *under = u8::try_from(mixed / 255).unwrap_or(u8::MAX);
                    }
                }
            }
        }
    }

    /// Takes a whole message.
    pub(super) fn message(
        &mut self,
        mut message: BytesMut,
        told: &mut dyn FnMut(ScreenEvent),
    ) -> RdpResult<()> {
        let fast_path = Head::read(&message)?.is_some_and(|head| head.fast_path);
        if fast_path {
            self.graphics = true;
            self.budget.fast_path(&message).map_err(too_much)?;
            return self.paint(Action::FastPath, &message, told);
        }
        match domain(&message)? {
            Domain::ConnectResponse(at) => {
                self.settings = Some(change_server(&mut message, at, None, self.listed.len())?);
                Ok(())
            }
            Domain::AttachUserConfirm(user) => {
                self.user = user;
                Ok(())
            }
            Domain::SendDataIndication(data) => self.data(&mut message, data, told),
            _ => Ok(()),
        }
    }

    fn data(
        &mut self,
        message: &mut BytesMut,
        data: Data,
        told: &mut dyn FnMut(ScreenEvent),
    ) -> RdpResult<()> {
        if Some(data.channel) == self.io() {
            let content = message.get_mut(data.range).unwrap_or_default();
            if !self.logged_in || self.share.is_none() && security::is_licensing(content) {
                return Ok(());
            }
            let mut paints = self.share.is_some() && !self.activating;
            for part in share::parts(content)? {
                let pdu = content.get_mut(part.range).unwrap_or_default();
                match part.control {
                    Control::DemandActive => {
                        self.activate(clamp_server(pdu)?, told)?;
                        paints = false;
                    }
                    Control::Data(number::FONT_MAP) => {
                        self.activating = false;
                        paints = false;
                    }
                    Control::DeactivateAll => {
                        self.activating = true;
                        paints = false;
                    }
                    Control::Data(number::UPDATE) => self.graphics = true,
                    _ => {}
                }
            }
            if paints {
                self.paint(Action::X224, message, told)?;
            }
            return Ok(());
        }
        if Some(data.channel) == self.channel("drdynvc") {
            let chunk = message.get(data.range).unwrap_or_default();
            self.budget.chunk(chunk, true).map_err(too_much)?;
            return self.paint(Action::X224, message, told);
        }
        Ok(())
    }

    fn channel(&self, name: &str) -> Option<u16> {
        let index = self.listed.iter().position(|channel| channel.name == name)?;
        let settings = self.settings.as_ref()?;
        settings.channels.get(index).copied().filter(|id| *id != 0)
    }

    fn activate(&mut self, demanded: Demanded, told: &mut dyn FnMut(ScreenEvent)) -> RdpResult<()> {
        let Demanded {
            share,
            size: (width, height),
        } = demanded;
        let pixels = u32::from(width) * u32::from(height);
        if pixels == 0 || pixels > MAX_PIXELS || width > MAX_SIDE || height > MAX_SIDE {
            return Err(RdpError::Limit(
                "the desktop is larger than 8192 × 4320 pixels, or is none",
            ));
        }
        let settings = self
            .settings
            .as_ref()
            .ok_or(RdpError::Protocol("a screen without settings"))?;
        match &mut self.stage {
            Some(stage) => {
                stage.reactivate(settings.io, self.user, share, true, false, CHUNK);
            }
            None => {
                let (io, message) = (settings.io, settings.message);
                self.stage = Some(self.first_stage(io, message, share));
            }
        }
        self.image = Some(DecodedImage::new(PixelFormat::RgbA32, width, height));
        self.share = Some(share);
        self.activating = true;
        told(ScreenEvent::Opened {
            width: width.into(),
            height: height.into(),
        });
        Ok(())
    }

    fn first_stage(&self, io: u16, message: Option<u16>, share: u32) -> ActiveStage {
        let mut channels = StaticChannelSet::new();
        let graphics = GraphicsPipelineClient::new(Box::new(Quiet), None);
        channels.insert(DrdynvcClient::new().with_dynamic_channel(graphics));
        let kind = channels.type_ids().next();
        if let (Some(kind), Some(id)) = (kind, self.channel("drdynvc")) {
            channels.attach_channel_id(kind, id);
        }
        ActiveStageBuilder {
            static_channels: channels,
            user_channel_id: self.user,
            io_channel_id: io,
            message_channel_id: message,
            share_id: share,
            // The gate lets nobody compress.
            compression_type: None,
            enable_server_pointer: true,
            pointer_software_rendering: false,
        }
        .build()
    }

    fn paint(&mut self, action: Action, message: &[u8], told: &mut dyn FnMut(ScreenEvent)) -> RdpResult<()> {
        let (Some(stage), Some(image)) = (&mut self.stage, &mut self.image) else {
            return Err(RdpError::Protocol("graphics before there is a screen"));
        };
        let size = (image.width(), image.height());
        // The decoders are not ours, and what they decode is a stranger's: what they do not expect ends this recording only.
        let decoded = catch_unwind(AssertUnwindSafe(|| stage.process(image, action, message, None)));
        let Ok(Ok(outputs)) = decoded else {
            return Err(RdpError::Protocol("graphics cannot be decoded"));
        };
        if size != (image.width(), image.height()) {
            told(ScreenEvent::Opened {
                width: image.width().into(),
                height: image.height().into(),
            });
        }
        for output in outputs {
            match output {
                ActiveStageOutput::GraphicsUpdate(region) => {
                    self.graphics = true;
                    told(ScreenEvent::Painted(Area {
                        x: region.left.into(),
                        y: region.top.into(),
                        width: u32::from(region.right.saturating_sub(region.left)) + 1,
                        height: u32::from(region.bottom.saturating_sub(region.top)) + 1,
                    }));
                }
                ActiveStageOutput::PointerBitmap(pointer) => self.pointer = Some(pointer),
                ActiveStageOutput::PointerHidden | ActiveStageOutput::PointerDefault => self.pointer = None,
                _ => {}
            }
        }
        Ok(())
    }
}
