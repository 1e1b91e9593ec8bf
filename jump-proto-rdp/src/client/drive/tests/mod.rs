//! What a target gets of a folder, and what it does not get: a target of a folder.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a step that fails is a test that fails"
)]

mod confined;
mod files;

use ironrdp_rdpdr::pdu::RdpdrPdu;
use ironrdp_rdpdr::pdu::efs::{
    Boolean, CreateDisposition, CreateOptions, DesiredAccess, DeviceCloseRequest, DeviceCreateRequest,
    DeviceIoRequest, DeviceReadRequest, DeviceWriteRequest, FileAttributes, FileDispositionInformation,
    FileInformationClass, FileInformationClassLevel, FileRenameInformation, FileSystemInformationClass,
    FileSystemInformationClassLevel, MajorFunction, MinorFunction, NtStatus, ServerDriveIoRequest,
    ServerDriveQueryDirectoryRequest, ServerDriveQueryVolumeInformationRequest,
    ServerDriveSetInformationRequest, SharedAccess,
};
use jump_core::session::SessionPermissions;
use tempfile::TempDir;

use super::disk::Disk;
use super::{Rights, SharedFolder};

const READ: DesiredAccess = DesiredAccess::GENERIC_READ;
const WRITE: DesiredAccess = DesiredAccess::GENERIC_WRITE;

/// A target of a folder.
struct Target {
    folder: TempDir,
    disk: Disk,
}

impl Target {
    fn new(change: impl FnOnce(SharedFolder) -> SharedFolder, permissions: SessionPermissions) -> Self {
        let around = tempfile::tempdir().unwrap();
        std::fs::write(around.path().join("secret"), "secret").unwrap();
        std::fs::create_dir(around.path().join("shared")).unwrap();
        let shared = SharedFolder::open("files", &around.path().join("shared")).unwrap();
        let shared = change(shared);
        let rights = Rights::new(&shared, permissions);
        Self {
            folder: around,
            disk: Disk::new(shared, rights),
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("shared").join(name)
    }

    fn open(
        &mut self,
        path: &str,
        access: DesiredAccess,
        disposition: CreateDisposition,
    ) -> Result<u32, NtStatus> {
        self.open_as(path, access, disposition, CreateOptions::empty())
    }

    fn open_as(
        &mut self,
        path: &str,
        desired_access: DesiredAccess,
        create_disposition: CreateDisposition,
        create_options: CreateOptions,
    ) -> Result<u32, NtStatus> {
        let request = DeviceCreateRequest {
            device_io_request: io(0),
            desired_access,
            allocation_size: 0,
            file_attributes: FileAttributes::empty(),
            shared_access: SharedAccess::empty(),
            create_disposition,
            create_options,
            path: path.to_owned(),
        };
        match self.disk.answer(request.into()) {
            RdpdrPdu::DeviceCreateResponse(answer) => match answer.device_io_reply.io_status {
                NtStatus::SUCCESS => Ok(answer.file_id),
                status => Err(status),
            },
            other => panic!("{other:?}"),
        }
    }

    fn read(&mut self, file: u32, offset: u64, length: u32) -> Result<Vec<u8>, NtStatus> {
        let request = DeviceReadRequest {
            device_io_request: io(file),
            length,
            offset,
        };
        match self.disk.answer(ServerDriveIoRequest::DeviceReadRequest(request)) {
            RdpdrPdu::DeviceReadResponse(answer) => match answer.device_io_reply.io_status {
                NtStatus::SUCCESS => Ok(answer.read_data),
                status => Err(status),
            },
            other => panic!("{other:?}"),
        }
    }

    fn write(&mut self, file: u32, offset: u64, data: &[u8]) -> NtStatus {
        let request = DeviceWriteRequest {
            device_io_request: io(file),
            offset,
            write_data: data.to_vec(),
        };
        match self
            .disk
            .answer(ServerDriveIoRequest::DeviceWriteRequest(request))
        {
            RdpdrPdu::DeviceWriteResponse(answer) => {
                let all = answer.device_io_reply.io_status == NtStatus::SUCCESS;
                assert_eq!(answer.length as usize, if all { data.len() } else { 0 });
                answer.device_io_reply.io_status
            }
            other => panic!("{other:?}"),
        }
    }

    fn set(&mut self, file: u32, set_buffer: FileInformationClass) -> NtStatus {
        let request = ServerDriveSetInformationRequest {
            device_io_request: io(file),
            set_buffer,
        };
        let answer = self
            .disk
            .answer(ServerDriveIoRequest::ServerDriveSetInformationRequest(request));
        let bytes = ironrdp_core::encode_vec(&answer).unwrap();
        // The header, the device, the completion, the status (MS-RDPEFS §2.2.1.5).
        NtStatus::from(u32::from_le_bytes(bytes[12..16].try_into().unwrap()))
    }

    fn close(&mut self, file: u32) -> NtStatus {
        let request = DeviceCloseRequest {
            device_io_request: io(file),
        };
        match self
            .disk
            .answer(ServerDriveIoRequest::DeviceCloseRequest(request))
        {
            RdpdrPdu::DeviceCloseResponse(answer) => answer.device_io_response.io_status,
            other => panic!("{other:?}"),
        }
    }

    fn list(&mut self, folder: &str, pattern: &str) -> Result<Vec<String>, NtStatus> {
        let file = self.open_as(
            folder,
            READ,
            CreateDisposition::FILE_OPEN,
            CreateOptions::FILE_DIRECTORY_FILE,
        )?;
        let mut names = Vec::new();
        for number in 0.. {
            let request = ServerDriveQueryDirectoryRequest {
                device_io_request: io(file),
                file_info_class_lvl: FileInformationClassLevel::FILE_DIRECTORY_INFORMATION,
                initial_query: u8::from(number == 0),
                path: format!("{folder}\\{pattern}"),
            };
            match self
                .disk
                .answer(ServerDriveIoRequest::ServerDriveQueryDirectoryRequest(request))
            {
                RdpdrPdu::ClientDriveQueryDirectoryResponse(answer) => match answer.buffer {
                    Some(FileInformationClass::Directory(entry)) => names.push(entry.file_name),
                    None => {
                        let status = answer.device_io_reply.io_status;
                        let end = if number == 0 {
                            NtStatus::NO_SUCH_FILE
                        } else {
                            NtStatus::NO_MORE_FILES
                        };
                        assert_eq!(status, end);
                        break;
                    }
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(self.close(file), NtStatus::SUCCESS);
        names.sort();
        Ok(names)
    }

    fn free(&mut self) -> i64 {
        let request = ServerDriveQueryVolumeInformationRequest {
            device_io_request: io(0),
            fs_info_class_lvl: FileSystemInformationClassLevel::FILE_FS_SIZE_INFORMATION,
        };
        match self
            .disk
            .answer(ServerDriveIoRequest::ServerDriveQueryVolumeInformationRequest(
                request,
            )) {
            RdpdrPdu::ClientDriveQueryVolumeInformationResponse(answer) => match answer.buffer {
                Some(FileSystemInformationClass::FileFsSizeInformation(sizes)) => {
                    sizes.available_alloc_units * i64::from(sizes.bytes_per_sector)
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }
}

fn io(file_id: u32) -> DeviceIoRequest {
    DeviceIoRequest {
        device_id: 1,
        file_id,
        completion_id: 7,
        major_function: MajorFunction::Create,
        minor_function: MinorFunction::from(0),
    }
}

fn everything() -> Target {
    Target::new(|shared| shared, SessionPermissions::ALL)
}

fn rename(to: &str, replace: Boolean) -> FileInformationClass {
    FileRenameInformation {
        replace_if_exists: replace,
        file_name: to.to_owned(),
    }
    .into()
}

fn doom() -> FileInformationClass {
    FileDispositionInformation { delete_pending: 1 }.into()
}
