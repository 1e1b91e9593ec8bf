//! Where the database is, and how it is used.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jump_core::secret::Secret;
use jump_core::{Error, ErrorKind, Result};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::SchemaName;
use super::tls::Tls;

/// The schema of a site that names none.
const DEFAULT_SCHEMA: &str = "jump";

fn wrong(rule: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, "read the database's address", rule)
}

/// Where a site's database is, how to log in, and how much it may be used.
///
/// Neither `Debug` nor any error shows the password.
#[derive(Clone)]
pub struct PostgresOptions {
    config: Config,
    schema: SchemaName,
    password: Option<Arc<Secret<String>>>,
    tls: Tls,
    plain: bool,
    /// The caller said that there is no TLS.
    disabled: bool,
    connections: usize,
    statement_timeout: Duration,
    connect_timeout: Duration,
}

impl PostgresOptions {
    /// Reads an address such as `postgres://jump@db.example:5432/jump?schema=vienna`.
    ///
    /// It is PostgreSQL's own form (libpq's connection URI) with several hosts if there are several; of those the one
    /// that takes writes is used. A folder of Unix sockets stands as `?host=/run/postgresql`. Besides:
    ///
    /// * `schema` is the site's schema, `jump` if it is not given.
    /// * `sslmode` is `verify-full`, the default, or `disable`. Nothing in between: encryption to a server that proves
    ///   nothing protects from nobody who can listen. A server on this machine, that is a Unix socket, a loopback
    ///   address or `localhost`, is reached without TLS unless [`certificate_authorities`](Self::certificate_authorities)
    ///   are given.
    /// * A password in it is refused: addresses are shown in process lists and logs.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] with the rule that it breaks.
    pub fn parse(address: &str) -> Result<Self> {
        if !address.starts_with("postgres://") && !address.starts_with("postgresql://") {
            return Err(wrong("it begins with postgres://"));
        }
        let (base, query) = address.split_once('?').unwrap_or((address, ""));
        let mut schema = SchemaName::new(DEFAULT_SCHEMA)?;
        let mut plain = None;
        let mut rest = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("schema", name)) => schema = SchemaName::new(name)?,
                Some(("sslmode", "disable")) => plain = Some(true),
                Some(("sslmode", "verify-full")) => plain = Some(false),
                Some(("sslmode", _)) => return Err(wrong("sslmode is verify-full or disable")),
                _ => rest.push(parameter),
            }
        }
        let config = format!("{base}?{}", rest.join("&"));
        // The driver's error is not attached: it repeats parts of what may hold a password.
        let mut config: Config = config
            .parse()
            .map_err(|_| wrong("it is postgres://USER@HOST[:PORT]/DATABASE[?schema=NAME&…]"))?;
        if config.get_password().is_some() {
            return Err(wrong(
                "the password does not belong in it: pass it in a file or in the environment",
            ));
        }
        if !config.get_hostaddrs().is_empty() {
            return Err(wrong("hostaddr is not supported: write the address as the host"));
        }
        let hosts = config.get_hosts();
        if hosts.is_empty() {
            return Err(wrong("it names no host"));
        }
        let sockets = hosts.iter().filter(|host| !matches!(host, Host::Tcp(_))).count();
        if sockets > 0 && sockets < hosts.len() {
            return Err(wrong("its hosts are either addresses or folders of Unix sockets"));
        }
        if sockets > 0 && plain == Some(false) {
            return Err(wrong("there is no TLS on a Unix socket"));
        }
        let here = hosts.iter().all(is_this_machine);
        if hosts.len() > 1 {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if config.get_application_name().is_none() {
            config.application_name("jump");
        }
        Ok(Self {
            config,
            schema,
            password: None,
            tls: Tls::default(),
            plain: plain.unwrap_or(here),
            disabled: plain == Some(true),
            connections: 8,
            statement_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
        })
    }

    /// The password of the database user.
    #[must_use]
    pub fn password(mut self, password: Secret<String>) -> Self {
        self.password = Some(Arc::new(password));
        self
    }

    /// The schema, in place of the one in the address.
    #[must_use]
    pub fn schema(mut self, schema: SchemaName) -> Self {
        self.schema = schema;
        self
    }

    /// Who may vouch for the server: certificates in PEM form, of an authority or the server's own. The server must
    /// then speak TLS 1.3 and have a certificate for the host name in the address.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if there is none in it, or if the address says `sslmode=disable` or is a Unix
    /// socket.
    pub fn certificate_authorities(mut self, pem: &[u8]) -> Result<Self> {
        let tcp = self
            .config
            .get_hosts()
            .iter()
            .all(|host| matches!(host, Host::Tcp(_)));
        if !tcp || self.disabled {
            return Err(wrong(
                "it says that there is no TLS, and authorities for TLS are given",
            ));
        }
        self.tls = Tls::trusting(pem)?;
        self.plain = false;
        Ok(self)
    }

    /// How many connections there are at most, 1 to 100; 8 if this is not called. Calls that find none free wait, for
    /// as long as a statement may take.
    #[must_use]
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most.clamp(1, 100);
        self
    }

    /// How long one statement may take, waiting for locks included, 1 ms to 1 h; 30 s if this is not called.
    #[must_use]
    pub fn statement_timeout(mut self, limit: Duration) -> Self {
        self.statement_timeout = limit.clamp(Duration::from_millis(1), Duration::from_secs(3600));
        self
    }

    /// How long connecting and logging in may take, 1 ms to 1 h; 10 s if this is not called.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit.clamp(Duration::from_millis(1), Duration::from_secs(3600));
        self
    }

    /// What the driver needs, the password included: for the moment of connecting only.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if TLS is needed and nobody may vouch for the server.
    pub(super) fn connecting(&self) -> Result<(Config, Tls)> {
        if !self.plain && !self.tls.trusts_somebody() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "connect to the database",
                "say which certificate authorities vouch for the server, or sslmode=disable if the network is safe",
            ));
        }
        let mut config = self.config.clone();
        config.ssl_mode(if self.plain {
            SslMode::Disable
        } else {
            SslMode::Require
        });
        config.connect_timeout(self.connect_timeout);
        config.keepalives_idle(Duration::from_secs(30));
        // A server that is gone without a word is noticed, also while an answer is awaited.
        config.tcp_user_timeout(Duration::from_secs(30));
        if let Some(password) = &self.password {
            config.password(password.expose());
        }
        Ok((config, self.tls.clone()))
    }

    pub(super) const fn schema_name(&self) -> &SchemaName {
        &self.schema
    }

    pub(super) const fn most_connections(&self) -> usize {
        self.connections
    }

    pub(super) const fn longest_statement(&self) -> Duration {
        self.statement_timeout
    }

    pub(super) const fn longest_connect(&self) -> Duration {
        self.connect_timeout
    }
}

/// Whether no network is between the host and us.
fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("hosts", &self.config.get_hosts())
            .field("ports", &self.config.get_ports())
            .field("database", &self.config.get_dbname())
            .field("user", &self.config.get_user())
            .field("schema", &self.schema)
            .field("tls", &!self.plain)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(address: &str) -> PostgresOptions {
        PostgresOptions::parse(address).unwrap()
    }

    #[test]
    fn an_address_names_host_user_database_and_schema() {
        let options = parse("postgres://jump@db.example:6543/sites?schema=vienna&sslmode=verify-full");
        assert_eq!(options.config.get_hosts(), [Host::Tcp("db.example".to_owned())]);
        assert_eq!(options.config.get_ports(), [6543]);
        assert_eq!(options.config.get_user(), Some("jump"));
        assert_eq!(options.config.get_dbname(), Some("sites"));
        assert_eq!(options.schema_name().as_str(), "vienna");
        assert_eq!(parse("postgresql://u@h/d").schema_name().as_str(), "jump");
        let many = parse("postgres://u@one,two:5433/d?connect_timeout=3");
        assert_eq!(
            many.config.get_target_session_attrs(),
            TargetSessionAttrs::ReadWrite
        );
    }

    #[test]
    fn tls_is_left_out_on_this_machine_or_where_the_caller_says_so() {
        for (address, plain) in [
            ("postgres://u@127.0.0.1/d", true),
            ("postgres://u@localhost/d", true),
            ("postgres://u@%2Frun%2Fpostgresql/d", true),
            ("postgres://u@/d?host=/run/postgresql", true),
            ("postgres://u@10.0.0.1/d?sslmode=disable", true),
            ("postgres://u@127.0.0.1/d?sslmode=verify-full", false),
            ("postgres://u@10.0.0.1/d", false),
            ("postgres://u@localhost.example/d", false),
            ("postgres://u@localhost,10.0.0.1/d", false),
        ] {
            assert_eq!(parse(address).plain, plain, "{address}");
            assert_eq!(parse(address).connecting().is_ok(), plain, "{address}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_refused_and_nothing_of_it_is_repeated() {
        for bad in [
            "",
            "host=h user=hunter2",
            "mysql://u@h/hunter2",
            "postgres://u:hunter2@h/d",
            "postgres://u@h/d?password=hunter2",
            "postgres://u@h/d?schema=Hunter2",
            "postgres://u@h/d?sslmode=prefer",
            "postgres://u@h/d?sslmode=require",
            "postgres://u@h/d?port=hunter2",
            "postgres://u@h/d?hunter2=1",
            "postgres://u@h/d?hostaddr=10.0.0.1",
            "postgres:///d",
            "postgres://u@h,%2Frun/d",
            "postgres://u@%2Frun/d?sslmode=verify-full",
        ] {
            let error = PostgresOptions::parse(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{bad}");
            let shown = format!("{error} {error:?}").to_lowercase();
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn the_password_is_not_shown() {
        let options = parse("postgres://u@h/d").password(Secret::new("hunter2".to_owned()));
        let shown = format!("{options:?}");
        assert!(shown.contains("\"h\"") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn authorities_are_certificates_and_contradict_no_tls() {
        let error = parse("postgres://u@h/d")
            .certificate_authorities(b"nothing")
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        for plain in [
            "postgres://u@localhost/d?sslmode=disable",
            "postgres://u@%2Frun/d",
        ] {
            let error = parse(plain).certificate_authorities(b"").unwrap_err();
            assert!(error.to_string().contains("no TLS"), "{error}");
        }
    }
}
