//! Packets of the client.

use jump_core::protocol::SessionEvent;

use super::{FRONT, Filter, OPEN, Start};
use crate::sftp::check::Check;
use crate::sftp::error::{Side, Violation};
use crate::sftp::request::{Answer, Change, HandleUse, Request};
use crate::sftp::rules::{Deed, Why};
use crate::sftp::tally::{Behind, Pending, Transfer, shown};
use crate::sftp::wire::{self, Fields, LONGEST, LONGEST_PLAIN, code, kind};

/// The longest path that is passed on: `PATH_MAX` of Linux.
const LONGEST_PATH: usize = 4096;

/// What becomes of a request.
enum Verdict {
    /// It passes, and an answer is awaited.
    Forward(Pending),
    /// It waits until its paths are known.
    Ask(Deed, Pending),
    /// It is answered here; what it would have been, if that is worth an event.
    Refuse(u32, Why, Option<Pending>),
}

use Verdict::{Ask, Forward, Refuse};

impl Filter {
    /// Deals with the next packet of the client; `false` if there is none yet.
    pub(super) fn client_packet(&mut self) -> Result<bool, Violation> {
        let malformed = Violation::Malformed(Side::Client);
        let bytes = self.client.next();
        let mut front = Fields(&bytes);
        let (Some(length), Some(kind)) = (front.u32(), front.byte()) else {
            self.client.wait_for(5);
            return Ok(false);
        };
        let longest = if kind == kind::WRITE {
            LONGEST
        } else {
            LONGEST_PLAIN
        };
        if length > longest {
            return Err(Violation::TooLong(Side::Client));
        }
        if length < 5 {
            return Err(malformed);
        }
        if (self.start == Start::Nothing) != (kind == kind::INIT) {
            return Err(Violation::OutOfOrder(Side::Client));
        }
        let whole = length as usize + 4;
        if kind == kind::WRITE {
            return self.client_write(whole);
        }
        let Some(packet) = bytes.get(..whole) else {
            self.client.wait_for(whole);
            return Ok(false);
        };
        let mut fields = Fields(packet.get(5..).unwrap_or_default());
        let id = fields.u32().ok_or(malformed)?;
        if kind == kind::INIT {
            return self.client_init(id, whole);
        }
        if self.pending.contains_key(&id) {
            return Err(Violation::DuplicateId);
        }
        let request = Request::read(kind, fields.0).ok_or(malformed)?;
        match self.verdict(&request) {
            Forward(pending) => {
                if let Request::Close { handle } = request {
                    self.tally.closing(handle);
                }
                self.expect(id, pending);
                self.client.pass(length + 4);
            }
            Ask(deed, pending) => {
                let paths: Vec<(Vec<u8>, bool)> = request
                    .paths()
                    .map(|(path, follows)| (path.to_vec(), follows))
                    .collect();
                let packet = self.client.take(whole, &mut self.out.to_target);
                let paths = paths.iter().map(|(path, follows)| (path.as_slice(), *follows));
                self.check = Some(Check::new(packet, id, deed, pending, paths));
            }
            Refuse(code, why, pending) => {
                self.client.drop(length + 4);
                self.refuse(id, code, why, pending);
            }
        }
        Ok(true)
    }

    /// `SSH_FXP_INIT` (§4): whatever newer version the client knows, the one that is understood here is asked for.
    fn client_init(&mut self, version: u32, whole: usize) -> Result<bool, Violation> {
        if version < wire::VERSION {
            return Err(Violation::Version(Side::Client));
        }
        self.client.drop(u32::try_from(whole).unwrap_or(u32::MAX));
        self.out.to_target.push(wire::init());
        self.start = Start::Asked;
        Ok(true)
    }

    /// `SSH_FXP_WRITE` (§6.4): its data passes as it comes.
    fn client_write(&mut self, whole: usize) -> Result<bool, Violation> {
        let bytes = self.client.next();
        // The handle's length, the offset and the length of the data.
        if whole < FRONT + 4 + 8 + 4 {
            return Err(Violation::Malformed(Side::Client));
        }
        let Some((_, rest)) = bytes.split_at_checked(FRONT) else {
            self.client.wait_for(FRONT);
            return Ok(false);
        };
        let mut fields = Fields(bytes.get(5..).unwrap_or_default());
        let id = fields.u32();
        let Some(handle_length) = Fields(rest).u32().map(|length| length as usize) else {
            self.client.wait_for(FRONT + 4);
            return Ok(false);
        };
        let front = FRONT + 4 + handle_length.saturating_add(8 + 4);
        if handle_length > wire::HANDLE || front > whole {
            return Err(Violation::Malformed(Side::Client));
        }
        let mut read = || Some((id?, fields.handle()?, fields.u64()?, fields.u32()?));
        let Some((id, handle, _, length)) = read() else {
            self.client.wait_for(front);
            return Ok(false);
        };
        if front + length as usize != whole {
            return Err(Violation::Malformed(Side::Client));
        }
        if self.pending.contains_key(&id) {
            return Err(Violation::DuplicateId);
        }
        let all = u32::try_from(whole).unwrap_or(u32::MAX);
        match self.tally.behind(handle) {
            Some(Behind::File {
                number, upload: true, ..
            }) => {
                self.client.pass(all);
                self.expect(id, Pending::Write(number, length));
            }
            _ => {
                self.client.drop(all);
                let why = "this handle is not open for writing";
                self.out.answers.push(wire::status(id, code::FAILURE, why));
            }
        }
        Ok(true)
    }

    /// What the rules say.
    fn verdict(&self, request: &Request<'_>) -> Verdict {
        let refuse = |code, why| Refuse(code, why, None);
        if request.paths().any(|(path, _)| path.len() > LONGEST_PATH) {
            return refuse(code::FAILURE, "the path is too long");
        }
        if request.paths().any(|(path, _)| path.contains(&0)) {
            return refuse(code::FAILURE, "the path holds a zero byte");
        }
        let pending = match *request {
            Request::Open { .. } | Request::OpenFolder { .. }
                if self.tally.open() + self.opening() >= OPEN =>
            {
                return refuse(code::FAILURE, "too many files are open");
            }
            Request::Open {
                path,
                upload,
                download,
            } => Pending::Open(Transfer::new(shown(path), upload, download)),
            Request::OpenFolder { .. } => Pending::OpenFolder,
            Request::Look { answer, .. } => Pending::Look(answer),
            Request::RealPath { .. } => return Forward(Pending::Look(Answer::Name)),
            Request::Limits => return Forward(Pending::Limits),
            Request::Change { path, change, .. } => Pending::Change(match change {
                Change::Attributes => None,
                Change::Remove => Some(SessionEvent::FileDeleted {
                    filename: shown(path),
                }),
                Change::MakeFolder => Some(SessionEvent::DirectoryCreated {
                    filename: shown(path),
                }),
            }),
            Request::Rename { from, to } => Pending::Change(Some(SessionEvent::FileMoved {
                filename: shown(from),
                destination: shown(to),
            })),
            Request::Link { .. } => Pending::Change(None),
            Request::Close { handle } | Request::Handle { handle, .. } => {
                return self.by_handle(request, handle);
            }
            Request::Unknown => {
                return refuse(code::OP_UNSUPPORTED, "this is not supported through the gate");
            }
        };
        let Some(deed) = request.deed() else {
            return refuse(code::OP_UNSUPPORTED, "this is not supported through the gate");
        };
        match self.rules.permit(deed) {
            Err(why) => Refuse(code::PERMISSION_DENIED, why, Some(pending)),
            Ok(false) => Forward(pending),
            Ok(true) => Ask(deed, pending),
        }
    }

    /// How many files and folders are about to be open.
    fn opening(&self) -> usize {
        let opens = |pending: &&Pending| matches!(pending, Pending::Open(_) | Pending::OpenFolder);
        self.pending.values().filter(opens).count()
    }

    /// What becomes of a request about something that is open: its path was judged when it was opened.
    fn by_handle(&self, request: &Request<'_>, handle: &[u8]) -> Verdict {
        let used = match request {
            Request::Handle { used, .. } => Some(*used),
            _ => None,
        };
        let refuse = |code, why| Refuse(code, why, None);
        match (self.tally.behind(handle), used) {
            (None, _) => refuse(code::FAILURE, "there is no such handle"),
            (Some(Behind::File { number, .. }), None) => Forward(Pending::Close(number)),
            (Some(Behind::Folder), None) => Forward(Pending::Close(0)),
            (
                Some(Behind::File {
                    number,
                    download: true,
                    ..
                }),
                Some(HandleUse::Read),
            ) => Forward(Pending::Read(number)),
            (Some(_), Some(HandleUse::Read)) => refuse(code::FAILURE, "this handle is not open for reading"),
            (Some(Behind::Folder), Some(HandleUse::List)) => Forward(Pending::Look(Answer::Name)),
            (Some(_), Some(HandleUse::List)) => refuse(code::FAILURE, "this handle is no folder"),
            (Some(_), Some(HandleUse::Look(answer))) => Forward(Pending::Look(answer)),
            (Some(Behind::File { upload: true, .. }), Some(HandleUse::Change)) => {
                Forward(Pending::Change(None))
            }
            (Some(_), Some(HandleUse::Change)) => {
                refuse(code::PERMISSION_DENIED, "this handle is not open for writing")
            }
        }
    }
}
