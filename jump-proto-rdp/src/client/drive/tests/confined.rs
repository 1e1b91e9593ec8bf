//! Nothing around a folder is reached. Links and pipes are Unix's.
#![cfg(unix)]

use std::sync::atomic::{AtomicBool, Ordering};

use ironrdp_rdpdr::pdu::efs::{Boolean, CreateDisposition, NtStatus};

use super::{READ, WRITE, everything, rename};

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
