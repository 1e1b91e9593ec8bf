//! `jump ssh-config`: OpenSSH reaches items by name.

use clap::Args;
use jump_core::control::ItemView;
use jump_core::model::JumpMethod;

use super::Context;
use super::up::shell_word;
use crate::connect::connect;
use crate::error::Failure;
use crate::state::Home;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only this item: its name, GROUP/NAME or id
    item: Option<String>,
}

pub(crate) async fn run(context: &Context<'_>, arguments: Arguments) -> Result<(), Failure> {
    let rep = connect(&context.home).await?;
    let mut items = match arguments.item {
        Some(item) => vec![rep.item(&item).await?],
        None => rep.items().await?,
    };
    items.retain(|item| item.details.method() == JumpMethod::ShellJump);
    let program = std::env::current_exe().map_err(crate::error::runtime)?;
    let program = program.display().to_string();
    let blocks: Vec<String> = items
        .iter()
        .map(|item| block(&context.home, &program, item))
        .collect();
    context.output.say(blocks.join("\n").trim_end())?;
    context
        .output
        .value(&serde_json::json!({ "config": blocks.join("\n") }))
}

/// One `Host` of ssh_config(5).
///
/// ssh runs the ProxyCommand in a shell and expands `%`, and names were chosen by others: the item is named by its id.
fn block(home: &Home, program: &str, item: &ItemView) -> String {
    let word = |text: &str| shell_word(text).replace('%', "%%");
    let host = if is_host_pattern(&item.name) {
        item.name.clone()
    } else {
        format!("jump-{}", item.id)
    };
    let known_hosts = home
        .known_hosts()
        .display()
        .to_string()
        .replace('%', "%%")
        .replace('"', "");
    format!(
        "Host {host}\n    ProxyCommand {} --home {} --profile {} proxy {}\n    HostKeyAlias jump-{}\n    \
         UserKnownHostsFile \"{known_hosts}\"\n    StrictHostKeyChecking accept-new\n",
        word(program),
        word(&home.folder().display().to_string()),
        word(home.profile()),
        item.id,
        item.id,
    )
}

/// Whether the name stands for itself in a `Host` line.
fn is_host_pattern(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.chars().all(plain) && !name.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_chosen_by_others_never_reach_the_shell() {
        for bad in ["a b", "*", "!x", "$(id)", "a;b", "-oProxyCommand=x", "a\"b", "%h"] {
            assert!(!is_host_pattern(bad), "{bad}");
        }
        assert!(is_host_pattern("web-1.berlin"));
    }
}
