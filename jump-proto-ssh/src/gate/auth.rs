//! Proves the rep's right to the target with the injected credential.

use std::sync::Arc;

use jump_core::session::{Credential, CredentialSecret};
use jump_core::{Error, ErrorKind, Result};
use russh::client::{self, AuthResult, KeyboardInteractiveAuthResponse as Interactive, Prompt};
use russh::keys::{Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg, decode_secret_key};
use russh::{MethodKind, MethodSet};

use crate::failure::from_russh;

/// Rounds of prompts (RFC 4256 §3.2) that are answered before the target counts as broken; two-factor logins take
/// three, the last of them empty.
const ROUNDS: usize = 8;
const OPERATION: &str = "log in to the target";

/// How a login went.
pub(super) enum Login {
    /// The target accepted the credential.
    Accepted,
    /// The target asked for no proof.
    NotAsked,
    /// The target refused; the error says so.
    Refused(Error),
}

fn error(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error::new(kind, OPERATION, message)
}

fn network(problem: russh::Error) -> Error {
    from_russh(ErrorKind::TargetUnreachable, OPERATION, problem)
}

/// Logs in with the credential's own method and no other: every further try could lock the account.
///
/// A connection that dies in the middle looks like a refusal to russh, and so it does here.
///
/// # Errors
/// What broke, other than a refusal.
pub(super) async fn login<H: client::Handler>(
    target: &mut client::Handle<H>,
    credential: Option<&Arc<Credential>>,
) -> Result<Login> {
    let user = credential.map_or("", |credential| credential.username.as_str());
    // Asking with `none` (RFC 4252 §5.2) tells the methods and is not counted as a failed try.
    let methods = match target.authenticate_none(user).await.map_err(network)? {
        AuthResult::Success => return Ok(Login::NotAsked),
        AuthResult::Failure {
            remaining_methods, ..
        } => remaining_methods,
    };
    let Some(credential) = credential else {
        return Ok(Login::Refused(error(
            ErrorKind::TargetAuthentication,
            "no credential is stored for this item: an administrator can add one",
        )));
    };
    let accepted = match &credential.secret {
        CredentialSecret::Password(password) => {
            with_password(target, user, password.expose(), methods).await?
        }
        CredentialSecret::PrivateKey { .. } => with_key(target, credential, &methods).await?,
        _ => {
            return Err(error(
                ErrorKind::Unsupported,
                "this kind of credential is not known to the SSH gate",
            ));
        }
    };
    Ok(match accepted {
        Attempt::Accepted => Login::Accepted,
        Attempt::Refused(why) => Login::Refused(error(
            ErrorKind::TargetAuthentication,
            format!(
                "the target refused the stored {} of user `{user}`{why}",
                credential.secret
            ),
        )),
    })
}

enum Attempt {
    Accepted,
    Refused(&'static str),
}

const MORE_WANTED: &str = ": it wants a further proof, which no single stored credential gives";
const NOT_OFFERED: &str = ": it does not offer a method for it";

async fn with_password<H: client::Handler>(
    target: &mut client::Handle<H>,
    user: &str,
    password: &str,
    mut methods: MethodSet,
) -> Result<Attempt> {
    let mut partial = false;
    if methods.contains(&MethodKind::Password) {
        match target
            .authenticate_password(user, password)
            .await
            .map_err(network)?
        {
            AuthResult::Success => return Ok(Attempt::Accepted),
            AuthResult::Failure {
                partial_success: false,
                ..
            } => return Ok(Attempt::Refused("")),
            AuthResult::Failure {
                remaining_methods, ..
            } => {
                methods = remaining_methods;
                partial = true;
            }
        }
    }
    if methods.contains(&MethodKind::KeyboardInteractive) {
        return with_prompts(target, user, password).await;
    }
    Ok(Attempt::Refused(if partial { MORE_WANTED } else { NOT_OFFERED }))
}

/// Answers every hidden prompt with the password and every visible one with nothing (RFC 4256).
async fn with_prompts<H: client::Handler>(
    target: &mut client::Handle<H>,
    user: &str,
    password: &str,
) -> Result<Attempt> {
    let mut answer = target
        .authenticate_keyboard_interactive_start(user, None::<String>)
        .await
        .map_err(network)?;
    for _ in 0..ROUNDS {
        let prompts = match answer {
            Interactive::Success => return Ok(Attempt::Accepted),
            Interactive::Failure { partial_success, .. } => {
                return Ok(Attempt::Refused(if partial_success { MORE_WANTED } else { "" }));
            }
            Interactive::InfoRequest { prompts, .. } => prompts,
        };
        let reply = |prompt: &Prompt| {
            if prompt.echo {
                String::new()
            } else {
                password.to_owned()
            }
        };
        answer = target
            .authenticate_keyboard_interactive_respond(prompts.iter().map(reply).collect())
            .await
            .map_err(network)?;
    }
    Err(error(
        ErrorKind::Protocol,
        format!("the target asked more than {ROUNDS} rounds of questions"),
    ))
}

async fn with_key<H: client::Handler>(
    target: &mut client::Handle<H>,
    credential: &Arc<Credential>,
    methods: &MethodSet,
) -> Result<Attempt> {
    if !methods.contains(&MethodKind::PublicKey) {
        return Ok(Attempt::Refused(NOT_OFFERED));
    }
    let (key, certificate) = read_key(credential.clone()).await?;
    let user = credential.username.as_str();
    let key = Arc::new(key);
    let result = if let Some(certificate) = certificate {
        target.authenticate_openssh_cert(user, key, certificate).await
    } else {
        let hash = if key.algorithm().is_rsa() {
            Some(rsa_hash(target).await?)
        } else {
            None
        };
        target
            .authenticate_publickey(user, PrivateKeyWithHashAlg::new(key, hash))
            .await
    };
    Ok(match result.map_err(network)? {
        AuthResult::Success => Attempt::Accepted,
        AuthResult::Failure {
            partial_success: true,
            ..
        } => Attempt::Refused(MORE_WANTED),
        AuthResult::Failure { .. } => Attempt::Refused(""),
    })
}

/// The hash for an RSA signature (RFC 8332): what the target lists (RFC 8308), SHA-256 if it lists nothing, never
/// SHA-1.
async fn rsa_hash<H: client::Handler>(target: &client::Handle<H>) -> Result<HashAlg> {
    match target.best_supported_rsa_hash().await.map_err(network)? {
        Some(Some(hash)) => Ok(hash),
        None => Ok(HashAlg::Sha256),
        Some(None) => Err(error(
            ErrorKind::Unsupported,
            "the target takes RSA signatures with SHA-1 only: store an ed25519 key",
        )),
    }
}

/// Reads the key; in a thread of its own, because decrypting one takes a tenth of a second on purpose.
async fn read_key(credential: Arc<Credential>) -> Result<(PrivateKey, Option<Certificate>)> {
    let read = move || {
        let CredentialSecret::PrivateKey {
            pem,
            passphrase,
            certificate,
        } = &credential.secret
        else {
            return Err(error(ErrorKind::Internal, "the credential is not a key"));
        };
        let unreadable = |what: &str| {
            error(
                ErrorKind::TargetAuthentication,
                format!("the stored {what} is not readable: enter it again"),
            )
        };
        let passphrase = passphrase.as_ref().map(|secret| secret.expose().as_str());
        // The library's own error is not attached: it could quote the key.
        let key = decode_secret_key(pem.expose(), passphrase)
            .map_err(|_| unreadable("private key or passphrase"))?;
        let certificate = certificate
            .as_deref()
            .map(Certificate::from_openssh)
            .transpose()
            .map_err(|_| unreadable("certificate"))?;
        Ok((key, certificate))
    };
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|_| error(ErrorKind::Internal, "reading the stored key failed"))?
}
