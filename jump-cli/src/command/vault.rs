//! `jump vault`.

mod association;
mod local;
mod tables;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jump_core::control::{RepRequest, Response, VaultAnswer, VaultRequest};
use jump_core::keys::{SealingKey, SealingPublicKey};
use jump_core::model::{Comments, Name, UserName};
use jump_core::rep::Rep;
use jump_core::session::{Credential, CredentialSecret};
use jump_core::vault::{AccountDraft, GroupOrAccount, VaultRole, open_checked_out, seal_for_vault};

use super::{Context, credential};
use crate::connect::connect;
use crate::error::{Failure, surprised, usage};
use crate::output::{Output, moment};
use association::AssociationArguments;

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a vault in a site's folder on this machine; the broker uses it from its next start
    Init(local::FolderArguments),
    /// Add an account; nobody may use it, and it goes with no item, until `grant` and `associate` say so
    #[command(arg_required_else_help = true)]
    Add(AddArguments),
    /// Give an account another credential; the next session gets it
    #[command(arg_required_else_help = true)]
    Set {
        /// The account's name
        account: Name,
        #[command(flatten)]
        credential: credential::CredentialArguments,
    },
    /// List the accounts: an administrator all, others those they may use
    List,
    /// Remove an account
    Remove {
        /// The account's name
        account: Name,
    },
    /// Add an account group
    AddGroup {
        name: Name,
        /// What it is for
        #[arg(long)]
        description: Option<Comments>,
    },
    /// List the account groups
    Groups,
    /// Remove an empty account group
    RemoveGroup { name: Name },
    /// Let a user use an account
    Grant {
        #[command(flatten)]
        on: OnArguments,
        user: UserName,
        /// Whether the user may also see the secret
        #[arg(long, value_enum, default_value_t = RoleArgument::Inject)]
        role: RoleArgument,
    },
    /// Take that away
    Revoke {
        #[command(flatten)]
        on: OnArguments,
        user: UserName,
    },
    /// Say with which items an account goes
    ///
    /// Of several kinds of criteria an item has to fit all, of one kind one entry. Patterns are TEXT, TEXT*, *TEXT or
    /// *TEXT*; case does not matter.
    #[command(arg_required_else_help = true)]
    Associate {
        #[command(flatten)]
        on: OnArguments,
        #[command(flatten)]
        with: AssociationArguments,
    },
    /// List the credentials that you may inject on an item, the closest first
    Match {
        /// The item's name, GROUP/NAME or id
        item: String,
    },
    /// Encrypt everything anew under a fresh master key
    RotateKey(local::RotateArguments),
    /// Show a credential that you may check out
    Checkout {
        /// The account's name
        account: Name,
    },
    /// End a check-out
    Checkin {
        /// The account's name
        account: Name,
        /// Whose check-out, if not yours (administrators)
        #[arg(long)]
        user: Option<UserName>,
    },
}

#[derive(Debug, Args)]
struct AddArguments {
    /// The account's name
    name: Name,
    #[command(flatten)]
    credential: credential::CredentialArguments,
    /// What it is for
    #[arg(long)]
    description: Option<Comments>,
    /// Put it into this account group
    #[arg(long, value_name = "NAME")]
    group: Option<Name>,
    /// Let several users have it checked out at once
    #[arg(long)]
    allow_simultaneous_checkout: bool,
    /// After how many seconds a check-out ends by itself
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..))]
    max_checkout: u32,
}

#[derive(Debug, Args)]
struct OnArguments {
    /// The account's name
    name: Name,
    /// NAME is an account group
    #[arg(long)]
    account_group: bool,
}

impl OnArguments {
    fn named(self) -> GroupOrAccount {
        if self.account_group {
            GroupOrAccount::Group(self.name)
        } else {
            GroupOrAccount::Account(self.name)
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum RoleArgument {
    /// A Jumpoint may inject it; it is never shown
    Inject,
    /// The same, and it may be checked out
    InjectAndCheckout,
}

impl From<RoleArgument> for VaultRole {
    fn from(role: RoleArgument) -> Self {
        match role {
            RoleArgument::Inject => VaultRole::Inject,
            RoleArgument::InjectAndCheckout => VaultRole::InjectAndCheckout,
        }
    }
}

async fn ask(rep: &Rep, request: VaultRequest) -> Result<VaultAnswer, Failure> {
    match rep.request(RepRequest::Vault(request)).await? {
        Response::Vault(answer) => Ok(answer),
        _ => Err(surprised()),
    }
}

async fn sealing_key(rep: &Rep) -> Result<SealingPublicKey, Failure> {
    match ask(rep, VaultRequest::Key).await? {
        VaultAnswer::Key(key) => Ok(key),
        _ => Err(surprised()),
    }
}

async fn read(credential: &credential::CredentialArguments) -> Result<Credential, Failure> {
    credential.read_of_user().await?.ok_or_else(|| {
        usage("an account needs a user name and a secret")
            .hint("add --user NAME with --ask-password, --password-stdin or --identity FILE")
    })
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let output = context.output;
    let home = &context.home;
    let (request, done) = match arguments.verb {
        Verb::Init(arguments) => return local::init(context, arguments).await,
        Verb::RotateKey(arguments) => return local::rotate(context, arguments).await,
        Verb::List => {
            return match ask(&connect(home).await?, VaultRequest::List).await? {
                VaultAnswer::Accounts(accounts) => tables::accounts(output, &accounts),
                _ => Err(surprised()),
            };
        }
        Verb::Groups => {
            return match ask(&connect(home).await?, VaultRequest::Groups).await? {
                VaultAnswer::Groups(groups) => tables::groups(output, &groups),
                _ => Err(surprised()),
            };
        }
        Verb::Match { item } => {
            return tables::credentials(output, &connect(home).await?.credentials(&item).await?);
        }
        Verb::Checkout { account } => return check_out(context, account).await,
        Verb::Add(arguments) => {
            // Asked for first: nothing is half done if the user thinks better of it.
            let credential = read(&arguments.credential).await?;
            let rep = connect(home).await?;
            let draft = AccountDraft {
                description: arguments.description.unwrap_or_default(),
                group: arguments.group,
                allow_simultaneous_checkout: arguments.allow_simultaneous_checkout,
                max_checkout_seconds: arguments.max_checkout,
                ..AccountDraft::new(arguments.name)
            };
            let secret = seal_for_vault(&sealing_key(&rep).await?, &draft.name, &credential)?;
            let done = format!("Added account {}.", draft.name);
            return tell(&rep, output, VaultRequest::Add { draft, secret }, done).await;
        }
        Verb::Set { account, credential } => {
            let credential = read(&credential).await?;
            let rep = connect(home).await?;
            let secret = seal_for_vault(&sealing_key(&rep).await?, &account, &credential)?;
            let done = format!("Account {account} has a new credential.");
            return tell(&rep, output, VaultRequest::SetSecret { account, secret }, done).await;
        }
        Verb::Remove { account } => {
            let done = format!("Removed account {account}.");
            (VaultRequest::Remove { account }, done)
        }
        Verb::AddGroup { name, description } => {
            let done = format!("Added account group {name}.");
            let description = description.unwrap_or_default();
            (VaultRequest::AddGroup { name, description }, done)
        }
        Verb::RemoveGroup { name } => {
            let done = format!("Removed account group {name}.");
            (VaultRequest::RemoveGroup { name }, done)
        }
        Verb::Grant { on, user, role } => {
            let role = VaultRole::from(role);
            let done = format!("{user} may {role} with {}.", on.name);
            let (on, role) = (on.named(), Some(role));
            (VaultRequest::Grant { on, user, role }, done)
        }
        Verb::Revoke { on, user } => {
            let done = format!("{user} may do nothing with {} any more.", on.name);
            let (on, role) = (on.named(), None);
            (VaultRequest::Grant { on, user, role }, done)
        }
        Verb::Associate { on, with } => {
            let done = format!("Associated {}.", on.name);
            let (on, with) = (on.named(), with.draft()?);
            (VaultRequest::Associate { on, with }, done)
        }
        Verb::Checkin { account, user } => {
            let done = format!("Checked in {account}.");
            (VaultRequest::CheckIn { account, user }, done)
        }
    };
    tell(&connect(home).await?, output, request, done).await
}

async fn tell(rep: &Rep, output: &Output, request: VaultRequest, done: String) -> Result<(), Failure> {
    rep.request(RepRequest::Vault(request)).await?;
    output.say(jump_core::text::Escaped(&done))?;
    output.value(&serde_json::json!({ "done": true }))
}

/// The credential is for a person or program at this end: it goes to standard output and nowhere else.
async fn check_out(context: &Context<'_>, account: Name) -> Result<(), Failure> {
    let output = context.output;
    let rep = connect(&context.home).await?;
    let key = SealingKey::generate()?;
    let request = VaultRequest::CheckOut {
        account: account.clone(),
        key: key.public(),
    };
    let VaultAnswer::CheckedOut(checked) = ask(&rep, request).await? else {
        return Err(surprised());
    };
    let credential = open_checked_out(&key, &account, &checked.credential)?;
    let until = moment(checked.until);
    output.say(format_args!(
        "You have {account} until {until}; give it back with: jump vault checkin {}",
        super::up::shell_word(account.as_str())
    ))?;
    output.say(format_args!(
        "user: {}",
        jump_core::text::Escaped(&credential.username)
    ))?;
    match &credential.secret {
        CredentialSecret::Password(password) => {
            output.say(format_args!("password: {}", password.expose()))?;
            output.value(&serde_json::json!({
                "account": account, "until": checked.until,
                "username": credential.username, "password": password.expose(),
            }))
        }
        CredentialSecret::PrivateKey {
            pem,
            passphrase,
            certificate,
        } => {
            if let Some(passphrase) = passphrase {
                output.say(format_args!("passphrase: {}", passphrase.expose()))?;
            }
            if let Some(certificate) = certificate {
                output.say(format_args!("certificate: {certificate}"))?;
            }
            output.say(pem.expose().trim_end())?;
            output.value(&serde_json::json!({
                "account": account, "until": checked.until,
                "username": credential.username, "private_key": pem.expose(),
                "passphrase": passphrase.as_ref().map(|secret| secret.expose().as_str()),
                "certificate": certificate,
            }))
        }
        _ => Err(surprised()),
    }
}

/// The site's folder on this machine.
fn folder(context: &Context<'_>, data: Option<PathBuf>) -> crate::site::SiteFolder {
    crate::site::SiteFolder::new(data.unwrap_or_else(|| context.home.site()))
}
