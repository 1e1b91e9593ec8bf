//! The files of a drive, and what a target does with them (MS-RDPEFS §3.2.5.1). Everything here may wait for a disk.

use std::collections::BTreeMap;
use std::fs::{File, FileTimes};
use std::io::{Read, Seek, SeekFrom, Write};

use cap_std::fs::Dir;
use ironrdp_rdpdr::pdu::RdpdrPdu;
use ironrdp_rdpdr::pdu::efs::{
    Boolean, Characteristics, ClientDriveQueryDirectoryResponse, ClientDriveQueryInformationResponse,
    ClientDriveQueryVolumeInformationResponse, DeviceCreateRequest, DeviceIoResponse, DeviceReadRequest,
    DeviceReadResponse, DeviceWriteRequest, DeviceWriteResponse, FileAttributeTagInformation,
    FileBasicInformation, FileFsAttributeInformation, FileFsDeviceInformation, FileFsFullSizeInformation,
    FileFsSizeInformation, FileFsVolumeInformation, FileInformationClass, FileInformationClassLevel,
    FileRenameInformation, FileStandardInformation, FileSystemAttributes, FileSystemInformationClass,
    FileSystemInformationClassLevel, Information, NtStatus, ServerDriveIoRequest,
    ServerDriveQueryDirectoryRequest,
};

use super::answers::{Outcome, changed, header, opened, plain, status};
use super::facts::{Facts, time};
use super::listing::Listing;
use super::opening::{self, Kind, Open};
use super::{Rights, SharedFolder};
use crate::client::names;

/// The most files and folders that are open at once.
const MAX_OPEN: usize = 256;
/// The most bytes that are read at once; Windows asks for 1 MiB at most, xrdp for 128 KiB.
pub(super) const MAX_READ: u32 = 4 << 20;
/// The most files and folders that a target may make, so that it cannot use up all that a file system can count.
const MAX_CREATED: u32 = 1 << 20;
/// A unit of what is told of sizes, in bytes.
const UNIT: u32 = 4096;
/// `FILE_DEVICE_DISK` (MS-FSCC §2.5.10).
const DISK: u32 = 7;

/// A drive with its open files.
#[derive(Debug)]
pub(super) struct Disk {
    label: String,
    folder: Dir,
    rights: Rights,
    open: BTreeMap<u32, Open>,
    /// The last number of a file.
    last: u32,
    left: u64,
    max_written: u64,
    max_file_size: u64,
    created: u32,
}

impl Disk {
    pub(super) fn new(shared: SharedFolder, rights: Rights) -> Self {
        Self {
            label: shared.name,
            folder: shared.folder,
            rights,
            open: BTreeMap::new(),
            last: 0,
            left: shared.max_written,
            max_written: shared.max_written,
            max_file_size: shared.max_file_size,
            created: 0,
        }
    }

    /// Does what a target asks for, and answers it.
    pub(super) fn answer(&mut self, request: ServerDriveIoRequest) -> RdpdrPdu {
        use ServerDriveIoRequest as Request;
        let io = header(&request).clone();
        match request {
            Request::ServerCreateDriveRequest(request) => opened(io, self.create(&request)),
            Request::DeviceCloseRequest(_) => {
                let closed = self.open.remove(&io.file_id).ok_or(NtStatus::INVALID_HANDLE);
                plain(io, end(closed.and_then(|open| self.close(open))))
            }
            Request::DeviceReadRequest(request) => {
                let (status, read_data) = match self.read(&request) {
                    Ok(data) => (NtStatus::SUCCESS, data),
                    Err(status) => (status, Vec::new()),
                };
                RdpdrPdu::DeviceReadResponse(DeviceReadResponse {
                    device_io_reply: DeviceIoResponse::new(io, status),
                    read_data,
                })
            }
            Request::DeviceWriteRequest(request) => {
                let (status, length) = match self.write(&request) {
                    Ok(length) => (NtStatus::SUCCESS, length),
                    Err(status) => (status, 0),
                };
                RdpdrPdu::DeviceWriteResponse(DeviceWriteResponse {
                    device_io_reply: DeviceIoResponse::new(io, status),
                    length,
                })
            }
            Request::ServerDriveQueryInformationRequest(request) => {
                let (status, buffer) = told(self.query(io.file_id, &request.file_info_class_lvl));
                RdpdrPdu::ClientDriveQueryInformationResponse(ClientDriveQueryInformationResponse {
                    device_io_response: DeviceIoResponse::new(io, status),
                    buffer,
                })
            }
            Request::ServerDriveQueryDirectoryRequest(request) => {
                let (status, buffer) = told(self.list(&request));
                RdpdrPdu::ClientDriveQueryDirectoryResponse(ClientDriveQueryDirectoryResponse {
                    device_io_reply: DeviceIoResponse::new(io, status),
                    buffer,
                })
            }
            Request::ServerDriveQueryVolumeInformationRequest(request) => {
                let (status, buffer) = told(self.volume(&request.fs_info_class_lvl));
                RdpdrPdu::ClientDriveQueryVolumeInformationResponse(
                    ClientDriveQueryVolumeInformationResponse::new(io, status, buffer),
                )
            }
            Request::ServerDriveSetInformationRequest(request) => {
                let status = end(self.set(io.file_id, &request.set_buffer));
                changed(&request, status)
            }
            Request::DeviceFlushBuffersRequest(_) => {
                let flushed = match self.open.get(&io.file_id).map(|open| &open.kind) {
                    Some(Kind::File { file, .. }) => file.sync_data().map_err(|error| status(&error)),
                    Some(Kind::Folder { .. }) => Ok(()),
                    None => Err(NtStatus::INVALID_HANDLE),
                };
                plain(io, end(flushed))
            }
            // Folders are not watched, nothing is locked, and there are no security descriptors or commands.
            Request::ServerDriveNotifyChangeDirectoryRequest(_)
            | Request::ServerDriveLockControlRequest(_)
            | Request::ServerDriveQuerySecurityRequest(_)
            | Request::ServerDriveSetSecurityRequest(_)
            | Request::DeviceControlRequest(_) => plain(io, NtStatus::NOT_SUPPORTED),
        }
    }

    /// Closes everything: the target begins anew.
    pub(super) fn reset(&mut self) {
        for open in std::mem::take(&mut self.open).into_values() {
            // Nobody is there to be told.
            let _ = self.close(open);
        }
    }

    fn create(&mut self, request: &DeviceCreateRequest) -> Outcome<(u32, Information)> {
        if self.open.len() >= MAX_OPEN || self.created >= MAX_CREATED {
            return Err(NtStatus::INSUFFICIENT_RESOURCES);
        }
        let (open, information) = opening::open(&self.folder, self.rights, request)?;
        if information == Information::FILE_CREATED {
            self.created += 1;
        }
        // No more than a few are open, so one is free soon.
        loop {
            self.last = self.last.wrapping_add(1);
            if self.last != 0 && !self.open.contains_key(&self.last) {
                break;
            }
        }
        self.open.insert(self.last, open);
        Ok((self.last, information))
    }

    fn close(&self, open: Open) -> Outcome<()> {
        if !open.doomed || !open.changeable {
            return Ok(());
        }
        let Open { path, kind, .. } = open;
        let removed = match &kind {
            Kind::File { .. } => self.folder.remove_file(&path),
            Kind::Folder { .. } => self.folder.remove_dir(&path),
        };
        removed.map_err(|error| status(&error))
    }

    fn read(&self, request: &DeviceReadRequest) -> Outcome<Vec<u8>> {
        let Kind::File { file, readable, .. } = &self.opened(request.device_io_request.file_id)?.kind else {
            return Err(NtStatus::FILE_IS_A_DIRECTORY);
        };
        if !readable || !self.rights.read {
            return Err(NtStatus::ACCESS_DENIED);
        }
        if request.length > MAX_READ {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        let failed = |error: std::io::Error| status(&error);
        let mut file = file;
        let mut data = Vec::new();
        file.seek(SeekFrom::Start(request.offset)).map_err(failed)?;
        file.take(request.length.into())
            .read_to_end(&mut data)
            .map_err(failed)?;
        if data.is_empty() && request.length > 0 {
            return Err(NtStatus::END_OF_FILE);
        }
        Ok(data)
    }

    fn write(&mut self, request: &DeviceWriteRequest) -> Outcome<u32> {
        let (left, max) = (self.left, self.max_file_size);
        let Kind::File {
            file, writable: true, ..
        } = &self.opened(request.device_io_request.file_id)?.kind
        else {
            return Err(NtStatus::ACCESS_DENIED);
        };
        let length = request.write_data.len() as u64;
        let end = request
            .offset
            .checked_add(length)
            .ok_or(NtStatus::INVALID_PARAMETER)?;
        if end > max || length > left {
            return Err(NtStatus::DISK_FULL);
        }
        let failed = |error: std::io::Error| status(&error);
        let mut file = file;
        file.seek(SeekFrom::Start(request.offset)).map_err(failed)?;
        file.write_all(&request.write_data).map_err(failed)?;
        self.left -= length;
        u32::try_from(length).map_err(|_| NtStatus::INVALID_PARAMETER)
    }

    fn query(&self, file: u32, level: &FileInformationClassLevel) -> Outcome<FileInformationClass> {
        let open = self.opened(file)?;
        let facts = match &open.kind {
            Kind::File { file, .. } => file.metadata().map(|metadata| Facts::of(&metadata)),
            Kind::Folder { folder, .. } => folder.dir_metadata().map(|metadata| Facts::of_entry(&metadata)),
        };
        let facts = facts.map_err(|error| status(&error))?;
        let boolean = |is| if is { Boolean::True } else { Boolean::False };
        Ok(match *level {
            FileInformationClassLevel::FILE_BASIC_INFORMATION => FileBasicInformation {
                creation_time: facts.created,
                last_access_time: facts.read,
                last_write_time: facts.written,
                change_time: facts.written,
                file_attributes: facts.attributes(),
            }
            .into(),
            FileInformationClassLevel::FILE_STANDARD_INFORMATION => FileStandardInformation {
                allocation_size: facts.size,
                end_of_file: facts.size,
                number_of_links: 1,
                delete_pending: boolean(open.doomed),
                directory: boolean(facts.folder),
            }
            .into(),
            FileInformationClassLevel::FILE_ATTRIBUTE_TAG_INFORMATION => FileAttributeTagInformation {
                file_attributes: facts.attributes(),
                reparse_tag: 0,
            }
            .into(),
            _ => return Err(NtStatus::NOT_SUPPORTED),
        })
    }

    fn list(&mut self, request: &ServerDriveQueryDirectoryRequest) -> Outcome<FileInformationClass> {
        let open = self.open.get_mut(&request.device_io_request.file_id);
        let open = open.ok_or(NtStatus::INVALID_HANDLE)?;
        let Kind::Folder { folder, listing } = &mut open.kind else {
            return Err(NtStatus::NOT_A_DIRECTORY);
        };
        if request.initial_query != 0 {
            *listing = Some(Listing::new(folder, &request.path)?);
        }
        let listing = listing.as_mut().ok_or(NtStatus::INVALID_PARAMETER)?;
        listing.next(&self.folder, &open.path, &request.file_info_class_lvl)
    }

    /// What is told of the drive. Its free space is what the target may still write.
    fn volume(&self, level: &FileSystemInformationClassLevel) -> Outcome<FileSystemInformationClass> {
        let units = |bytes: u64| i64::try_from(bytes / u64::from(UNIT)).unwrap_or(i64::MAX);
        let left = if self.rights.write { self.left } else { 0 };
        let read_only = |flag: FileSystemAttributes| {
            if self.rights.write {
                FileSystemAttributes::empty()
            } else {
                flag
            }
        };
        Ok(match *level {
            FileSystemInformationClassLevel::FILE_FS_VOLUME_INFORMATION => FileFsVolumeInformation {
                volume_creation_time: 0,
                volume_serial_number: 1,
                supports_objects: Boolean::False,
                volume_label: self.label.clone(),
            }
            .into(),
            FileSystemInformationClassLevel::FILE_FS_SIZE_INFORMATION => FileFsSizeInformation {
                total_alloc_units: units(self.max_written),
                available_alloc_units: units(left),
                sectors_per_alloc_unit: 1,
                bytes_per_sector: UNIT,
            }
            .into(),
            FileSystemInformationClassLevel::FILE_FS_FULL_SIZE_INFORMATION => FileFsFullSizeInformation {
                total_alloc_units: units(self.max_written),
                caller_available_alloc_units: units(left),
                actual_available_alloc_units: units(left),
                sectors_per_alloc_unit: 1,
                bytes_per_sector: UNIT,
            }
            .into(),
            FileSystemInformationClassLevel::FILE_FS_ATTRIBUTE_INFORMATION => FileFsAttributeInformation {
                file_system_attributes: FileSystemAttributes::FILE_CASE_SENSITIVE_SEARCH
                    | FileSystemAttributes::FILE_CASE_PRESERVED_NAMES
                    | FileSystemAttributes::FILE_UNICODE_ON_DISK
                    | read_only(FileSystemAttributes::FILE_READ_ONLY_VOLUME),
                max_component_name_len: 255,
                file_system_name: "FAT32".to_owned(),
            }
            .into(),
            FileSystemInformationClassLevel::FILE_FS_DEVICE_INFORMATION => FileFsDeviceInformation {
                device_type: DISK,
                characteristics: Characteristics::empty(),
            }
            .into(),
            _ => return Err(NtStatus::NOT_SUPPORTED),
        })
    }

    fn set(&mut self, file: u32, wanted: &FileInformationClass) -> Outcome<()> {
        let max = self.max_file_size;
        let open = self.open.get_mut(&file).ok_or(NtStatus::INVALID_HANDLE)?;
        if !open.changeable {
            return Err(NtStatus::ACCESS_DENIED);
        }
        match wanted {
            // Attributes have no meaning here.
            FileInformationClass::Basic(times) => match &open.kind {
                Kind::File { file, .. } => set_times(file, times),
                Kind::Folder { .. } => Ok(()),
            },
            FileInformationClass::EndOfFile(wanted) => {
                resize(open, wanted.end_of_file, max, |_, wanted| wanted)
            }
            // More room needs no promise; less cuts off.
            FileInformationClass::Allocation(wanted) => resize(open, wanted.allocation_size, max, u64::min),
            FileInformationClass::Disposition(wanted) => {
                if open.path.as_os_str().is_empty() {
                    return Err(NtStatus::ACCESS_DENIED);
                }
                if let Kind::Folder { folder, .. } = &open.kind
                    && wanted.delete_pending != 0
                    && folder.entries().map_err(|error| status(&error))?.next().is_some()
                {
                    return Err(NtStatus::DIRECTORY_NOT_EMPTY);
                }
                open.doomed = wanted.delete_pending != 0;
                Ok(())
            }
            FileInformationClass::Rename(wanted) => rename(&self.folder, open, wanted),
            _ => Err(NtStatus::NOT_SUPPORTED),
        }
    }

    fn opened(&self, file: u32) -> Outcome<&Open> {
        self.open.get(&file).ok_or(NtStatus::INVALID_HANDLE)
    }
}

impl Drop for Disk {
    /// As if the target had closed everything.
    fn drop(&mut self) {
        self.reset();
    }
}

fn rename(shared: &Dir, open: &mut Open, wanted: &FileRenameInformation) -> Outcome<()> {
    let name = wanted.file_name.trim_end_matches('\0');
    let path = names::below(name).ok_or(NtStatus::OBJECT_NAME_INVALID)?;
    if path.as_os_str().is_empty() || open.path.as_os_str().is_empty() {
        return Err(NtStatus::ACCESS_DENIED);
    }
    if wanted.replace_if_exists == Boolean::False
        && shared.symlink_metadata(&path).is_ok()
        && path != open.path
    {
        return Err(NtStatus::OBJECT_NAME_COLLISION);
    }
    shared
        .rename(&open.path, shared, &path)
        .map_err(|error| status(&error))?;
    open.path = path;
    Ok(())
}

fn resize(open: &Open, wanted: i64, max: u64, new: impl Fn(u64, u64) -> u64) -> Outcome<()> {
    let Kind::File {
        file, writable: true, ..
    } = &open.kind
    else {
        return Err(NtStatus::ACCESS_DENIED);
    };
    let wanted = u64::try_from(wanted).map_err(|_| NtStatus::INVALID_PARAMETER)?;
    let failed = |error: std::io::Error| status(&error);
    let now = file.metadata().map_err(failed)?.len();
    let length = new(now, wanted);
    if length > max && length > now {
        return Err(NtStatus::DISK_FULL);
    }
    file.set_len(length).map_err(failed)
}

fn set_times(file: &File, wanted: &FileBasicInformation) -> Outcome<()> {
    let mut times = FileTimes::new();
    if let Some(read) = time(wanted.last_access_time) {
        times = times.set_accessed(read);
    }
    if let Some(written) = time(wanted.last_write_time) {
        times = times.set_modified(written);
    }
    file.set_times(times).map_err(|error| status(&error))
}

fn told<T>(outcome: Outcome<T>) -> (NtStatus, Option<T>) {
    match outcome {
        Ok(told) => (NtStatus::SUCCESS, Some(told)),
        Err(status) => (status, None),
    }
}

fn end(outcome: Outcome<()>) -> NtStatus {
    outcome.err().unwrap_or(NtStatus::SUCCESS)
}
