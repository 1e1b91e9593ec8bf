//! What a target is answered (MS-RDPEFS §2.2.1.5, §2.2.3.4).

use std::io;

use ironrdp_rdpdr::pdu::RdpdrPdu;
use ironrdp_rdpdr::pdu::efs::{
    ClientDriveSetInformationResponse, DeviceCloseResponse, DeviceCreateResponse, DeviceIoRequest,
    DeviceIoResponse, Information, NtStatus, ServerDriveIoRequest, ServerDriveSetInformationRequest,
};

/// Why something is not done.
pub(super) type Outcome<T> = Result<T, NtStatus>;

/// The status for an error of the file system. What leads out of the folder is denied.
pub(super) fn status(error: &io::Error) -> NtStatus {
    match error.kind() {
        io::ErrorKind::NotFound => NtStatus::NO_SUCH_FILE,
        io::ErrorKind::AlreadyExists => NtStatus::OBJECT_NAME_COLLISION,
        io::ErrorKind::NotADirectory => NtStatus::OBJECT_PATH_NOT_FOUND,
        io::ErrorKind::IsADirectory => NtStatus::FILE_IS_A_DIRECTORY,
        io::ErrorKind::DirectoryNotEmpty => NtStatus::DIRECTORY_NOT_EMPTY,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            NtStatus::DISK_FULL
        }
        io::ErrorKind::PermissionDenied => NtStatus::ACCESS_DENIED,
        io::ErrorKind::ReadOnlyFilesystem => NtStatus::MEDIA_WRITE_PROTECTED,
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => NtStatus::OBJECT_NAME_INVALID,
        _ => NtStatus::UNSUCCESSFUL,
    }
}

/// An answer that has nothing but its status. Four bytes follow the header: the length of what there is not.
pub(super) fn plain(request: DeviceIoRequest, status: NtStatus) -> RdpdrPdu {
    RdpdrPdu::DeviceCloseResponse(DeviceCloseResponse {
        device_io_response: DeviceIoResponse::new(request, status),
    })
}

/// The answer to an opening (§2.2.1.5.1).
pub(super) fn opened(request: DeviceIoRequest, opened: Outcome<(u32, Information)>) -> RdpdrPdu {
    let (status, file_id, information) = match opened {
        Ok((file, information)) => (NtStatus::SUCCESS, file, information),
        Err(status) => (status, 0, Information::empty()),
    };
    RdpdrPdu::DeviceCreateResponse(DeviceCreateResponse {
        device_io_reply: DeviceIoResponse::new(request, status),
        file_id,
        information,
    })
}

/// The answer to a change of what is told of a file (§2.2.3.4.9).
pub(super) fn changed(request: &ServerDriveSetInformationRequest, status: NtStatus) -> RdpdrPdu {
    match ClientDriveSetInformationResponse::new(request, status) {
        Ok(answer) => RdpdrPdu::ClientDriveSetInformationResponse(answer),
        // Its length did not fit where it came from.
        Err(_) => plain(request.device_io_request.clone(), status),
    }
}

/// The header of a request.
pub(super) const fn header(request: &ServerDriveIoRequest) -> &DeviceIoRequest {
    use ServerDriveIoRequest as Request;
    match request {
        Request::ServerCreateDriveRequest(request) => &request.device_io_request,
        Request::ServerDriveQueryInformationRequest(request) => &request.device_io_request,
        Request::DeviceCloseRequest(request) => &request.device_io_request,
        Request::ServerDriveQueryDirectoryRequest(request) => &request.device_io_request,
        Request::ServerDriveNotifyChangeDirectoryRequest(request) => &request.device_io_request,
        Request::ServerDriveQueryVolumeInformationRequest(request) => &request.device_io_request,
        Request::DeviceControlRequest(request) => &request.header,
        Request::DeviceReadRequest(request) => &request.device_io_request,
        Request::DeviceWriteRequest(request) => &request.device_io_request,
        Request::DeviceFlushBuffersRequest(request) => &request.device_io_request,
        Request::ServerDriveSetInformationRequest(request) => &request.device_io_request,
        Request::ServerDriveLockControlRequest(request) => &request.device_io_request,
        Request::ServerDriveQuerySecurityRequest(request) => &request.device_io_request,
        Request::ServerDriveSetSecurityRequest(request) => &request.device_io_request,
    }
}
