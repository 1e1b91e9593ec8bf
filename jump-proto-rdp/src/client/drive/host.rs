//! The drive's channel and the files behind it: what a target asks for waits in a queue and is done where it may wait for a
//! disk, one after the other.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ironrdp_pdu::PduResult;
use ironrdp_rdpdr::Rdpdr;
use ironrdp_rdpdr::backend::RdpdrBackend;
use ironrdp_rdpdr::pdu::RdpdrPdu;
use ironrdp_rdpdr::pdu::efs::{DeviceControlRequest, ServerDeviceAnnounceResponse, ServerDriveIoRequest};
use ironrdp_rdpdr::pdu::esc::{ReturnCode, ScardCall, ScardIoCtlCode};
use ironrdp_session::ActiveStage;
use ironrdp_svc::{SvcMessage, SvcProcessorMessages};
use jump_core::session::SessionPermissions;
use jump_core::{Error, ErrorKind, Result};
use tokio::task::JoinHandle;

use super::disk::{Disk, MAX_READ};
use super::{Rights, SharedFolder};
use crate::error;

/// The number of the one drive.
const DRIVE: u32 = 1;
/// Requests that wait, and bytes to be written in them: beyond either nothing is received.
const MAX_REQUESTS: usize = 256;
const MAX_WAITING: usize = 4 << 20;
/// Bytes that are read or written at once.
const MAX_BATCH: usize = 4 << 20;

const OPERATION: &str = "share a folder";

/// What is to be done.
#[derive(Debug)]
enum Work {
    /// Close everything.
    Reset,
    Answer(ServerDriveIoRequest),
}

impl Work {
    /// Bytes that wait for it.
    fn waiting(&self) -> usize {
        match self {
            Work::Answer(ServerDriveIoRequest::DeviceWriteRequest(request)) => request.write_data.len(),
            _ => 0,
        }
    }

    /// Bytes that it moves.
    fn moved(&self) -> usize {
        match self {
            Work::Answer(ServerDriveIoRequest::DeviceReadRequest(request)) => {
                request.length.min(MAX_READ) as usize
            }
            _ => self.waiting(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    work: VecDeque<Work>,
    waiting: usize,
}

impl Queue {
    fn push(&mut self, work: Work) {
        self.waiting += work.waiting();
        self.work.push_back(work);
    }

    /// What is done at once: at least one thing if there is one.
    fn batch(&mut self) -> Vec<Work> {
        let mut batch = Vec::new();
        let mut moved = 0;
        while moved < MAX_BATCH {
            let Some(work) = self.work.pop_front() else {
                break;
            };
            moved += work.moved();
            self.waiting -= work.waiting();
            batch.push(work);
        }
        batch
    }
}

/// What a target has asked for and is not being done yet.
pub(super) type Requests = Arc<Mutex<Queue>>;

fn lock(queue: &Requests) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of the channel that IronRDP tells of requests.
#[derive(Debug)]
struct DriveEnd(Requests);

ironrdp_core::impl_as_any!(DriveEnd);

/// The channel that announces a folder as a drive.
pub(in crate::client) fn channel(folder: &SharedFolder) -> Rdpdr {
    let end = DriveEnd(folder.requests.clone());
    Rdpdr::new(Box::new(end), "jump".to_owned()).with_drives(Some(vec![(DRIVE, folder.name.clone())]))
}

impl RdpdrBackend for DriveEnd {
    fn reset(&mut self) -> PduResult<()> {
        let mut queue = lock(&self.0);
        *queue = Queue::default();
        queue.push(Work::Reset);
        Ok(())
    }

    /// A server that does not want the drive never asks for it.
    fn handle_server_device_announce_response(&mut self, _: ServerDeviceAnnounceResponse) -> PduResult<()> {
        Ok(())
    }

    /// No smart card is announced.
    fn handle_scard_call(
        &mut self,
        request: DeviceControlRequest<ScardIoCtlCode>,
        call: ScardCall,
    ) -> PduResult<Vec<SvcMessage>> {
        let answer = call.error_response(request, ReturnCode::NoService);
        Ok(vec![SvcMessage::from(RdpdrPdu::DeviceControlResponse(answer))])
    }

    fn handle_drive_io_request(&mut self, request: ServerDriveIoRequest) -> PduResult<Vec<SvcMessage>> {
        lock(&self.0).push(Work::Answer(request));
        Ok(Vec::new())
    }
}

/// The files behind the channel.
#[derive(Debug)]
pub(in crate::client) struct Drive {
    requests: Requests,
    /// Here, unless something is being done.
    disk: Option<Disk>,
    working: Option<JoinHandle<(Disk, Vec<RdpdrPdu>)>>,
}

impl Drive {
    pub(in crate::client) fn new(folder: SharedFolder, permissions: SessionPermissions) -> Self {
        let rights = Rights::new(&folder, permissions);
        Self {
            requests: folder.requests.clone(),
            disk: Some(Disk::new(folder, rights)),
            working: None,
        }
    }

    /// Whether more requests may come.
    pub(in crate::client) fn has_room(&self) -> bool {
        let queue = lock(&self.requests);
        queue.work.len() < MAX_REQUESTS && queue.waiting < MAX_WAITING
    }

    /// Begins with what waits, unless something is being done.
    pub(in crate::client) fn begin(&mut self) {
        let Some(mut disk) = self.disk.take() else {
            return;
        };
        let batch = lock(&self.requests).batch();
        if batch.is_empty() {
            self.disk = Some(disk);
            return;
        }
        self.working = Some(tokio::task::spawn_blocking(move || {
            let mut answers = Vec::new();
            for work in batch {
                match work {
                    Work::Reset => disk.reset(),
                    Work::Answer(request) => answers.push(disk.answer(request)),
                }
            }
            (disk, answers)
        }));
    }

    /// What has been done; waits for ever if nothing is being done. Cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if it panicked.
    pub(in crate::client) async fn done(&mut self) -> Result<Vec<RdpdrPdu>> {
        let Some(working) = &mut self.working else {
            return std::future::pending().await;
        };
        let done = working.await;
        self.working = None;
        let failed = |_| {
            Error::new(
                ErrorKind::Internal,
                OPERATION,
                "the task that uses the folder failed",
            )
        };
        let (disk, answers) = done.map_err(failed)?;
        self.disk = Some(disk);
        Ok(answers)
    }
}

/// The answers as bytes for the stream.
///
/// # Errors
/// [`ErrorKind::Internal`].
pub(in crate::client) fn encode(stage: &mut ActiveStage, answers: Vec<RdpdrPdu>) -> Result<Vec<u8>> {
    let messages: Vec<SvcMessage> = answers.into_iter().map(SvcMessage::from).collect();
    stage
        .process_svc_processor_messages(SvcProcessorMessages::<Rdpdr>::new(messages))
        .map_err(|error| error::session(&error, OPERATION))
}
