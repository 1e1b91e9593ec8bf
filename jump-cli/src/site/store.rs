//! Where a site keeps its data: in its folder, or in a PostgreSQL database.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jump_core::secret::Secret;
use jump_core::store::Store;
use jump_core::{Error, ErrorKind, Result};
use jump_store::SqliteStore;

use super::SiteFolder;
use crate::state::{read_private, write_private};

/// The environment variable that may hold the database user's password instead of a file.
pub(crate) const PASSWORD_VARIABLE: &str = "JUMP_STORE_PASSWORD";

/// Where the store is, as the user says it.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct StoreArguments {
    /// A PostgreSQL database for the site: postgres://USER@HOST/DATABASE?schema=NAME [default: SQLite in the site's
    /// folder]
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// The file with the database user's password [default: JUMP_STORE_PASSWORD]
    #[arg(long, value_name = "FILE")]
    store_password: Option<PathBuf>,
    /// The certificates, in PEM form, of who may vouch for the database server; needed unless it is on this machine
    #[arg(long, value_name = "FILE")]
    store_ca: Option<PathBuf>,
}

impl SiteFolder {
    /// The site's store. A folder remembers the database that its site was begun in, so that a later start without a
    /// word about it does not begin another site.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if the site is kept in the folder already, and a database is named.
    pub(crate) async fn store(&self, arguments: &StoreArguments) -> Result<Arc<dyn Store>> {
        let note = self.path().join("store");
        let remembered = match read_private(&note) {
            Ok(address) => Some(address.expose().trim_end().to_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let path = self.path().join("site.db");
        let address = match (&arguments.store, remembered) {
            (Some(_), None) if path.exists() => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "open the store",
                    format!(
                        "the site is kept in {}; begin the one in the database in a folder of its own",
                        path.display()
                    ),
                ));
            }
            (Some(given), _) => Some(given.clone()),
            (None, remembered) => remembered,
        };
        let Some(address) = address else {
            let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&path)).await;
            let failed =
                |error| Error::new(ErrorKind::Internal, "open the store", "it failed").with_source(error);
            return Ok(Arc::new(opened.map_err(failed)??));
        };
        let store = open_database(&address, arguments).await?;
        write_private(&note, format!("{address}\n").as_bytes())?;
        Ok(store)
    }
}

/// The password in the file or in the environment, if there is one.
#[cfg_attr(
    not(feature = "postgres"),
    allow(dead_code, reason = "only a database asks for one")
)]
fn password(file: Option<&Path>) -> Result<Option<Secret<String>>> {
    if let Some(path) = file {
        let text = read_private(path)?;
        return Ok(Some(Secret::new(
            text.expose().trim_end_matches(['\r', '\n']).to_owned(),
        )));
    }
    match std::env::var(PASSWORD_VARIABLE) {
        Ok(text) => Ok(Some(Secret::new(text))),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::new(
            ErrorKind::InvalidArgument,
            "read the database's password",
            format!("{PASSWORD_VARIABLE} is not text"),
        )),
    }
}

#[cfg(feature = "postgres")]
async fn open_database(address: &str, arguments: &StoreArguments) -> Result<Arc<dyn Store>> {
    let mut options = jump_store::PostgresOptions::parse(address)?;
    if let Some(password) = password(arguments.store_password.as_deref())? {
        options = options.password(password);
    }
    if let Some(path) = &arguments.store_ca {
        let pem = std::fs::read(path).map_err(|error| {
            let message = format!("cannot read {}", path.display());
            Error::new(ErrorKind::NotFound, "read certificate authorities", message).with_source(error)
        })?;
        options = options.certificate_authorities(&pem)?;
    }
    Ok(Arc::new(jump_store::PostgresStore::open(options).await?))
}

#[cfg(not(feature = "postgres"))]
async fn open_database(_: &str, _: &StoreArguments) -> Result<Arc<dyn Store>> {
    Err(Error::new(
        ErrorKind::Unsupported,
        "open the store",
        "this `jump` was built without PostgreSQL; build it with --features postgres",
    ))
}
