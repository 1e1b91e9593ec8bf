//! What a target gets of a folder, and what it does not get.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a step that fails is a test that fails"
)]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use ironrdp_rdpdr::pdu::RdpdrPdu;
use ironrdp_rdpdr::pdu::efs::{
    Boolean, CreateDisposition, CreateOptions, DesiredAccess, DeviceCloseRequest, DeviceCreateRequest,
    DeviceIoRequest, DeviceReadRequest, DeviceWriteRequest, FileAttributes, FileDispositionInformation,
    FileEndOfFileInformation, FileInformationClass, FileInformationClassLevel, FileRenameInformation,
    FileSystemInformationClass, FileSystemInformationClassLevel, MajorFunction, MinorFunction, NtStatus,
    ServerDriveIoRequest, ServerDriveQueryDirectoryRequest, ServerDriveQueryInformationRequest,
    ServerDriveQueryVolumeInformationRequest, ServerDriveSetInformationRequest, SharedAccess,
};
use jump_core::ErrorKind;
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

#[test]
fn files_are_made_read_renamed_and_removed() {
    let mut target = everything();
    let folder = target
        .open_as(
            "\\sub",
            READ,
            CreateDisposition::FILE_CREATE,
            CreateOptions::FILE_DIRECTORY_FILE,
        )
        .unwrap();
    assert_eq!(target.close(folder), NtStatus::SUCCESS);
    let file = target
        .open("\\sub\\zwölf.txt", READ | WRITE, CreateDisposition::FILE_CREATE)
        .unwrap();
    assert_eq!(target.write(file, 0, b"hello world"), NtStatus::SUCCESS);
    assert_eq!(target.write(file, 6, b"there"), NtStatus::SUCCESS);
    assert_eq!(target.read(file, 0, 100).unwrap(), b"hello there");
    assert_eq!(target.read(file, 6, 2).unwrap(), b"th");
    assert_eq!(target.read(file, 11, 1).unwrap_err(), NtStatus::END_OF_FILE);
    assert_eq!(
        target.set(file, FileEndOfFileInformation { end_of_file: 5 }.into()),
        NtStatus::SUCCESS
    );
    assert_eq!(
        target.set(file, rename("\\renamed.txt\0", Boolean::False)),
        NtStatus::SUCCESS
    );
    assert_eq!(target.close(file), NtStatus::SUCCESS);
    assert_eq!(std::fs::read(target.path("renamed.txt")).unwrap(), b"hello");
    assert_eq!(target.list("", "*").unwrap(), ["renamed.txt", "sub"]);
    assert_eq!(target.list("/", "*.TXT").unwrap(), ["renamed.txt"]);
    assert_eq!(target.list("\\sub", "*").unwrap(), Vec::<String>::new());
    let file = target
        .open("renamed.txt", DesiredAccess::DELETE, CreateDisposition::FILE_OPEN)
        .unwrap();
    assert_eq!(target.set(file, doom()), NtStatus::SUCCESS);
    assert_eq!(target.close(file), NtStatus::SUCCESS);
    assert!(!target.path("renamed.txt").exists());
    for closed in [file, 0, 999] {
        assert_eq!(target.close(closed), NtStatus::INVALID_HANDLE);
        assert_eq!(target.read(closed, 0, 1).unwrap_err(), NtStatus::INVALID_HANDLE);
    }
}

#[test]
fn a_file_comes_to_be_as_it_is_asked_for() {
    let mut target = everything();
    let both = READ | WRITE;
    std::fs::write(target.path("there"), "old").unwrap();
    std::fs::create_dir_all(target.path("full/inner")).unwrap();
    for (path, disposition, wanted, content) in [
        ("there", CreateDisposition::FILE_OPEN, Ok(()), "old"),
        ("there", CreateDisposition::FILE_OPEN_IF, Ok(()), "old"),
        (
            "there",
            CreateDisposition::FILE_CREATE,
            Err(NtStatus::OBJECT_NAME_COLLISION),
            "old",
        ),
        ("there", CreateDisposition::FILE_OVERWRITE, Ok(()), ""),
        (
            "new",
            CreateDisposition::FILE_OPEN,
            Err(NtStatus::NO_SUCH_FILE),
            "",
        ),
        (
            "new",
            CreateDisposition::FILE_OVERWRITE,
            Err(NtStatus::NO_SUCH_FILE),
            "",
        ),
        (
            "no/new",
            CreateDisposition::FILE_OPEN,
            Err(NtStatus::OBJECT_PATH_NOT_FOUND),
            "",
        ),
        ("new", CreateDisposition::FILE_OVERWRITE_IF, Ok(()), ""),
        ("new", CreateDisposition::FILE_SUPERSEDE, Ok(()), ""),
        (
            "new",
            CreateDisposition::from(6),
            Err(NtStatus::INVALID_PARAMETER),
            "",
        ),
    ] {
        assert_eq!(
            target.open(path, both.clone(), disposition).map(drop),
            wanted,
            "{path} {disposition:?}"
        );
        assert_eq!(
            std::fs::read_to_string(target.path(path)).unwrap_or_default(),
            content,
            "{path}"
        );
    }
    let as_file = CreateOptions::FILE_NON_DIRECTORY_FILE;
    let open = CreateDisposition::FILE_OPEN;
    assert_eq!(
        target.open_as("full", READ, open, as_file).unwrap_err(),
        NtStatus::FILE_IS_A_DIRECTORY
    );
    let as_folder = CreateOptions::FILE_DIRECTORY_FILE;
    assert_eq!(
        target.open_as("there", READ, open, as_folder).unwrap_err(),
        NtStatus::NOT_A_DIRECTORY
    );
    let full = target.open("full", READ | DesiredAccess::DELETE, open).unwrap();
    assert_eq!(target.set(full, doom()), NtStatus::DIRECTORY_NOT_EMPTY);
    let there = target.open("there", both, open).unwrap();
    assert_eq!(
        target.set(there, rename("new", Boolean::False)),
        NtStatus::OBJECT_NAME_COLLISION
    );
    assert_eq!(target.set(there, rename("new", Boolean::True)), NtStatus::SUCCESS);
    let root = target.open("\\", READ, open).unwrap();
    assert_eq!(target.set(root, doom()), NtStatus::ACCESS_DENIED);
    assert_eq!(
        target.set(root, rename("elsewhere", Boolean::True)),
        NtStatus::ACCESS_DENIED
    );
}

#[test]
fn the_permissions_say_what_a_target_may() {
    let may = |upload, download| SessionPermissions {
        file_upload: upload,
        file_download: download,
        ..SessionPermissions::ALL
    };
    let open = CreateDisposition::FILE_OPEN;
    let cases = [
        (Target::new(|shared| shared, may(true, false)), true, false),
        (Target::new(|shared| shared, may(false, true)), false, true),
        (
            Target::new(|shared| shared.read_only(true), may(true, true)),
            true,
            false,
        ),
    ];
    for (mut target, reads, writes) in cases {
        std::fs::write(target.path("file"), "text").unwrap();
        assert_eq!(target.open("file", READ, open).is_ok(), reads);
        assert_eq!(target.open("file", WRITE, open).is_ok(), writes);
        assert_eq!(
            target.open("new", WRITE, CreateDisposition::FILE_CREATE).is_ok(),
            writes
        );
        assert_eq!(target.open("file", DesiredAccess::DELETE, open).is_ok(), writes);
        assert_eq!(
            target
                .open("file", READ, CreateDisposition::FILE_OVERWRITE)
                .is_ok(),
            reads && writes
        );
        let doomed = CreateOptions::FILE_DELETE_ON_CLOSE;
        assert_eq!(
            target
                .open_as("file", DesiredAccess::empty(), open, doomed)
                .is_ok(),
            writes
        );
        // A handle that says nothing of it gives neither.
        std::fs::write(target.path("other"), "text").unwrap();
        let handle = target
            .open("other", DesiredAccess::FILE_READ_ATTRIBUTES, open)
            .unwrap();
        assert_eq!(target.read(handle, 0, 1).unwrap_err(), NtStatus::ACCESS_DENIED);
        assert_eq!(target.write(handle, 0, b"x"), NtStatus::ACCESS_DENIED);
        assert_eq!(
            target.set(handle, rename("moved", Boolean::False)) == NtStatus::SUCCESS,
            writes
        );
        let most = target.open("file", DesiredAccess::MAXIMUM_ALLOWED, open);
        if let Ok(handle) = most {
            assert_eq!(target.read(handle, 0, 1).is_ok(), reads);
        }
        assert_eq!(target.free() > 0, writes);
    }
}

#[test]
fn s27_what_a_target_writes_and_has_open_is_bounded() {
    let mut target = Target::new(
        |shared| shared.max_written(10_000).max_file_size(8_000),
        SessionPermissions::ALL,
    );
    let file = target
        .open("file", READ | WRITE, CreateDisposition::FILE_CREATE)
        .unwrap();
    assert_eq!(target.write(file, 0, &[1; 8_001]), NtStatus::DISK_FULL);
    assert_eq!(target.write(file, 7_999, &[1; 2]), NtStatus::DISK_FULL);
    assert_eq!(target.write(file, u64::MAX, &[1; 2]), NtStatus::INVALID_PARAMETER);
    assert_eq!(
        target.set(file, FileEndOfFileInformation { end_of_file: 1 << 60 }.into()),
        NtStatus::DISK_FULL
    );
    assert_eq!(
        target.set(file, FileEndOfFileInformation { end_of_file: -1 }.into()),
        NtStatus::INVALID_PARAMETER
    );
    assert_eq!(target.write(file, 0, &[1; 8_000]), NtStatus::SUCCESS);
    assert_eq!(target.write(file, 0, &[1; 2_001]), NtStatus::DISK_FULL);
    assert_eq!(target.write(file, 0, &[1; 2_000]), NtStatus::SUCCESS);
    assert_eq!(target.free(), 0);
    assert_eq!(std::fs::metadata(target.path("file")).unwrap().len(), 8_000);
    assert_eq!(
        target.read(file, 0, u32::MAX).unwrap_err(),
        NtStatus::INVALID_PARAMETER
    );
    let mut last = Ok(0);
    for _ in 0..300 {
        last = target.open("file", READ, CreateDisposition::FILE_OPEN);
    }
    assert_eq!(last.unwrap_err(), NtStatus::INSUFFICIENT_RESOURCES);
    target.disk.reset();
    assert!(target.open("file", READ, CreateDisposition::FILE_OPEN).is_ok());
}

#[test]
fn a_file_that_is_to_go_goes_when_the_session_ends() {
    let mut target = everything();
    let doomed = CreateOptions::FILE_DELETE_ON_CLOSE;
    target
        .open_as("gone", WRITE, CreateDisposition::FILE_CREATE, doomed)
        .unwrap();
    assert!(target.path("gone").exists());
    let Target { folder, disk } = target;
    drop(disk);
    assert!(!folder.path().join("shared/gone").exists());
}

#[cfg(unix)]
#[test]
fn s28_nothing_around_the_folder_is_reached_by_a_name_or_a_link() {
    use std::os::unix::fs::symlink;
    let mut target = everything();
    let around = target.folder.path().to_owned();
    symlink("../secret", target.path("link")).unwrap();
    symlink(around.join("secret"), target.path("absolute")).unwrap();
    symlink("..", target.path("up")).unwrap();
    symlink("/", target.path("root")).unwrap();
    std::fs::write(target.path("inside"), "inside").unwrap();
    symlink("inside", target.path("within")).unwrap();
    let name = target
        .folder
        .path()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let paths = [
        "..\\secret".to_owned(),
        "../secret".to_owned(),
        "x\\..\\..\\secret".to_owned(),
        "link".to_owned(),
        "absolute".to_owned(),
        "up\\secret".to_owned(),
        "up/shared/inside".to_owned(),
        "root/etc/passwd".to_owned(),
        "/etc/passwd".to_owned(),
        "\\\\..\\secret".to_owned(),
        format!("..\\..\\{name}\\secret"),
        "up".to_owned(),
        "root".to_owned(),
    ];
    for path in &paths {
        for disposition in [
            CreateDisposition::FILE_OPEN,
            CreateDisposition::FILE_OPEN_IF,
            CreateDisposition::FILE_OVERWRITE_IF,
            CreateDisposition::FILE_CREATE,
        ] {
            assert!(
                target.open(path, READ | WRITE, disposition).is_err(),
                "{path} {disposition:?}"
            );
        }
    }
    let file = target
        .open("inside", READ | WRITE, CreateDisposition::FILE_OPEN)
        .unwrap();
    for path in ["..\\moved", "up\\moved", "root\\tmp\\moved", "/../moved"] {
        assert_ne!(
            target.set(file, rename(path, Boolean::True)),
            NtStatus::SUCCESS,
            "{path}"
        );
    }
    let within = target.open("within", READ, CreateDisposition::FILE_OPEN).unwrap();
    assert_eq!(target.read(within, 0, 10).unwrap(), b"inside");
    assert_eq!(target.list("", "*").unwrap(), ["inside", "within"]);
    assert_eq!(std::fs::read(around.join("secret")).unwrap(), b"secret");
    let mut names: Vec<_> = std::fs::read_dir(&around)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["secret", "shared"]);
}

#[cfg(unix)]
#[test]
fn s28_a_link_that_changes_all_the_time_leads_nowhere_either() {
    use std::os::unix::fs::symlink;
    let mut target = everything();
    std::fs::create_dir(target.path("honest")).unwrap();
    std::fs::write(target.path("honest/secret"), "honest").unwrap();
    let (place, next) = (target.path("place"), target.path("next"));
    let over = AtomicBool::new(false);
    let tries = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for to in ["honest", ".."] {
                    symlink(to, &next).unwrap();
                    std::fs::rename(&next, &place).unwrap();
                }
            }
        });
        let mut opened = 0;
        for _ in 0..20_000 {
            let Ok(file) = target.open("place\\secret", READ, CreateDisposition::FILE_OPEN) else {
                continue;
            };
            opened += 1;
            assert_eq!(target.read(file, 0, 10).unwrap(), b"honest");
            target.close(file);
        }
        over.store(true, Ordering::Relaxed);
        opened
    });
    assert!(tries > 0, "the link was never an honest one");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_opened_and_nobody_waits_for_it() {
    let mut target = everything();
    let pipe = rustix::fs::CWD;
    rustix::fs::mknodat(
        pipe,
        target.path("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(target.path("socket")).unwrap();
    for name in ["pipe", "socket"] {
        assert_eq!(
            target.open(name, READ, CreateDisposition::FILE_OPEN).unwrap_err(),
            NtStatus::ACCESS_DENIED
        );
    }
    assert_eq!(target.list("", "*").unwrap(), Vec::<String>::new());
}

#[test]
fn a_drive_has_a_name_that_every_target_takes() {
    for name in ["", "eight__8", "a b", "a:", "ä", "a/b", "a\0"] {
        let error = SharedFolder::open(name, Path::new(".")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{name}");
    }
    let error = SharedFolder::open("files", Path::new("/no/such/folder")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn what_is_told_of_a_file_is_what_it_is() {
    let mut target = everything();
    std::fs::write(target.path("file"), "text").unwrap();
    let file = target.open("file", READ, CreateDisposition::FILE_OPEN).unwrap();
    let mut ask = |file_info_class_lvl| {
        let request = ServerDriveQueryInformationRequest {
            device_io_request: io(file),
            file_info_class_lvl,
        };
        match target
            .disk
            .answer(ServerDriveIoRequest::ServerDriveQueryInformationRequest(request))
        {
            RdpdrPdu::ClientDriveQueryInformationResponse(answer) => answer.buffer,
            other => panic!("{other:?}"),
        }
    };
    match ask(FileInformationClassLevel::FILE_STANDARD_INFORMATION) {
        Some(FileInformationClass::Standard(told)) => {
            assert_eq!((told.end_of_file, told.directory), (4, Boolean::False));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        ask(FileInformationClassLevel::FILE_BASIC_INFORMATION),
        Some(FileInformationClass::Basic(_))
    ));
    assert_eq!(ask(FileInformationClassLevel::FILE_STREAM_INFORMATION), None);
}
