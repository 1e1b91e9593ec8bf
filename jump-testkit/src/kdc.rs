//! A Kerberos key distribution center, MIT's, for one realm on loopback.

use std::net::{Ipv4Addr, SocketAddr};

use jump_core::{Error, ErrorKind, Result};
use tokio::process::Command;

use crate::folder::Folder;
use crate::ports::free_port;
use crate::process::{Process, command};
use crate::vnc::{listens, output};

/// Its realm.
pub const REALM: &str = "JUMP.TEST";

/// A running key distribution center; it is killed when this value is dropped.
#[derive(Debug)]
pub struct Kdc {
    address: SocketAddr,
    process: Process,
    _folder: Folder,
}

impl Kdc {
    /// One that knows these users with their passwords, and these services.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if a program is missing, [`ErrorKind::Unavailable`] with what it said if it does not start.
    pub async fn start(users: &[(&str, &str)], services: &[&str]) -> Result<Self> {
        let mut last = String::new();
        // A port can be taken between its choice and the server's start.
        for _ in 0..5 {
            let folder = Folder::new()?;
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
            let place = folder.path().display();
            folder.write(
                "krb5.conf",
                format!("[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n"),
            )?;
            let configuration = format!(
                "[realms]\n {REALM} = {{\n  kdc_ports = 0\n  kdc_tcp_listen = {address}\n  database_name = {place}/principal\n  \
                 key_stash_file = {place}/stash\n  acl_file = {place}/acl\n }}\n[logging]\n kdc = STDERR\n"
            );
            folder.write("kdc.conf", configuration)?;
            let in_folder = |program: &str, arguments: &[&str]| -> Command {
                let mut run = command(program);
                run.args(arguments)
                    .env("KRB5_CONFIG", folder.join("krb5.conf"))
                    .env("KRB5_KDC_PROFILE", folder.join("kdc.conf"));
                run
            };
            output(in_folder("kdb5_util", &["create", "-s", "-P", "master"])).await?;
            for (user, word) in users {
                output(in_folder(
                    "kadmin.local",
                    &["addprinc", "+requires_preauth", "-pw", word, user],
                ))
                .await?;
            }
            for service in services {
                output(in_folder("kadmin.local", &["addprinc", "-randkey", service])).await?;
            }
            let mut process = Process::spawn(in_folder("krb5kdc", &["-n"]))?;
            if listens(address, &mut process).await {
                return Ok(Self {
                    address,
                    process,
                    _folder: folder,
                });
            }
            last = process.output();
        }
        let message = format!("it does not listen; it said: {last}");
        Err(Error::new(
            ErrorKind::Unavailable,
            "start a Kerberos server",
            message,
        ))
    }

    /// Where it listens, on TCP.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it said so far: which tickets it issued to whom.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.output()
    }
}
