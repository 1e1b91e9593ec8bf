//! Logins: who a rep is.

use std::ffi::{CString, c_char};
use std::path::Path;

use jump_core::control::{BrokerEndpoint, Invitation};
use jump_core::identity_file::LoginFile;
use jump_core::model::Name;
use jump_core::rep::{self, LoginIdentity};
use jump_core::tunnel::TcpTransport;

use crate::buffer::{SecretText, jump_secret};
use crate::context::{context_of, jump_context, parse_needed};
use crate::error::{c_string, jump_error};
use crate::guard::{guard, guard_free, guard_value};
use crate::pointer::{Out, text};
use crate::status::jump_status;
use crate::table::{self, Handle};

/// Who a rep is to its broker: a key that was enrolled, and where the broker is.
pub struct jump_login {
    _private: [u8; 0],
}

/// What is behind the handle.
pub(crate) struct Login {
    file: LoginFile,
    user: CString,
}

impl Handle for Login {
    type C = jump_login;
    const KIND: u8 = 6;
    const NAME: &'static str = "jump_login";
}

impl Login {
    fn new(file: LoginFile) -> Self {
        let user = c_string(file.user.clone());
        Self { file, user }
    }

    pub(crate) fn identity(&self) -> LoginIdentity {
        self.file.identity.clone()
    }

    pub(crate) fn broker(&self) -> BrokerEndpoint {
        self.file.broker.clone()
    }
}

/// Reads the login that `jump login` or `jump_login_save` wrote: a file that only its owner may read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_login_load(
    path: *const c_char,
    login_out: *mut *mut jump_login,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (login_out, error_out) = unsafe { (Out::handle(login_out), Out::handle(error_out)) };
    guard(&error_out, || {
        login_out.needed("login_out")?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let path = unsafe { text(path, "path") }?;
        login_out.give(Login::new(LoginFile::read(Path::new(path))?))
    })
}

/// Takes a login from the text of such a file, for programs that keep it elsewhere.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_login_from_secret(
    secret: *const jump_secret,
    login_out: *mut *mut jump_login,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (login_out, error_out) = unsafe { (Out::handle(login_out), Out::handle(error_out)) };
    guard(&error_out, || {
        login_out.needed("login_out")?;
        let secret = table::get::<SecretText>(secret, "secret")?;
        login_out.give(Login::new(LoginFile::from_text(secret.expose())?))
    })
}

/// Turns an invitation, which works once, into a login; `label` says what it is for people, such as the name of a device. Waits for
/// the broker. Save the login: without it nobody can log in.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_login_enrol(
    context: *const jump_context,
    invitation: *const jump_secret,
    label: *const c_char,
    login_out: *mut *mut jump_login,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (login_out, error_out) = unsafe { (Out::handle(login_out), Out::handle(error_out)) };
    guard(&error_out, || {
        login_out.needed("login_out")?;
        let context = context_of(context)?;
        let invitation = table::get::<SecretText>(invitation, "invitation")?;
        let invitation: Invitation = invitation.expose().parse()?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let label = Name::new(unsafe { text(label, "label") }?)?;
        let identity = LoginIdentity::generate()?;
        let enrolled = context.wait(rep::enrol(&TcpTransport, &invitation, &identity, label))?;
        login_out.give(Login::new(LoginFile {
            identity,
            broker: invitation.broker.clone(),
            user: enrolled.name,
        }))
    })
}

/// Turns a proof that the site's own system understands, such as a signed token, into a login of the user whom it names: see
/// `jump_broker_options_set_logins`. `broker_json` is where the broker is and the key that it has to prove, as
/// `jump_broker_endpoint_json` gives it; `label` says what the login is. Waits for the broker. `JUMP_ERR_UNAUTHENTICATED` if the proof is not
/// accepted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_login_authenticate(
    context: *const jump_context,
    broker_json: *const c_char,
    proof: *const jump_secret,
    label: *const c_char,
    login_out: *mut *mut jump_login,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (login_out, error_out) = unsafe { (Out::handle(login_out), Out::handle(error_out)) };
    guard(&error_out, || {
        login_out.needed("login_out")?;
        let context = context_of(context)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let (broker, label) = unsafe { (text(broker_json, "broker_json")?, text(label, "label")?) };
        let broker: BrokerEndpoint = parse_needed(broker, "broker_json")?;
        let proof = table::get::<SecretText>(proof, "proof")?;
        let label = Name::new(label)?;
        let identity = LoginIdentity::generate()?;
        let logged_in = rep::log_in(&TcpTransport, &broker, proof.secret(), &identity, label);
        let user = context.wait(logged_in)?.name;
        login_out.give(Login::new(LoginFile {
            identity,
            broker,
            user,
        }))
    })
}

/// Writes a login to a file for its owner only, whole or not at all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_login_save(
    login: *const jump_login,
    path: *const c_char,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let login = table::get::<Login>(login, "login")?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let path = unsafe { text(path, "path") }?;
        login.file.write(Path::new(path))
    })
}

/// The user's name. It lives as long as the login. NULL for NULL and for what is no living login.
#[unsafe(no_mangle)]
pub extern "C" fn jump_login_user(login: *const jump_login) -> *const c_char {
    guard_value(std::ptr::null(), || {
        table::get::<Login>(login, "login").map(|login| login.user.as_ptr())
    })
}

/// Frees a login; its key is wiped. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_login_free(login: *mut jump_login) -> jump_status {
    guard_free(|| table::take::<Login>(login, "login").map(drop))
}
