//! Packets of the target.

use super::{FRONT, Filter, OPEN, Start};
use crate::sftp::check::Progress;
use crate::sftp::error::{Side, Violation};
use crate::sftp::request::{Answer, Extension};
use crate::sftp::tally::Pending;
use crate::sftp::wire::{self, Fields, LONGEST, LONGEST_PLAIN, code, kind};

/// What `limits@openssh.com` may promise to a client of file data in one packet: the rest is for its front.
const LONGEST_DATA: u64 = LONGEST as u64 - 1024;

impl Filter {
    /// Deals with the next packet of the target; `false` if there is none yet.
    pub(super) fn target_packet(&mut self) -> Result<bool, Violation> {
        if !self.target.at_boundary() {
            return Ok(self.target.go_on(&mut self.out.to_client));
        }
        let malformed = Violation::Malformed(Side::Target);
        let bytes = self.target.next();
        let mut front = Fields(&bytes);
        let (Some(length), Some(kind)) = (front.u32(), front.byte()) else {
            self.target.wait_for(5);
            return Ok(false);
        };
        if length > LONGEST {
            return Err(Violation::TooLong(Side::Target));
        }
        if length < 5 {
            return Err(malformed);
        }
        if self.start == Start::Nothing || (self.start == Start::Asked) != (kind == kind::VERSION) {
            return Err(Violation::OutOfOrder(Side::Target));
        }
        let Some(id) = front.u32() else {
            self.target.wait_for(FRONT);
            return Ok(false);
        };
        let whole = length as usize + 4;
        let own = self.check.as_ref().is_some_and(|check| check.asked == Some(id));
        let limits = matches!(self.pending.get(&id), Some(Pending::Limits));
        let passing = matches!(kind, kind::DATA | kind::NAME | kind::ATTRS | kind::EXTENDED_REPLY);
        let need = if kind == kind::DATA && !own && !limits {
            FRONT + 4
        } else if passing && !own && !limits {
            FRONT
        } else if length > LONGEST_PLAIN {
            return Err(Violation::TooLong(Side::Target));
        } else {
            whole
        };
        if need > whole {
            return Err(malformed);
        }
        if bytes.len() < need {
            self.target.wait_for(need);
            return Ok(false);
        }
        let body = bytes.get(FRONT..bytes.len().min(whole)).unwrap_or_default();
        if kind == kind::VERSION {
            return self.version(id, body, whole);
        }
        if own {
            let _ = self.target.take(whole, &mut self.out.to_client);
            return self.own_answer(kind, body).map(|()| true);
        }
        let pending = self.pending.remove(&id).ok_or(Violation::WrongAnswer)?;
        self.named -= usize::from(pending.is_named());
        if limits && kind == kind::EXTENDED_REPLY {
            let promised = our_limits(body).ok_or(malformed)?;
            let _ = self.target.take(whole, &mut self.out.to_client);
            self.out.to_client.push(wire::limits(id, promised));
            return Ok(true);
        }
        self.answered(pending, kind, Fields(body), whole)?;
        self.target.pass(length + 4);
        Ok(true)
    }

    /// `SSH_FXP_VERSION` (§4): only extensions that are known here are announced to the client.
    fn version(&mut self, version: u32, body: &[u8], whole: usize) -> Result<bool, Violation> {
        if version != wire::VERSION {
            return Err(Violation::Version(Side::Target));
        }
        let mut fields = Fields(body);
        let mut kept = Vec::new();
        while fields.end().is_none() {
            let mut pair = || Some((fields.string()?, fields.string()?));
            let (name, data) = pair().ok_or(Violation::Malformed(Side::Target))?;
            let links = Extension::named(name) == Some(Extension::HardLink);
            if Extension::named(name).is_some() && !(links && self.rules.are_limited()) {
                kept.push((name, data));
            }
        }
        let packet = wire::version(kept.into_iter());
        let _ = self.target.take(whole, &mut self.out.to_client);
        self.out.to_client.push(packet);
        self.start = Start::Done;
        Ok(true)
    }

    /// The target's answer to a question of the filter's own.
    fn own_answer(&mut self, kind: u8, body: &[u8]) -> Result<(), Violation> {
        let Some(mut check) = self.check.take() else {
            return Err(Violation::WrongAnswer);
        };
        match check.answer(kind, body)? {
            Progress::Again => self.check = Some(check),
            Progress::Refused(code, why) => self.refuse(check.id, code, why, Some(check.pending)),
            Progress::Known => {
                let mut pending = check.pending;
                pending.really(&check.known);
                match self.rules.permit_at(check.deed, &check.known) {
                    Ok(()) => {
                        self.expect(check.id, pending);
                        self.out.to_target.push(check.packet);
                    }
                    Err(why) => self.refuse(check.id, code::PERMISSION_DENIED, why, Some(pending)),
                }
            }
        }
        Ok(())
    }

    /// The target's answer to a request of the client.
    fn answered(
        &mut self,
        pending: Pending,
        kind: u8,
        mut fields: Fields<'_>,
        whole: usize,
    ) -> Result<(), Violation> {
        let malformed = Violation::Malformed(Side::Target);
        if kind == kind::STATUS {
            let status = fields.u32().ok_or(malformed)?;
            return self.status(pending, status);
        }
        match (pending, kind) {
            (Pending::Open(_) | Pending::OpenFolder, kind::HANDLE) if self.tally.open() >= OPEN => {
                // The limit was kept when it was asked for.
                Err(Violation::WrongAnswer)
            }
            (pending @ (Pending::Open(_) | Pending::OpenFolder), kind::HANDLE) => {
                let handle = fields.handle().ok_or(malformed)?;
                fields.end().ok_or(malformed)?;
                let file = match pending {
                    Pending::Open(file) => Some(file),
                    _ => None,
                };
                let new = self.tally.opened(handle, file);
                new.then_some(()).ok_or(Violation::DuplicateHandle)
            }
            (Pending::Read(number), kind::DATA) => {
                let length = fields.u32().ok_or(malformed)?;
                if FRONT + 4 + length as usize != whole {
                    return Err(malformed);
                }
                self.tally.read(number, length);
                Ok(())
            }
            (Pending::Look(Answer::Name), kind::NAME)
            | (Pending::Look(Answer::Attributes), kind::ATTRS)
            | (Pending::Look(Answer::Extended), kind::EXTENDED_REPLY) => Ok(()),
            _ => Err(Violation::WrongAnswer),
        }
    }

    fn status(&mut self, pending: Pending, status: u32) -> Result<(), Violation> {
        match pending {
            Pending::Open(_) | Pending::OpenFolder if status == code::OK => {
                return Err(Violation::WrongAnswer);
            }
            Pending::Open(file) => {
                let why = format!("the target could not open it (status {status})");
                file.refused(&why, &mut self.out.events);
            }
            Pending::Close(number) => self.tally.closed(number, status, &mut self.out.events),
            Pending::Read(number) => self.tally.not_read(number, status),
            Pending::Write(number, bytes) => self.tally.written(number, bytes, status),
            Pending::Change(event) if status == code::OK => self.out.events.extend(event),
            _ => {}
        }
        Ok(())
    }
}

/// The target's limits (OpenSSH's PROTOCOL §4.8), no larger than ours; 0 is none: the longest packet, read and write,
/// and open files.
fn our_limits(body: &[u8]) -> Option<[u64; 4]> {
    let mut fields = Fields(body);
    let mut least = |ours: u64| {
        let theirs = fields.u64()?;
        Some(if theirs == 0 { ours } else { theirs.min(ours) })
    };
    Some([
        least(LONGEST.into())?,
        least(LONGEST_DATA)?,
        least(LONGEST_DATA)?,
        least(OPEN as u64)?,
    ])
}
