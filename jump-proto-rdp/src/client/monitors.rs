//! Several monitors that make up one screen (MS-RDPBCGR §2.2.1.3.6, MS-RDPEDISP §2.2.2.2.1).

use ironrdp_displaycontrol::pdu::{DisplayControlMonitorLayout, MonitorLayoutEntry};
use ironrdp_pdu::gcc::{ClientMonitorData, Monitor as WireMonitor, MonitorFlags};
use jump_core::protocol::Area;
use jump_core::{Error, ErrorKind, Result};
use tokio::sync::{mpsc, oneshot};

use super::size::{MAX_PIXELS, MAX_SIDE};

/// The most monitors (MS-RDPBCGR §2.2.1.3.6, `monitorCount`).
const MAX_MONITORS: usize = 16;

const OPERATION: &str = "choose the target's monitors";

/// A monitor. The first of several is the primary one; its upper left corner is the origin of all places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// Where its left side is, in pixels from the primary's; negative to the left of it.
    pub x: i32,
    /// Where its top is, in pixels from the primary's; negative above it.
    pub y: i32,
    /// Pixels across, 200 to 8192 and even.
    pub width: u32,
    /// Pixels down, 200 to 8192.
    pub height: u32,
}

/// Monitors that fit together.
#[derive(Clone, Debug)]
pub(super) struct Layout(Vec<Monitor>);

impl Layout {
    /// Checks them.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`].
    pub(super) fn new(monitors: &[Monitor]) -> Result<Self> {
        let wrong = |message: &str| Err(Error::new(ErrorKind::InvalidArgument, OPERATION, message));
        let sides = 200..=u32::from(MAX_SIDE);
        let fits = |monitor: &Monitor| {
            sides.contains(&monitor.width)
                && sides.contains(&monitor.height)
                && monitor.width.is_multiple_of(2)
                && monitor.x.unsigned_abs() <= u32::from(MAX_SIDE)
                && monitor.y.unsigned_abs() <= u32::from(MAX_SIDE)
        };
        if monitors.is_empty() || monitors.len() > MAX_MONITORS || !monitors.iter().all(fits) {
            return wrong(
                "there are 1 to 16 monitors, with 200 to 8192 pixels either way, an even number across",
            );
        }
        if monitors.first().is_some_and(|first| (first.x, first.y) != (0, 0)) {
            return wrong("the first monitor is the primary one, at 0, 0");
        }
        for (at, monitor) in monitors.iter().enumerate() {
            if monitors.iter().skip(at + 1).any(|other| overlap(monitor, other)) {
                return wrong("two monitors show the same place");
            }
        }
        let layout = Self(monitors.to_vec());
        let (width, height) = layout.sides();
        let pixels = u64::from(width) * u64::from(height);
        let most = u32::from(MAX_SIDE);
        if width > most || height > most || pixels > MAX_PIXELS as u64 {
            return wrong("all monitors together have at most 8192 pixels either way and 35389440 in all");
        }
        Ok(layout)
    }

    /// The size of the screen that holds all of them.
    fn sides(&self) -> (u32, u32) {
        let side = |begin: fn(&Monitor) -> i32, length: fn(&Monitor) -> u32| {
            let first = self.0.iter().map(begin).min().unwrap_or(0);
            let ends = self
                .0
                .iter()
                .map(|monitor| begin(monitor).saturating_add_unsigned(length(monitor)));
            ends.max().unwrap_or(0).abs_diff(first)
        };
        (
            side(|monitor| monitor.x, |monitor| monitor.width),
            side(|monitor| monitor.y, |monitor| monitor.height),
        )
    }

    /// The same, where it is known to fit.
    pub(super) fn size(&self) -> (u16, u16) {
        let (width, height) = self.sides();
        (
            u16::try_from(width).unwrap_or(MAX_SIDE),
            u16::try_from(height).unwrap_or(MAX_SIDE),
        )
    }

    /// The parts of the screen that no monitor shows, which nobody paints.
    pub(super) fn gaps(&self) -> Vec<Area> {
        let edges = |begin: fn(&Monitor) -> i32, length: fn(&Monitor) -> u32| {
            let sides = |monitor: &Monitor| {
                [
                    begin(monitor),
                    begin(monitor).saturating_add_unsigned(length(monitor)),
                ]
            };
            let mut edges: Vec<i32> = self.0.iter().flat_map(sides).collect();
            edges.sort_unstable();
            edges.dedup();
            edges
        };
        let across = edges(|monitor| monitor.x, |monitor| monitor.width);
        let down = edges(|monitor| monitor.y, |monitor| monitor.height);
        let (Some(left), Some(top)) = (across.first(), down.first()) else {
            return Vec::new();
        };
        let pairs = |edges: &[i32]| edges.array_windows::<2>().copied().collect::<Vec<_>>();
        let mut gaps = Vec::new();
        for [y, below] in pairs(&down) {
            for [x, right] in pairs(&across) {
                let part = Monitor {
                    x,
                    y,
                    width: right.abs_diff(x),
                    height: below.abs_diff(y),
                };
                if !self.0.iter().any(|monitor| overlap(monitor, &part)) {
                    gaps.push(Area {
                        x: x.abs_diff(*left),
                        y: y.abs_diff(*top),
                        width: part.width,
                        height: part.height,
                    });
                }
            }
        }
        gaps
    }

    /// What is told when a session begins (MS-RDPBCGR §2.2.1.3.6).
    pub(super) fn at_first(&self) -> ClientMonitorData {
        let told = |(at, monitor): (usize, &Monitor)| WireMonitor {
            left: monitor.x,
            top: monitor.y,
            right: monitor.x.saturating_add_unsigned(monitor.width - 1),
            bottom: monitor.y.saturating_add_unsigned(monitor.height - 1),
            flags: if at == 0 {
                MonitorFlags::PRIMARY
            } else {
                MonitorFlags::empty()
            },
        };
        ClientMonitorData {
            monitors: self.0.iter().enumerate().map(told).collect(),
        }
    }

    /// What is told later (MS-RDPEDISP §2.2.2.2.1).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`].
    pub(super) fn later(&self) -> Result<DisplayControlMonitorLayout> {
        let wrong = |error: ironrdp_core::EncodeError| {
            Error::new(ErrorKind::InvalidArgument, OPERATION, error.report().to_string())
        };
        let told = |(at, monitor): (usize, &Monitor)| {
            if at == 0 {
                return MonitorLayoutEntry::new_primary(monitor.width, monitor.height);
            }
            MonitorLayoutEntry::new_secondary(monitor.width, monitor.height)?
                .with_position(monitor.x, monitor.y)
        };
        let entries: Vec<_> = self
            .0
            .iter()
            .enumerate()
            .map(told)
            .collect::<Result<_, _>>()
            .map_err(wrong)?;
        DisplayControlMonitorLayout::new(&entries).map_err(wrong)
    }
}

fn overlap(one: &Monitor, other: &Monitor) -> bool {
    let apart = |begin: i32, length: u32, other: i32| begin.saturating_add_unsigned(length) <= other;
    !(apart(one.x, one.width, other.x)
        || apart(other.x, other.width, one.x)
        || apart(one.y, one.height, other.y)
        || apart(other.y, other.height, one.y))
}

/// A wish for other monitors.
pub(super) type Wish = (Layout, oneshot::Sender<Result<()>>);

/// Both ends of the choice of monitors in a session.
#[must_use]
pub fn monitors() -> (MonitorsEnd, Monitors) {
    let (wish, wishes) = mpsc::channel(1);
    (MonitorsEnd(wishes), Monitors(wish))
}

/// The end for [`RdpClientOptions::monitors_end`](super::RdpClientOptions::monitors_end).
#[derive(Debug)]
pub struct MonitorsEnd(mpsc::Receiver<Wish>);

impl MonitorsEnd {
    /// The next wish; waits for ever if there can be none. Cancel-safe.
    pub(super) async fn next(&mut self) -> Wish {
        match self.0.recv().await {
            Some(wish) => wish,
            None => std::future::pending().await,
        }
    }
}

/// The monitors of a session.
#[derive(Debug)]
pub struct Monitors(mpsc::Sender<Wish>);

impl Monitors {
    /// Asks the target for other monitors; it has been asked when this returns. A target that follows resizes its screen
    /// ([`ScreenEvent::Resized`](jump_core::protocol::ScreenEvent::Resized)), another one says nothing. Cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if they do not fit together, [`ErrorKind::Denied`] without the permission
    /// `keyboard_mouse`, [`ErrorKind::Unsupported`] if the target cannot change them, or not yet,
    /// [`ErrorKind::Closed`].
    pub async fn set(&self, monitors: &[Monitor]) -> Result<()> {
        let closed = || Error::new(ErrorKind::Closed, OPERATION, "the session is over");
        let (answer, answered) = oneshot::channel();
        let wish = (Layout::new(monitors)?, answer);
        self.0.send(wish).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }
}

/// Why a wish is not fulfilled.
pub(super) fn refused(kind: ErrorKind, why: &str) -> Error {
    Error::new(kind, OPERATION, why)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use super::*;

    const fn monitor(x: i32, y: i32, width: u32, height: u32) -> Monitor {
        Monitor { x, y, width, height }
    }

    #[test]
    fn monitors_have_to_fit_together() {
        let first = monitor(0, 0, 1024, 768);
        let layout =
            Layout::new(&[first, monitor(1024, 0, 800, 600), monitor(-640, -480, 640, 480)]).unwrap();
        assert_eq!(layout.size(), (640 + 1024 + 800, 480 + 768));
        let gaps: u32 = layout.gaps().iter().map(|gap| gap.width * gap.height).sum();
        assert_eq!(gaps, 2464 * 1248 - 1024 * 768 - 800 * 600 - 640 * 480);
        assert_eq!(Layout::new(&[first]).unwrap().gaps(), []);
        let told = layout.at_first().monitors;
        assert_eq!(
            (told[0].right, told[0].bottom, told[0].flags),
            (1023, 767, MonitorFlags::PRIMARY)
        );
        assert_eq!(
            (told[2].left, told[2].top, told[2].right, told[2].bottom),
            (-640, -480, -1, -1)
        );
        let later = layout.later().unwrap();
        assert_eq!(later.monitors().len(), 3);
        assert!(later.monitors()[0].is_primary());
        let wrong: [&[Monitor]; 8] = [
            &[],
            &[monitor(1, 0, 1024, 768)],
            &[first, monitor(1023, 0, 800, 600)],
            &[first, first],
            &[monitor(0, 0, 1023, 768)],
            &[monitor(0, 0, 100, 768)],
            &[first, monitor(i32::MIN, i32::MAX, 800, 600)],
            &[monitor(0, 0, 8192, 768), monitor(8192, 0, 800, 600)],
        ];
        for monitors in wrong {
            assert_eq!(
                Layout::new(monitors).unwrap_err().kind(),
                ErrorKind::InvalidArgument,
                "{monitors:?}"
            );
        }
        assert!(Layout::new(&vec![first; 17]).is_err());
    }
}
