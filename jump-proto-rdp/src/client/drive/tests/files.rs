//! What may be done with files, and how much of it.

use std::path::Path;

use ironrdp_rdpdr::pdu::RdpdrPdu;
use ironrdp_rdpdr::pdu::efs::{
    Boolean, CreateDisposition, CreateOptions, DesiredAccess, FileEndOfFileInformation, FileInformationClass,
    FileInformationClassLevel, NtStatus, ServerDriveIoRequest, ServerDriveQueryInformationRequest,
};
use jump_core::ErrorKind;
use jump_core::session::SessionPermissions;

use super::{READ, SharedFolder, Target, WRITE, doom, everything, io, rename};

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
